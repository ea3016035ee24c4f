"""Where a kernel adds up what its lanes give: accumulators per slot, and the buffers of the results."""

import dataclasses
from typing import Any

import numpy as np

from entropyjax.solve.native.graph import Node, Unsupported
from entropyjax.solve.native.saved import Rows
from entropyjax.solve.sinks import Each, Sample, Tally, Total

SLOTS = 64
"""Lanes with the same number modulo SLOTS share an accumulator, at every vector width."""


@dataclasses.dataclass
class Group:
    """Samples that are taken together: at every save time, or once at the end of a lane.

    **Attributes:**

    - `rows`: how many times they are taken.
    - `keeps`: the distinct masks, one counter each.
    - `samples`: value and number of the mask of each sample.
    - `base`: place of the group's first accumulator, in slots.
    """

    rows: int
    keeps: list[Any]
    samples: list[tuple[Any, int]]
    base: int = 0

    @property
    def columns(self) -> int:
        """Accumulators a row: counts, then a mean and a square for each sample."""
        return len(self.keeps) + 2 * len(self.samples)

    def add(self, value: Any, keep: Any) -> int:
        """Take one more sample; return its number."""
        number = next((n for n, known in enumerate(self.keeps) if _same(known, keep)), len(self.keeps))
        if number == len(self.keeps):
            self.keeps.append(keep)
        self.samples.append((value, number))
        return len(self.samples) - 1


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, Rows) and isinstance(second, Rows):
        return first.inside is second.inside and first.after == second.after
    return first is second


@dataclasses.dataclass
class Layout:
    """All sinks of a kernel.

    **Attributes:**

    - `rows`, `ends`: samples at the save times and at the end of a lane.
    - `tallies`, `totals`: the other sinks, as (place or value, mask, size).
    - `each`: values of which every lane's own is wanted.
    - `dtype`: floating type of the samples.
    - `places`: for each sink in order, its kind and its number there.
    """

    rows: Group
    ends: Group
    tallies: list[tuple[Node, Node, int]]
    totals: list[tuple[Node, Node]]
    each: list[Any]
    dtype: np.dtype
    places: list[tuple[str, int]]

    @property
    def groups(self) -> tuple[Group, Group]:
        """The samples' groups."""
        return self.rows, self.ends

    @property
    def accumulators(self) -> int:
        """Number of accumulators of all groups, and of the totals after them."""
        return sum(group.rows * group.columns for group in self.groups) + len(self.totals)

    def shapes(self, lanes: int) -> list[tuple[tuple[int, ...], Any]]:
        """Return the shape (without the leading axis of items) and type of each result buffer.

        **Arguments:** `lanes`: lanes of an item for which memory is kept.
        """
        out: list[tuple[tuple[int, ...], Any]] = []
        for group in self.groups:
            out += [((group.rows,), self.dtype)] * group.columns
        out += [((size,), np.int32) for _, _, size in self.tallies]
        out += [((1,), np.int32)] * len(self.totals)
        return out + [((row_count(value), lanes), inside(value).dtype) for value in self.each]


def make_layout(sinks: list[Any]) -> Layout:
    """Return the layout for sinks whose leaves are nodes or rows."""
    lengths = {row_count(s.value) for s in sinks if isinstance(s, Sample) and isinstance(s.value, Rows)}
    if len(lengths) > 1:
        raise Unsupported("its lanes save at different times")
    layout = Layout(Group(next(iter(lengths), 0), [], []), Group(1, [], []), [], [], [], np.dtype(np.float32), [])
    dtypes = set()
    for sink in sinks:
        if isinstance(sink, Sample):
            group = layout.rows if isinstance(sink.value, Rows) else layout.ends
            keep = sink.keep
            if isinstance(sink.value, Rows) and not isinstance(keep, Rows):
                raise Unsupported("the mask of what it saves is not itself saved")
            dtypes.add(inside(sink.value).dtype)
            layout.places.append(("rows" if group is layout.rows else "ends", group.add(sink.value, keep)))
        elif isinstance(sink, Tally):
            layout.places.append(("tally", len(layout.tallies)))
            layout.tallies.append((sink.place, sink.keep, sink.size))
        elif isinstance(sink, Total):
            layout.places.append(("total", len(layout.totals)))
            layout.totals.append((sink.value, sink.keep))
        elif isinstance(sink, Each):
            layout.places.append(("each", len(layout.each)))
            layout.each.append(sink.value)
    if len(dtypes) > 1:
        raise Unsupported("its samples have several floating types")
    layout.dtype = next(iter(dtypes), layout.dtype)
    layout.ends.base = layout.rows.rows * layout.rows.columns
    return layout


def row_count(value: Any) -> int:
    """Return the number of rows of a value, 1 for a single node."""
    return value.length + len(value.after) if isinstance(value, Rows) else 1


def inside(value: Any) -> Node:
    """Return a value's node, for rows one of them."""
    return (value.inside or value.after[0]) if isinstance(value, Rows) else value
