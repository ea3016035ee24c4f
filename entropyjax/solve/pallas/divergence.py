"""Which values of a jaxpr may differ between lanes: loops carry those as vectors and the others as scalars."""

from collections.abc import Sequence
from typing import Any

from jax.extend import core

_BODIES = ("jaxpr", "call_jaxpr", "fun_jaxpr", "call")
"""Parameters in which primitives that call a function keep its jaxpr."""


def body_of(equation: Any) -> Any:
    """Return the jaxpr that an equation calls, or `None`."""
    found = (equation.params[name] for name in _BODIES if name in equation.params)
    return next((body for body in found if hasattr(body, "eqns") or hasattr(body, "jaxpr")), None)


def divergent(jaxpr: Any, varying: Sequence[bool]) -> list[bool]:
    """Return which results of a jaxpr may differ between lanes, `varying` says which arguments do."""
    jaxpr = getattr(jaxpr, "jaxpr", jaxpr)
    known = dict.fromkeys(jaxpr.constvars, False)
    known.update(zip(jaxpr.invars, varying, strict=True))

    def read(atom: Any) -> bool:
        return not isinstance(atom, core.Literal) and known[atom]

    for equation in jaxpr.eqns:
        known.update(zip(equation.outvars, _results(equation, [read(atom) for atom in equation.invars]), strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def carried(body: Any, fixed: Sequence[bool], start: Sequence[bool], rows: Sequence[bool] = ()) -> list[bool]:
    """Return which carried values of a loop differ between lanes in some round; `rows` are those of scanned arrays."""
    flags = list(start)
    while True:
        after = divergent(body, [*fixed, *flags, *rows])[: len(flags)]
        grown = [a or b for a, b in zip(flags, after, strict=True)]
        if grown == flags:
            return flags
        flags = grown


def carried_while(equation: Any, varying: Sequence[bool]) -> tuple[list[bool], bool]:
    """Return which carried values of a `while` differ between lanes, and whether lanes leave it in different rounds."""
    params = equation.params
    tests, bodies = params["cond_nconsts"], params["body_nconsts"]
    fixed, start = varying[tests : tests + bodies], varying[tests + bodies :]
    flags = carried(params["body_jaxpr"], fixed, start)
    ragged = divergent(params["cond_jaxpr"], [*varying[:tests], *flags])[0]
    return [True] * len(flags) if ragged else flags, ragged


def _results(equation: Any, varying: list[bool]) -> list[bool]:
    name, params = equation.primitive.name, equation.params
    if name == "scan":
        consts, carries = params["num_consts"], params["num_carry"]
        fixed, rows = varying[:consts], varying[consts + carries :]
        flags = carried(params["jaxpr"], fixed, varying[consts : consts + carries], rows)
        return [*flags, *divergent(params["jaxpr"], [*fixed, *flags, *rows])[carries:]]
    if name == "while":
        return carried_while(equation, varying)[0]
    if name == "cond":
        outs = [divergent(branch, varying[1:]) for branch in params["branches"]]
        return [varying[0] or any(column) for column in zip(*outs, strict=True)]
    body = body_of(equation)
    if body is not None:
        return divergent(body, varying)
    return [any(varying)] * len(equation.outvars)
