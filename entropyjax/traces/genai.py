"""Attributes of spans of generative AI: which names mean the same, and which operations are what."""

from collections.abc import Mapping
from typing import Any

from entropyjax.traces.spans import Kind

ALIASES: Mapping[str, tuple[str, ...]] = {
    "operation": ("gen_ai.operation.name", "openinference.span.kind", "traceloop.span.kind", "llm.request.type"),
    "agent": ("gen_ai.agent.name", "gen_ai.workflow.name", "agent.name", "traceloop.entity.name"),
    "tool": ("gen_ai.tool.name", "tool.name", "traceloop.entity.name"),
    "conversation": (
        "gen_ai.conversation.id",
        "session.id",
        "traceloop.association.properties.conversation_id",
        "traceloop.association.properties.session_id",
        "langfuse.session.id",
    ),
    "input": (
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
        "llm.token_count.prompt",
        "llm.usage.prompt_tokens",
    ),
    "output": (
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
        "llm.token_count.completion",
        "llm.usage.completion_tokens",
    ),
    "reasoning": (
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.reasoning_tokens",
        "llm.token_count.completion_details.reasoning",
        "llm.usage.reasoning_tokens",
    ),
    "compacted": ("gen_ai.conversation.compacted",),
    "model": ("gen_ai.request.model", "llm.model_name", "gen_ai.response.model"),
    "task": ("entropyjax.task",),
    "trial": ("entropyjax.trial",),
    "success": ("entropyjax.success",),
}
"""Attributes that mean the same, the first that a span has counting: those of the conventions, of their older versions,
of OpenInference, of OpenLLMetry (Traceloop), and this library's own for what no convention says."""

OPERATIONS: Mapping[str, Kind] = {
    "invoke_agent": Kind.AGENT,
    "agent": Kind.AGENT,
    "invoke_workflow": Kind.WORKFLOW,
    "workflow": Kind.WORKFLOW,
    "execute_tool": Kind.TOOL,
    "tool": Kind.TOOL,
    "chat": Kind.CHAT,
    "generate_content": Kind.CHAT,
    "text_completion": Kind.CHAT,
    "completion": Kind.CHAT,
    "llm": Kind.CHAT,
}
"""Operations and kinds of spans in lower case; all others are passed over."""


def kind_of(has: Mapping[str, Any]) -> Kind:
    """Return what a span with these attributes is."""
    return OPERATIONS.get(str(said(has, "operation")).lower(), Kind.OTHER)


def said(has: Mapping[str, Any], name: str) -> Any:
    """Return what a span's attributes say under any of the names in `ALIASES`, or `None`."""
    return next((has[alias] for alias in ALIASES[name] if has.get(alias) is not None), None)
