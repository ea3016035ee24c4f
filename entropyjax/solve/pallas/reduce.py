"""What a kernel does with its sinks: each vector of lanes is reduced at once, XLA merges the vectors of an item."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.experimental import pallas as pl

from entropyjax.solve.native.interpret import Rows
from entropyjax.solve.native.layout import Group, Layout, inside, make_layout, row_count
from entropyjax.solve.pallas.interpret import Column
from entropyjax.solve.pallas.vectors import Vectors
from entropyjax.solve.unsupported import Unsupported

_TILE = 16
"""Bins of a histogram that are counted together: a thread holds so many numbers."""


def outline(sinks: list[Any]) -> Layout:
    """Return the layout of sinks without their values."""
    known: dict[int, Column] = {}

    def strip(leaf: Any) -> Any:
        if isinstance(leaf, np.ndarray):
            raise Unsupported("it reduces arrays, where a kernel reduces scalars only")
        if isinstance(leaf, Rows):
            return dataclasses.replace(leaf, after=tuple(map(strip, leaf.after)))
        return known.setdefault(id(leaf), Column(-1, len(known), leaf.dtype))

    layout = make_layout(jax.tree.map(strip, sinks, is_leaf=lambda leaf: isinstance(leaf, np.ndarray)))
    loops = {rows.inside.loop for rows in (*layout.rows.keeps, *(value for value, _ in layout.rows.samples))}
    if len(loops) > 1:
        raise Unsupported("it saves in more than one loop")
    return layout


def shapes(layout: Layout, lanes: int) -> list[tuple[tuple[int, ...], Any]]:
    """Return the shape and type of each buffer that a vector of lanes fills; a buffer may stay without a use."""
    out: list[tuple[tuple[int, ...], Any]] = []
    for group in layout.groups:
        out.append(((max(1, group.columns), max(1, group.rows)), layout.dtype))
    out.append(((max(1, len(layout.totals)),), np.dtype(np.int32)))
    out += [((_width(size),), np.dtype(np.int32)) for _, _, size in layout.tallies]
    return out + [((row_count(value), lanes), inside(value).dtype) for value in layout.each]


def _width(size: int) -> int:
    """Return the next power of two, for Triton's arrays have such sizes."""
    return 1 << (size - 1).bit_length()


def _last(value: Any) -> tuple[Any, ...]:
    """Return the rows of a value that come after its loop: all of them, if it has none."""
    return value.after if isinstance(value, Rows) else (value,)


class Reducer:
    """Adds up the sinks of one vector of lanes in a program's buffers `refs`, which are as `shapes` says."""

    def __init__(self, layout: Layout, vectors: Vectors, refs: Sequence[Any]):
        self._layout, self._vectors = layout, vectors
        self._rows, self._ends, self._totals, *rest = refs
        self._tallies, self._each = rest[: len(layout.tallies)], rest[len(layout.tallies) :]

    def save(self, loop: int, row: Any, values: list[Any]) -> None:
        """Take row number `row` of all that a loop saves."""

        def read(rows: Any) -> Any:
            return self._vectors.spread(values[rows.inside.place])

        if any(keep.inside.loop == loop for keep in self._layout.rows.keeps):
            self._moments(self._rows, row, self._layout.rows, read)
        for ref, value in zip(self._each, self._layout.each, strict=True):
            column: Any = inside(value)
            if isinstance(value, Rows) and column.loop == loop:
                ref[row, :] = read(value)

    def finish(self, sinks: list[Any]) -> None:
        """Take what is known when the lanes have reached the horizon."""
        layout: Any = make_layout(sinks)
        spread = self._vectors.spread
        for place in range(layout.rows.rows - self._looped()):
            self._moments(self._rows, self._looped() + place, layout.rows, lambda rows, p=place: spread(rows.after[p]))
        self._moments(self._ends, 0, layout.ends, spread)
        for number, (value, keep) in enumerate(layout.totals):
            kept = jnp.where(spread(keep), spread(value), jnp.zeros((), value.dtype))
            self._totals[number] = jnp.sum(kept, dtype=np.int32)
        for ref, (place, keep, size) in zip(self._tallies, layout.tallies, strict=True):
            self._count(ref, spread(place), spread(keep), _width(size))
        for ref, value in zip(self._each, layout.each, strict=True):
            last = _last(value)
            for place, node in enumerate(last, start=row_count(value) - len(last)):
                ref[place, :] = spread(node)

    def _looped(self) -> int:
        """Return how many rows the loop over save times gives."""
        return next((value.length for value in self._layout.rows.keeps), 0)

    def _moments(self, ref: Any, row: Any, group: Group, read: Callable[[Any], Any]) -> None:
        """Store the count of every mask, and the mean and the sum of squared deviations of every sample."""
        dtype = self._layout.dtype
        masks = [read(keep) for keep in group.keeps]
        counts = [jnp.sum(mask.astype(dtype)) for mask in masks]
        for column, count in enumerate(counts):
            ref[column, row] = count
        for number, (value, which) in enumerate(group.samples):
            column = len(group.keeps) + 2 * number
            values, mask, zero = read(value), masks[which], jnp.zeros((), dtype)
            mean = jnp.sum(jnp.where(mask, values, zero)) / jnp.maximum(counts[which], jnp.ones((), dtype))
            deviation = values - lax.broadcast(mean, values.shape)
            ref[column, row] = mean
            ref[column + 1, row] = jnp.sum(jnp.where(mask, deviation * deviation, zero))

    def _count(self, ref: Any, places: Any, keep: Any, width: int) -> None:
        """Store a histogram, some bins at a time: Triton's atomic sums need buffers that hold zeros."""
        tile = min(width, _TILE)
        lanes, places = places.shape[0], places.astype(np.int32)

        def some(number: Any, none: tuple[()]) -> tuple[()]:
            first = number * np.int32(tile)
            bins = lax.broadcast(first, (tile,)) + lax.iota(np.int32, tile)
            hit = lax.broadcast_in_dim(places, (lanes, tile), (0,)) == lax.broadcast_in_dim(bins, (lanes, tile), (1,))
            hit = hit & lax.broadcast_in_dim(keep, (lanes, tile), (0,))
            ref[pl.ds(first, tile)] = jnp.sum(hit.astype(np.int32), axis=0, dtype=np.int32)
            return none

        lax.fori_loop(np.int32(0), np.int32(width // tile), some, ())


def merge(layout: Layout, outputs: Sequence[jax.Array], block: int) -> list[Any]:
    """Return the result of each sink from the buffers of all vectors.

    **Arguments:** `outputs`: buffers with leading axes of items and of an item's vectors; `block`: lanes of an item.
    """
    rows, ends, totals, *rest = outputs
    groups = {"rows": (layout.rows, rows), "ends": (layout.ends, ends[..., 0])}
    results = []
    for kind, number in layout.places:
        if kind in groups:
            group, out = groups[kind]
            column = len(group.keeps) + 2 * number
            results.append(_merged(*(out[:, :, place] for place in (group.samples[number][1], column, column + 1))))
        elif kind == "total":
            results.append(jnp.sum(totals[..., number], axis=1, dtype=totals.dtype))
        elif kind == "tally":
            counts = jnp.sum(rest[number], axis=1, dtype=np.int32)
            results.append(counts[:, : layout.tallies[number][2]])
        else:
            out = jnp.moveaxis(rest[len(layout.tallies) + number], 2, 3)
            out = out.reshape(out.shape[0], -1, out.shape[3])[:, :block]
            results.append(out if isinstance(layout.each[number], Rows) else out[..., 0])
    return results


def _merged(count: jax.Array, mean: jax.Array, square: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return the moments of the vectors of each item together (Chan, Golub & LeVeque 1979).

    n = sum n_i,   m = sum n_i m_i / n,   S = sum S_i + sum n_i (m_i - m)^2
    """
    total = jnp.sum(count, axis=1)
    whole = jnp.sum(count * mean, axis=1) / jnp.maximum(total, jnp.ones((), total.dtype))
    shift = mean - whole[:, None]
    return total, whole, jnp.sum(square + count * shift * shift, axis=1)
