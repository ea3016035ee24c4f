"""A sample of each trace format, made by hand in the shape that the format's source shows."""

import json

from entropyjax.traces import FORMATS

TRACE = "5b8efff798038103d269b633813fc60c"


def attributes(**values):
    kinds = {bool: "boolValue", int: "intValue", str: "stringValue", float: "doubleValue"}
    return [
        # int64 is text in OTLP JSON.
        {"key": key, "value": {kinds[type(v)]: str(v) if type(v) is int else v}}
        for key, v in values.items()
    ]


def span(name, parent, start, end, *, trace=TRACE, code=None, **values):
    return {
        "traceId": trace,
        "spanId": name,
        "parentSpanId": parent,
        "name": name,
        "startTimeUnixNano": str(1_700_000_000_000_000_000 + start),
        "endTimeUnixNano": str(1_700_000_000_000_000_000 + end),
        "attributes": attributes(**{key.replace("__", "."): value for key, value in values.items()}),
        "status": {} if code is None else {"code": code},
    }


def agent(name, parent, start, end, **values):
    return span(name, parent, start, end, gen_ai__operation__name="invoke_agent", gen_ai__agent__name=name, **values)


def tool(name, parent, start, end, what=None, **values):
    operation = {"gen_ai__operation__name": "execute_tool", "gen_ai__tool__name": what or name}
    return span(name, parent, start, end, **operation, **values)


def chat(name, parent, start, end, size, out=10, **values):
    usage = {"gen_ai__usage__input_tokens": size, "gen_ai__usage__output_tokens": out, "gen_ai__request__model": "m"}
    return span(name, parent, start, end, gen_ai__operation__name="chat", **usage, **values)


def document(*spans, system="shop"):
    resource = {"attributes": attributes(**{"service.name": system})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {}, "spans": list(spans)}]}]}


RUN = [
    agent("boss", "", 0, 100, gen_ai__conversation__id="talk", entropyjax__task="k", entropyjax__success=True),
    chat("c1", "boss", 1, 10, 1000, **{"gen_ai__usage__reasoning__output_tokens": 6}),
    tool("search", "boss", 11, 20),
    tool("ask", "boss", 12, 30, "delegate", code=2),
    span("glue", "ask", 13, 29),
    agent("coder", "glue", 14, 28),
    chat("inner", "coder", 15, 16, 7),
    tool("compile", "coder", 17, 18),
    chat("c2", "boss", 31, 40, 1500),
    agent("writer", "boss", 41, 50),
    chat("c3", "boss", 51, 60, 1400, gen_ai__conversation__compacted=True),
]


def item(what, key, parent, start, end, **data):
    """A span of the OpenAI Agents SDK."""
    return {
        "object": "trace.span",
        "id": key,
        "trace_id": "trace_1",
        "parent_id": parent,
        "started_at": f"2026-01-01T00:00:{start:02d}.000000+00:00",
        "ended_at": f"2026-01-01T00:00:{end:02d}.000000+00:00",
        "span_data": {"type": what, **data},
        "error": None,
    }


def usage(size, out, reasoning):
    details = {"output_tokens_details": {"reasoning_tokens": reasoning}}
    return {"requests": 1, "input_tokens": size, "output_tokens": out, "total_tokens": size + out, **details}


SDK = [
    {
        "object": "trace",
        "id": "trace_1",
        "workflow_name": "desk",
        "group_id": None,
        "metadata": {"task": "k", "trial": 2, "success": False},
    },
    item("agent", "a1", None, 0, 12, name="Triage", tools=["find", "ask"], handoffs=["Billing"], output_type="str"),
    item("generation", "g1", "a1", 1, 2, model="m", usage=usage(800, 30, 5)),
    item("function", "f1", "a1", 2, 4, name="find", input="{}", output="x", mcp_data=None),
    item("function", "f2", "a1", 3, 8, name="ask", input="{}", output="x", mcp_data=None)
    | {"error": {"message": "no"}},
    item("agent", "a2", "f2", 4, 7, name="Expert", tools=["read"], handoffs=[], output_type="str"),
    item("response", "g2", "a2", 4, 5, response_id="r", usage=usage(50, 5, 0)),
    item("function", "f3", "a2", 5, 6, name="read", input="{}", output="x", mcp_data=None),
    item("response", "g3", "a1", 9, 10, response_id="r", usage=usage(1000, 40, 0)),
    item("handoff", "h1", "a1", 11, 12, from_agent="Triage", to_agent="Billing"),
    item("agent", "a3", None, 13, 20, name="Billing", tools=["pay"], handoffs=None, output_type="str"),
    item("custom", "u1", "a3", 13, 20, name="turn", data={"sdk_span_type": "turn", "turn": 1}),
    item("response", "g4", "u1", 14, 15, response_id="r", usage=usage(1100, 20, 0)),
    item("function", "f4", "u1", 16, 17, name="pay", input="{}", output="x", mcp_data=None),
]

STEP = {"t": 0, "turn": 0, "agent": "a", "tokens_in_context": 1500, "tokens_step": 20, "error": False}
NORMALISED = {
    "run_id": "r",
    "task_id": "k",
    "system": "s",
    "orchestrator_model": "m",
    "roster": ["a", "b"],
    "success": True,
    "trial": 0,
    "steps": [STEP, STEP | {"t": 1, "turn": 1, "agent": "b", "log_probabilities": {"a": -2.0, "b": -0.15}}],
}

TABLE = """run,task,agent,step,turn,context,tokens,reasoning,error,success,system,orchestrator,trial,roster
r1,k,a,0,0,1500,20,5,false,,s,m,0,a;b;c
r2,k,b,0,0,900,,,,,s,m,1,a;b
r1,k,b,1,1,1520,30,,true,yes,s,m,0,
"""

TEAM = {
    "question_ID": "q1",
    "question": "?",
    "is_corrected": False,
    "mistake_agent": "WebSurfer",
    "mistake_step": "4",
    "history": [
        {"role": "human", "content": "x" * 40},
        {"role": "Orchestrator (thought)", "content": "x" * 80},
        {"role": "Orchestrator (-> WebSurfer)", "content": "x" * 20},
        {"role": "WebSurfer", "content": "x" * 400},
        {"role": "Orchestrator (thought)", "content": "x" * 60},
        {"role": "Orchestrator (-> FileSurfer)", "content": None},
        {"role": "FileSurfer", "content": "x" * 8},
        {"role": "Orchestrator (termination condition)", "content": "x" * 4},
    ],
}

DISPATCH = {
    "dispatch": {"executor": "a", "mark": "m1", "query": "?", "task": ""},
    "observation": {"exception": None, "mark": "m1", "outcome": "reached", "output": "x"},
    "reflexion": {"error": "", "recovery": "", "success": True, "summary": "x"},
}
LAW = {"method": "law", "probabilities": {"a": 0.75, "b": 0.25}, "valid_mass": 1.0}
TURN = {"context": 1500.0, "plan": {"scheduling": LAW}, "reasoning": 8.0, "steps": [DISPATCH], "tokens": 20.0}
TRAJECTORY = {
    "answer": "x",
    "end": "answered",
    "instance": "k",
    "orchestrator": "m",
    "roster": ["a", "b"],
    "success": True,
    "system": "s",
    "trial": 0,
    "turns": [TURN, TURN | {"steps": [DISPATCH, DISPATCH]}],
}


def ran(key, kind, parent, start, end=None, *, error=None, name=None, outputs=None, **values):
    """A record of LangSmith, as its API gives it."""
    times = {"start_time": f"2026-01-01T00:00:{start:02d}.000000", "end_time": end and f"2026-01-01T00:00:{end:02d}"}
    ids = {"id": key, "trace_id": "t1", "parent_run_id": parent, "dotted_order": key}
    return {**ids, "name": name or key, "run_type": kind, **times, "error": error, "outputs": outputs, **values}


def counted(size, out, reasoning=0):
    details = {"output_token_details": {"reasoning": reasoning}}
    return {"usage_metadata": {"input_tokens": size, "output_tokens": out, "total_tokens": size + out, **details}}


ABOUT = {"metadata": {"thread_id": "talk", "trial": 2, "success": True}}
NAMED = {"metadata": {"ls_model_name": "m"}}
BEGUN = ran("root", "chain", None, 0, name="graph", extra=ABOUT, reference_example_id="k", session_name="desk")
LANGSMITH = [
    {name: value for name, value in BEGUN.items() if name not in ("end_time", "outputs", "error")},
    ran("node", "chain", "root", 1, 20, name="agent"),
    ran("c1", "llm", "node", 1, 2, extra=NAMED, outputs={"generations": [[]]} | counted(800, 30, 6)),
    ran("find", "tool", "node", 3, 4, extra={"metadata": {"success": "yes", "task": 3}}),
    ran("ask", "tool", "node", 3, 9, error="Traceback"),
    ran("inner", "llm", "ask", 4, 5, outputs=counted(50, 5)),
    ran("read", "tool", "ask", 5, 6),
    ran("c2", "llm", "node", 10, 11, prompt_tokens=1000, completion_tokens=40),
    ran("docs", "retriever", "node", 11, 12),
    ran("pay", "tool", "node", 12, 13, status="success"),
    {"id": "root", "trace_id": "t1", "dotted_order": "root", "end_time": "2026-01-01T00:00:30", "error": None},
]


def observed(key, kind, parent, start, end, **values):
    """An observation of Langfuse."""
    times = {"startTime": f"2026-01-01T00:00:{start:02d}.000Z", "endTime": f"2026-01-01T00:00:{end:02d}.000Z"}
    ids = {"id": key, "traceId": "t1", "projectId": "p", "type": kind, "parentObservationId": parent}
    return {**ids, **times, "name": key, "level": "DEFAULT", "usageDetails": {}, "model": None, **values}


CACHED = {"input": 500, "input_cache_read": 300, "output": 24, "output_reasoning": 6, "total": 830}
LANGFUSE = {
    "trace": {
        "id": "t1",
        "projectId": "p",
        "name": "desk",
        "sessionId": None,
        "metadata": json.dumps({"task": "k", "trial": 2}),
        "scores": [{"name": "toxicity", "value": 0.1}, {"name": "success", "value": 1, "dataType": "BOOLEAN"}],
    },
    "observations": [
        observed("workflow", "AGENT", None, 0, 30),
        observed("boss", "AGENT", "workflow", 1, 30),
        observed("late", "TOOL", "boss", 15, 16),
        observed("c1", "GENERATION", "boss", 1, 2, model="m", usageDetails=CACHED),
        observed("node", "SPAN", "boss", 3, 9),
        observed("find", "TOOL", "node", 3, 4),
        observed("coder", "AGENT", "node", 3, 9, level="ERROR"),
        observed("inner", "GENERATION", "coder", 4, 5, usageDetails={"input": 50, "output": 5}),
        observed("compile", "TOOL", "coder", 5, 6),
        observed("c2", "GENERATION", "boss", 10, 11, usageDetails={"input": 1000, "output": 40}),
        observed("docs", "RETRIEVER", "boss", 11, 12),
    ],
}


def called(key, *tools, out=10, size=0, cached=0):
    """A message of the assistant in an Inspect log, and the event of the model that gave it."""
    calls = [{"id": f"call_{key}_{place}", "function": name, "arguments": {}} for place, name in enumerate(tools)]
    message = {"id": key, "role": "assistant", "content": "", "source": "generate", "tool_calls": calls or None}
    usage = {"input_tokens": size, "output_tokens": out, "total_tokens": size + cached + out, "reasoning_tokens": 4}
    output = {"model": "m", "choices": [{"message": message, "stop_reason": "stop"}], "usage": usage}
    offers = [{"name": "find", "parameters": {}}, {"name": "ask", "parameters": {}}, {"name": "pay", "parameters": {}}]
    return message, {"event": "model", "model": "m", "input": [], "tools": offers, "output": output}


def answered(key, error=None):
    return {"role": "tool", "content": "x", "tool_call_id": key, "function": "?", "error": error}


FIRST, SECOND, LAST = (
    called("m1", "find", "ask", size=500, cached=300),
    called("m2", "pay", size=1000, out=40),
    called("m3", size=1100, out=5),
)
NESTED = called("n1", "read", size=50)
SAMPLE = {
    "id": 7,
    "epoch": 2,
    "input": "?",
    "target": "",
    "messages": [
        {"id": "u1", "role": "user", "content": "?", "source": "input"},
        FIRST[0],
        answered("call_m1_0"),
        answered("call_m1_1", {"type": "timeout", "message": "x"}),
        SECOND[0],
        answered("call_m2_0"),
        LAST[0],
    ],
    "scores": {"words": {"value": {"a": 1}}, "includes": {"value": "C", "answer": "x"}},
    "events": [FIRST[1], {"event": "tool", "function": "ask"}, NESTED[1], SECOND[1], LAST[1]],
}
INSPECT = {
    "version": 2,
    "status": "success",
    "eval": {"eval_id": "e", "run_id": "r", "task": "desk", "task_id": "i", "model": "m", "config": {}},
    "plan": {"name": "plan", "steps": [{"solver": "generate", "params": {}}]},
    "samples": [SAMPLE, SAMPLE | {"epoch": 1, "scores": {"includes": {"value": "I"}}, "events": None}],
}


def lines(*objects):
    return "".join(json.dumps(one) + "\n" for one in objects)


SAMPLES = {
    "inspect": lines(INSPECT),
    "langfuse": lines(LANGFUSE),
    "langsmith": lines(*LANGSMITH),
    "magentic_one": lines(TEAM),
    "normalised": lines(NORMALISED, NORMALISED | {"run_id": "q"}),
    "openai_agents": lines(*SDK),
    "otlp": lines(document(*RUN)),
    "table": TABLE,
    "workflow": lines(TRAJECTORY, TRAJECTORY | {"trial": 1}),
}


def sniffed(text):
    """The formats that say that a text is theirs."""
    return [known for known in FORMATS if FORMATS.get(known).sniff(text[: 1 << 16])]


def written(folder, *lines, name="spans.jsonl"):
    path = folder / name
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def names(found, run=0):
    return [found.agents[code] for code in found.agent[found.offsets[run] : found.offsets[run + 1]]]
