"""Elementary functions and the drift, in scalars of float32 that LLVM turns into vectors over a loop of lanes.

numba finds no vector library among its own packages, so exp and log are polynomials, those of the C program.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from entropyjax.jobs.bench.scalar import Derived

F = np.float32
ZERO, HALF, ONE, TWO, THREE = F(0.0), F(0.5), F(1.0), F(2.0), F(3.0)
NEVER = F(3e38)
LOG2E, LN2 = F(1.4426950408889634), F(0.6931471805599453)

_EXP2 = (1.0000001, 0.69314694, 0.2402212, 0.05550713, 0.009675541, 0.0013276471)
_LOG2 = (1.4426953, -0.7213506, 0.48084685, -0.36033893, 0.29009762, -0.25062817, 0.20387955, -0.09588218)
_LOG1P = (0.9999998, -0.49997404, 0.3327548, -0.2449546, 0.17745236, -0.10768162, 0.04408957, -0.00853919)

Jit = Callable[[Any], Any]


class Star(NamedTuple):
    """Functions of one lane: `choice` gives q, 1-q and H; `target` is u; `slopes` gives the drift from a choice."""

    choice: Any
    target: Any
    slopes: Any
    log: Any
    exp2: Any


def star(jit: Jit) -> Star:
    """Return the functions, each passed through `jit`."""
    e0, e1, e2, e3, e4, e5 = (F(c) for c in _EXP2)
    l0, l1, l2, l3, l4, l5, l6, l7 = (F(c) for c in _LOG2)
    p0, p1, p2, p3, p4, p5, p6, p7 = (F(c) for c in _LOG1P)
    i32, whole = np.int32, F(2.0**-23)
    origin, exponents, shift = np.int32(0x3F400000), np.int32(-(2**23)), np.int32(23)
    low, high, tiny = F(-120.0), F(120.0), F(1.2e-38)

    @jit
    def exp2(x: Any) -> Any:
        x = min(max(x, low), high)
        n = np.floor(x + HALF)
        f = x - n
        power = ((((e5 * f + e4) * f + e3) * f + e2) * f + e1) * f + e0
        return i32(F(power).view(i32) + (i32(n) << shift)).view(F)

    @jit
    def log2(x: Any) -> Any:
        bits = F(x).view(i32)
        n = i32(i32(bits - origin) & exponents)
        r = i32(bits - n).view(F) - ONE
        slope = ((((((l7 * r + l6) * r + l5) * r + l4) * r + l3) * r + l2) * r + l1) * r + l0
        return F(n) * whole + r * slope

    @jit
    def log1p(u: Any) -> Any:
        return u * (((((((p7 * u + p6) * u + p5) * u + p4) * u + p3) * u + p2) * u + p1) * u + p0)

    @jit
    def log(x: Any) -> Any:
        return log2(x) * LN2

    @jit
    def choice(x: Any, log_rivals: Any) -> Any:
        advantage = x - log_rivals
        size = advantage if advantage >= ZERO else -advantage
        odds = exp2(-size * LOG2E)
        more = ONE / (ONE + odds)
        less = odds * more
        wrong = less if advantage >= ZERO else more
        right = more if advantage >= ZERO else less
        return right, wrong, log1p(odds) + size * less + wrong * log_rivals

    @jit
    def target(s: Any, c: Any, static: Any, capacity: Any, evidence: Any, gain: Any, order: Any) -> Any:
        fill = max((static + c) * capacity, tiny)
        return (evidence + gain * s) / (ONE + exp2(order * log2(fill)))

    @jit
    def slopes(x: Any, s: Any, c: Any, made: Any, d: Any) -> Any:
        rate, static, capacity, evidence, gain, order, kappa, inflow, error, compaction, reflexion = d
        right, wrong, entropy = made
        return (
            rate * (target(s, c, static, capacity, evidence, gain, order) - x),
            kappa * right * (ONE - s),
            inflow + error * wrong - (compaction + reflexion * entropy) * c,
        )

    return Star(choice, target, slopes, log, exp2)


DRIFT = (
    "rate",
    "static",
    "capacity",
    "evidence",
    "gain",
    "order",
    "kappa",
    "inflow",
    "error",
    "compaction",
    "reflexion",
)
"""Rows of `Derived` that the drift takes, in its order."""


def packing(jit: Jit) -> Any:
    """Return `pack(rows, i)`, what the drift takes of trajectory i."""
    rate, static, capacity, evidence, gain, order, kappa, inflow, error, compaction, reflexion = (
        Derived._fields.index(name) for name in DRIFT
    )

    @jit
    def pack(p: Any, i: Any) -> Any:
        return (
            p[rate, i],
            p[static, i],
            p[capacity, i],
            p[evidence, i],
            p[gain, i],
            p[order, i],
            p[kappa, i],
            p[inflow, i],
            p[error, i],
            p[compaction, i],
            p[reflexion, i],
        )

    return pack
