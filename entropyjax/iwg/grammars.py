"""GBNF grammars of a chat model's replies, for endpoints that are llama.cpp's; the schemas stand in `prompts`.

Texts have an end, which a schema does not give them: a small model goes on for ever else.
"""

import json
from collections.abc import Sequence

_CHARACTERS = 200
"""Longest text in a reply."""

_OTHERS = 3
"""Most dispatches of a turn beside the first."""

_COMMON = f"""
truth ::= "true" | "false"
text ::= "\\"" char{{0,{_CHARACTERS}}} "\\""
char ::= [^"\\\\\\x00-\\x1F] | "\\\\" ["\\\\/bfnrt]
"""


def plan_grammar(roster: Sequence[str]) -> str:
    """Return the grammar of a plan, which names executors of the roster only and leaves the task board as it is."""
    names = " | ".join(_literal(json.dumps(name)) for name in roster)
    dispatch = _object(executor="name", query="text", task="text")
    plan = _object(thought="text", dispatches=f'"[" (dispatch (", " dispatch){{0,{_OTHERS}}})? "]"', answer="text")
    return f"root ::= {plan}\ndispatch ::= {dispatch}\nname ::= {names}{_COMMON}"


def reflexion_grammar() -> str:
    """Return the grammar of a conclusion."""
    return f"root ::= {_object(success='truth', summary='text', error='text', recovery='text')}{_COMMON}"


def _object(**parts: str) -> str:
    """Return the rule of an object, its fields in this order."""
    fields = [f"{_literal(json.dumps(name) + ': ')} {rule}" for name, rule in parts.items()]
    return '"{" ' + ' ", " '.join(fields) + ' "}"'


def _literal(text: str) -> str:
    """Return a text as GBNF writes it."""
    return json.dumps(text)
