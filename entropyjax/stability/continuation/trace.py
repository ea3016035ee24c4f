"""What a walk leaves behind: its points, and why it ended."""

import enum
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int


class Code(enum.IntEnum):
    """Why a walk ended."""

    RUNNING = 0
    BOUND = 1
    CLOSED = 2
    POINTS = 3
    NEWTON = 4
    TURN = 5


class Row(NamedTuple):
    """One point: z, the unit tangent, the reference, the step that led here, and the corrector's work and residual."""

    point: Float[Array, "*rows size"]
    tangent: Float[Array, "*rows size"]
    reference: Float[Array, "*rows n"]
    step: Float[Array, "*rows"]
    iterations: Int[Array, "*rows"]
    residual: Float[Array, "*rows"]


class Trace(NamedTuple):
    """The first `count` rows of a walk, its `Code`, and the place in z of the bound that it met, if any."""

    rows: Row
    count: Int[Array, ""]
    code: Int[Array, ""]
    coordinate: Int[Array, ""]


def begin(start: Row, length: int) -> Trace:
    """Return a trace with room for `length` rows and the first one written."""
    rows = Row(*(jnp.zeros((length, *part.shape), part.dtype).at[0].set(part) for part in start))
    one = jnp.ones((), jnp.int64)
    return Trace(rows, one, jnp.asarray(int(Code.RUNNING)), one)


def append(trace: Trace, row: Row, accepted: Array, code: Array, coordinate: Array) -> Trace:
    """Return the trace with a row more if it is `accepted`."""
    place = trace.count
    rows = (old.at[place].set(jnp.where(accepted, new, old[place])) for old, new in zip(trace.rows, row, strict=True))
    return Trace(Row(*rows), place + accepted.astype(place.dtype), code, coordinate)
