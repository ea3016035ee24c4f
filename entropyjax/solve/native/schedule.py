"""The order of instructions in straight code, which LLVM is told to leave as it is.

A vector of several registers is worked on register by register; what hides the latency of one chain of operations is
another chain. LLVM's own scheduler looks at the use of registers first, and lets chains follow each other.
"""

import heapq
import re
from typing import NamedTuple

FEW = 40
"""Straight code of fewer lines stays in order."""

WINDOW = 160
"""How many lines an instruction may overtake: the more, the more values wait in memory for their use."""

_NAME = re.compile(r"%[A-Za-z0-9_.]+")

# Cycles until a result can be used, and issue slots for each register, by a part of the text; after the tables of
# A. Fog, "Instruction tables" (2025), for Ice Lake and later.
_COSTS = (
    ("shufflevector", 0, 0.0),
    ("bitcast", 0, 0.0),
    ("fneg", 0, 0.0),
    ("scalef", 8, 2.0),
    ("mask.reduce", 8, 2.0),
    ("roundeven", 8, 2.0),
    ("rcp14", 7, 3.0),
    ("fdiv", 24, 16.0),
    ("sqrt", 24, 16.0),
    ("cmp ", 3, 1.0),
    ("select", 1, 1.0),
    ("float>", 4, 1.0),
    ("double>", 4, 1.0),
)
_REGISTER = "<16 x float>"


class _Line(NamedTuple):
    """A line with its result, the names that it mentions, and whether it reads or changes memory."""

    result: str | None
    names: set[str]
    reads: bool
    changes: bool


def scheduled(lines: list[str], registers: int) -> list[str]:
    """Return straight code in an order that keeps two vector units busy.

    At any time the instruction goes first that is ready and has the longest chain of others waiting for it, among
    those within `WINDOW` of the first that is left.

    **Arguments:** `lines`: instructions without labels, jumps or phis; `registers`: those of a vector.
    """
    if len(lines) < FEW:
        return lines
    followers, missing = _dependences(lines)
    costs = [_cost(line, registers) for line in lines]
    heights = [0.0] * len(lines)
    for place in reversed(range(len(lines))):
        heights[place] = costs[place][0] + max((heights[other] for other in followers[place]), default=0.0)
    return [lines[place] for place in _in_order(followers, missing, costs, heights)]


def _in_order(
    followers: list[list[int]], missing: list[int], costs: list[tuple[float, float]], heights: list[float]
) -> list[int]:
    """Return the places of instructions in the order in which a processor with two units would begin them."""
    count, clock, first = len(missing), 0.0, 0
    order: list[int] = []
    begun, usable = [False] * count, [0.0] * count
    beyond = [place for place in range(count) if not missing[place]]
    waiting: list[tuple[float, int]] = []
    ready: list[tuple[float, int]] = []
    while len(order) < count:
        while beyond and beyond[0] < first + WINDOW:
            place = heapq.heappop(beyond)
            heapq.heappush(waiting, (usable[place], place))
        if not ready and waiting[0][0] > clock:
            clock = waiting[0][0]
        while waiting and waiting[0][0] <= clock:
            place = heapq.heappop(waiting)[1]
            heapq.heappush(ready, (-heights[place], place))
        place = heapq.heappop(ready)[1]
        order.append(place)
        begun[place] = True
        latency, slots = costs[place]
        for other in followers[place]:
            usable[other] = max(usable[other], clock + latency)
            missing[other] -= 1
            if not missing[other]:
                heapq.heappush(beyond, other)
        clock += slots
        while first < count and begun[first]:
            first += 1
    return order


def _dependences(lines: list[str]) -> tuple[list[list[int]], list[int]]:
    """Return for each line those that need it, and the number of those that it needs."""
    followers: list[list[int]] = [[] for _ in lines]
    missing = [0] * len(lines)
    made: dict[str, int] = {}
    changed, since = None, []
    for place, text in enumerate(lines):
        line = _read(text)
        needed = {made[name] for name in line.names if name in made}
        if (line.reads or line.changes) and changed is not None:
            needed.add(changed)
        if line.changes:
            needed.update(since)
            changed, since = place, []
        elif line.reads:
            since.append(place)
        for other in needed:
            followers[other].append(place)
        missing[place] = len(needed)
        if line.result is not None:
            made[line.result] = place
    return followers, missing


def _read(text: str) -> _Line:
    names = _NAME.findall(text)
    has_result = " = " in text
    changes = not has_result or " call void " in text
    reads = " load " in text or "@llvm.masked." in text
    return _Line(names[0] if has_result else None, set(names[1:] if has_result else names), reads, changes)


def _cost(text: str, registers: int) -> tuple[float, float]:
    """Return the latency of a line, and for how long it keeps both units busy, in cycles."""
    for part, latency, slots in _COSTS:
        if part in text:
            alone = f"call {_REGISTER}" in text
            return latency, slots / 2.0 * (1 if alone else registers)
    return 1.0, registers / 2.0 if "<" in text else 0.25
