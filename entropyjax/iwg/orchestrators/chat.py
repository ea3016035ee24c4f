"""A chat model as an orchestrator: plan mode and reflexion mode as two conversations of one turn each."""

import dataclasses
import json
import re
from collections.abc import Sequence
from typing import Any, Literal

from entropyjax.iwg.chat import Chat, Message, Options, Reply
from entropyjax.iwg.codec import from_json
from entropyjax.iwg.errors import WorkflowError
from entropyjax.iwg.grammars import plan_grammar, reflexion_grammar
from entropyjax.iwg.orchestrator import View
from entropyjax.iwg.prompts import PLAN, REFLEXION, plan_schema, reflexion_schema, roster_lines
from entropyjax.iwg.replies import ask, json_object
from entropyjax.iwg.scheduling import by_dispatch, scheduling_vector
from entropyjax.iwg.trajectory import BoardUpdate, Dispatch, Observation, Plan, Reflexion, Scheduling, Usage

_EXECUTOR = re.compile(r'"executor"\s*:\s*"')
"""What stands before an executor's name in a plan."""


@dataclasses.dataclass(frozen=True)
class ChatSettings:
    """How a chat model is asked.

    **Attributes:**

    - `options`: temperature and so on; with `top_logprobs` the scheduling vector comes from log-probabilities.
    - `resample`: plans drawn again at each turn for the scheduling vector, where log-probabilities are not given or
      miss more than they tell; they need a temperature above 0.
    - `attempts`: how often a reply that cannot be read is asked for.
    - `constrain`: what replies are forced into their form by, where the endpoint knows it: a JSON schema, a grammar,
      which also bounds the length of texts, or nothing.

    **Raises:** `WorkflowError` for plans drawn again that would all be alike, or a single one.
    """

    options: Options = Options(top_logprobs=20)
    resample: int = 0
    attempts: int = 2
    constrain: Literal["schema", "grammar", "nothing"] = "schema"

    def __post_init__(self) -> None:
        if self.resample and self.options.temperature == 0.0:
            raise WorkflowError(f"{self.resample} plans drawn at temperature 0 are all alike; set a higher one.")
        if self.resample == 1 or self.resample < 0:
            raise WorkflowError(f"resample is {self.resample}; take 0, or at least 2 plans.")

    def forced(self, schema: str, grammar: str, top_logprobs: int) -> Options:
        """Return the options of a reply with its form."""
        return dataclasses.replace(
            self.options,
            top_logprobs=top_logprobs,
            schema=schema if self.constrain == "schema" else None,
            grammar=grammar if self.constrain == "grammar" else None,
        )


class ChatOrchestrator:
    """Asks a chat model for a plan at each turn, and for a conclusion from each answer.

    It sees of an observation what the executor said, and nothing of what the judge knows.
    """

    def __init__(self, chat: Chat, name: str, settings: ChatSettings = ChatSettings()):
        self.chat, self.name, self.settings = chat, name, settings

    async def plan(self, view: View) -> Plan:
        messages = _plan_messages(view)
        roster = [one.name for one in view.executors]
        asked = self.settings.options.top_logprobs
        options = self.settings.forced(plan_schema(roster), plan_grammar(roster), asked)
        plan, reply = await ask(self.chat, messages, options, _plan, self.settings.attempts)
        if not plan.dispatches:
            return dataclasses.replace(plan, usage=_usage(reply))
        names = [[one.executor for one in plan.dispatches]]
        scheduling = scheduling_vector(reply, roster, _EXECUTOR, names)
        told = scheduling.source == "log-probabilities" and scheduling.valid_mass >= scheduling.missing
        if self.settings.resample and not told:
            scheduling = await self._resample(messages, options, roster)
        return dataclasses.replace(plan, scheduling=scheduling, usage=_usage(reply))

    async def reflect(self, view: View, dispatch: Dispatch, observation: Observation) -> Reflexion:
        text = REFLEXION.format(
            query=view.query,
            board=view.board,
            executor=dispatch.executor,
            request=dispatch.query,
            output=observation.output,
        )
        options = self.settings.forced(reflexion_schema(), reflexion_grammar(), 0)
        messages = [Message("user", text)]
        found, reply = await ask(self.chat, messages, options, _reflexion, self.settings.attempts)
        return dataclasses.replace(found, usage=_usage(reply))

    async def _resample(self, messages: Sequence[Message], options: Options, roster: Sequence[str]) -> Scheduling:
        """Return the shares of executors in plans that are drawn again; one that cannot be read names nobody."""
        plans = []
        for number in range(1, self.settings.resample + 1):
            seed = None if options.seed is None else options.seed + number
            reply = await self.chat.reply(messages, dataclasses.replace(options, seed=seed, top_logprobs=0))
            try:
                plans.append([one.executor for one in _plan(json_object(reply.text)).dispatches])
            except WorkflowError:
                plans.append([])
        return by_dispatch(plans, roster)


def _plan_messages(view: View) -> list[Message]:
    history = "\n\n".join(one.text for one in view.history) or "(nothing yet)"
    text = PLAN.format(
        roster=roster_lines(view.executors),
        query=view.query,
        board=view.board,
        history=history,
        turn=view.turn + 1,
        turns=view.turns,
    )
    return [Message("user", text)]


def _plan(found: dict[str, Any]) -> Plan:
    """Return a plan; what a model leaves out counts as empty, and what it adds is ignored."""
    updates = tuple(from_json(BoardUpdate, _known(one, BoardUpdate)) for one in _listed(found, "updates"))
    asked = (tuple(_text(one, name) for name in ("executor", "query", "task")) for one in _listed(found, "dispatches"))
    # Only whoever knows the gold plan may name its marks.
    dispatches = tuple(Dispatch(*texts) for texts in asked)
    thought, answer = (_text(found, name) for name in ("thought", "answer"))
    if not dispatches and not answer:
        raise WorkflowError("The plan has neither dispatches nor an answer.")
    return Plan(thought, updates, dispatches, answer)


def _reflexion(found: dict[str, Any]) -> Reflexion:
    success = found.get("success")
    if not isinstance(success, bool):
        raise WorkflowError(f"'success' is {json.dumps(success)[:40]}, and true or false was expected.")
    summary, error, recovery = (_text(found, name) for name in ("summary", "error", "recovery"))
    return Reflexion(success, summary, error, recovery)


def _listed(found: dict[str, Any], name: str) -> list[dict[str, Any]]:
    values = found.get(name) or []
    if not isinstance(values, list) or not all(isinstance(one, dict) for one in values):
        raise WorkflowError(f"'{name}' is {json.dumps(values)[:40]}, and a list of objects was expected.")
    return values


def _known(found: dict[str, Any], kind: type) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(kind)]
    return {name: found[name] for name in names if name in found}


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _usage(reply: Reply) -> Usage:
    return Usage(reply.input_tokens, reply.output_tokens, reply.reasoning_tokens)
