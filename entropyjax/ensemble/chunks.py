"""All trajectories of an ensemble inside one compiled program, chunk after chunk: memory grows with cells alone."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from entropyjax.ensemble.lanes import Items
from entropyjax.ensemble.moments import Moments

Part = Callable[[Items], Any]
"""Items with a leading axis to a pytree of their `Moments`."""


class Cut(NamedTuple):
    """How trajectories are cut into chunks.

    **Attributes:** `block`: lanes of an item; `blocks`: items of a cell; `cells`: cells of a chunk; `together`: items
    of each of them in it.
    """

    block: int
    blocks: int
    together: int
    cells: int


def cut(replicates: int, n_cells: int, lanes: int, largest: int) -> Cut:
    """Return a cut into chunks of about `lanes` lanes, in items of at most `largest`."""
    blocks = math.ceil(replicates / min(lanes, largest))
    block = math.ceil(replicates / blocks)
    together = min(blocks, max(1, lanes // block))
    return Cut(block, blocks, together, min(n_cells, max(1, lanes // (block * together))))


class Sums(NamedTuple):
    """Sums over trajectories: their number, and of the deviations from a reference and their squares.

    A mean is linear in them, and the reference (the mean of the first item) keeps rounding small.
    """

    count: Any
    reference: Any
    first: Any
    second: Any

    @property
    def mean(self) -> Any:
        """The mean, 0 of nothing."""
        return self.reference + self.first / self._trials

    @property
    def error(self) -> Any:
        """Standard error of the mean, 0 with fewer than two trajectories."""
        spread = jnp.maximum(self.second - self.first**2 / self._trials, 0.0)
        return jnp.sqrt(spread / jnp.maximum(self._trials - 1.0, 1.0) / self._trials)

    @property
    def _trials(self) -> Any:
        return jnp.maximum(self.count, 1).astype(self.first.dtype)


def sum_cells(
    part: Part,
    plan: Cut,
    zeros: Any,
    n_cells: int,
    values: Mapping[str, Any],
    criteria: Mapping[str, Any],
    *,
    recompute: bool,
) -> Any:
    """Return the `Sums` of all cells where `part` gives `Moments`, with a leading axis of cells.

    **Arguments:** `zeros`: what `part` averages, as zeros; `values`, `criteria`: swept ones, an array over cells each;
    `recompute`: whether a derivative in reverse mode computes chunks again; JAX keeps the numbers and masks of their
    lanes, 5 bytes a trajectory, and nothing else.
    """

    def chunk(cell: Any, step: Any) -> Any:
        moments = part(_items(plan, cell, step, values, criteria))
        moments = jax.tree.map(lambda leaf: leaf.reshape(plan.cells, plan.together, *leaf.shape[1:]), moments)
        return jax.tree.map(_with_slope, moments, is_leaf=_is_record)

    chunk = jax.checkpoint(chunk, prevent_cse=False) if recompute else chunk

    def group(number: Any) -> Any:
        cell = jnp.minimum(number * plan.cells + jnp.arange(plan.cells), n_cells - 1)

        def advance(carry: Any, _: None) -> tuple[Any, None]:
            sums, step = carry
            new = chunk(cell, step)
            return (
                jax.tree.map(lambda old, new: _add(old, *new, step=step), sums, new, is_leaf=_is_record),
                step + 1,
            ), None

        start = jax.tree.map(lambda zero: _nothing(zero, plan.cells), zeros)
        return lax.scan(advance, (start, jnp.int32(0)), None, math.ceil(plan.blocks / plan.together))[0][0]

    groups = lax.map(group, jnp.arange(math.ceil(n_cells / plan.cells)))
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[:n_cells], groups)


def _with_slope(moments: Moments) -> tuple[Moments, Any]:
    """Return moments without derivative, and a zero that has that of their sum, for which nothing needs to be kept."""
    total = jnp.sum(lax.stop_gradient(moments.count) * moments.mean, axis=1)
    return lax.stop_gradient(moments), total - lax.stop_gradient(total)


def _items(plan: Cut, cell: Any, step: Any, values: Mapping[str, Any], criteria: Mapping[str, Any]) -> Items:
    """Return the items of a chunk; those past a cell's last have no trajectories."""
    cells = jnp.repeat(cell, plan.together)
    block = jnp.tile(step * plan.together + jnp.arange(plan.together, dtype=step.dtype), plan.cells)
    return Items(
        cells.astype(jnp.uint32),
        block.astype(jnp.uint32) * jnp.uint32(plan.block),
        {name: column[cells] for name, column in values.items()},
        {name: column[cells] for name, column in criteria.items()},
    )


def _nothing(zero: Any, cells: int) -> Sums:
    none = jnp.zeros((cells, *zero.shape), zero.dtype)
    return Sums(none.astype(jnp.int32), none, none, none)


def _add(sums: Sums, new: Moments, slope: Any, step: Any) -> Sums:
    """Add the moments of items, along their second axis, to the sums of their cells."""
    first = new.mean[:, 0]
    reference = jnp.where(jnp.broadcast_to(step == 0, first.shape), first, sums.reference)
    apart = new.mean - reference[:, None]
    count = jnp.sum(jnp.round(new.count).astype(jnp.int32), axis=1, dtype=jnp.int32)
    return Sums(
        sums.count + count,
        reference,
        sums.first + jnp.sum(new.count * apart, axis=1) + slope,
        sums.second + jnp.sum(new.square + new.count * apart**2, axis=1),
    )


def _is_record(node: Any) -> bool:
    return isinstance(node, Moments | Sums)
