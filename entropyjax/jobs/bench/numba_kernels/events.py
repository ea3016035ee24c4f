"""Events of ODE trajectories: the step of the first of each kind is kept, its zero located at the end."""

from typing import Any, NamedTuple

import numpy as np

from entropyjax.jobs.bench.numba_kernels.star import HALF, NEVER, ONE, THREE, TWO, ZERO, F, Jit, Star
from entropyjax.solve import Criteria

GAINED, LOST, RESOLVED, TURNED = (np.int32(1 << kind) for kind in range(4))


class Events(NamedTuple):
    """`at_start` and `changes` give the events of a start and of a step as bits; `keep` notes a step; `locate` ends."""

    at_start: Any
    changes: Any
    keep: Any
    locate: Any


def events(jit: Jit, star: Star) -> Events:
    """Return the functions, each passed through `jit`; a bracket is (4, 8): start, length, both states."""
    done, nudge, i32 = F(1.0 - float(Criteria().progress_tolerance)), F(1e-3), np.int32
    choice, target, slopes = star.choice, star.target, star.slopes

    @jit
    def rises(x: Any, fx: Any) -> Any:
        # dH/dt has the sign of -x dx/dt.
        return x * fx <= ZERO

    @jit
    def at_start(x: Any, s: Any, fx: Any, level: Any) -> Any:
        turned = fx < ZERO if x >= ZERO else fx > ZERO
        return (GAINED if x > level else i32(0)) | (RESOLVED if s >= done else i32(0)) | (TURNED if turned else i32(0))

    @jit
    def changes(x: Any, s: Any, fx: Any, nx: Any, ns: Any, gx: Any, level: Any) -> Any:
        was, now = x > level, nx > level
        gained = GAINED if now and not was else i32(0)
        lost = LOST if was and not now else i32(0)
        resolved = RESOLVED if s < done and ns >= done else i32(0)
        turned = TURNED if rises(nx, gx) and not rises(x, fx) else i32(0)
        return i32(gained | lost | resolved | turned)

    @jit
    def keep(bracket: Any, code: Any, t: Any, dt: Any, x: Any, s: Any, c: Any, nx: Any, ns: Any, nc: Any) -> None:
        for kind in range(4):
            if code >> kind & 1:
                row = bracket[kind]
                row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7] = t, dt, x, s, c, nx, ns, nc

    @jit
    def hermite(v0: Any, v1: Any, s0: Any, s1: Any) -> Any:
        cubic = TWO * v0 - TWO * v1 + s0 + s1
        square = THREE * v1 - THREE * v0 - TWO * s0 - s1
        low, high, place = ZERO, ONE, min(max(v0 / (v0 - v1), ZERO), ONE)
        for _ in range(6):
            value = ((cubic * place + square) * place + s0) * place + v0
            slope = (THREE * cubic * place + TWO * square) * place + s0
            if (value > ZERO) == (v0 > ZERO):
                low = place
            else:
                high = place
            trial = place - value / slope if slope != ZERO else low
            place = trial if low < trial < high else HALF * (low + high)
        return place

    @jit
    def signal(kind: Any, x: Any, s: Any, c: Any, log_rivals: Any, level: Any, d: Any) -> Any:
        fx, fs, fc = slopes(x, s, c, choice(x, log_rivals), d)
        if kind <= 1:
            return x - level, fx
        if kind == 2:
            return s - done, fs
        # The slope of x - u by a difference along the drift: it only bends the cubic.
        now = x - target(s, c, d[1], d[2], d[3], d[4], d[5])
        later = x + nudge * fx - target(s + nudge * fs, c + nudge * fc, d[1], d[2], d[3], d[4], d[5])
        sign = ONE if x >= ZERO else -ONE
        return sign * now, sign * (later - now) / nudge

    @jit
    def locate(bracket: Any, log_rivals: Any, level: Any, d: Any, out: Any) -> None:
        for kind in range(4):
            b = bracket[kind]
            out[3 + kind] = b[0]
            if b[0] < NEVER and b[1] > ZERO:
                v0, s0 = signal(kind, b[2], b[3], b[4], log_rivals, level, d)
                v1, s1 = signal(kind, b[5], b[6], b[7], log_rivals, level, d)
                out[3 + kind] = b[0] + b[1] * hermite(v0, v1, b[1] * s0, b[1] * s1)

    return Events(at_start, changes, keep, locate)
