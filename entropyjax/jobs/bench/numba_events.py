"""Events of ODE trajectories in numba: the step of the first of each kind is noted, its zero located at the end."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from entropyjax.jobs.bench.scalar import Derived, StarFunctions
from entropyjax.solve import Criteria


class EventFunctions(NamedTuple):
    """`begin` clears a bracket and notes what holds at t = 0, `watch` follows a step, `locate` gives the times."""

    begin: Callable[..., Any]
    watch: Callable[..., Any]
    locate: Callable[..., Any]


def event_functions(jit: Callable[[Any], Any], star: StarFunctions) -> EventFunctions:
    """Return the functions, each passed through `jit`; a bracket is (4, 8): start, length, both states."""
    real = np.float32
    zero, half, one, two, three, never = real(0.0), real(0.5), real(1.0), real(2.0), real(3.0), real(3e38)
    done = real(1.0 - float(Criteria().progress_tolerance))
    level = Derived._fields.index("threshold")
    drift, target = star.drift, star.target
    nudge = real(1e-3)

    @jit
    def rising(x: Any, fx: Any) -> bool:
        return fx < zero if x >= zero else fx > zero

    def begin(bracket: Any, x: Any, s: Any, fx: Any, d: Any) -> None:
        bracket[:, 0] = never
        bracket[:, 1] = zero
        if x > d[level]:
            bracket[0, 0] = zero
        if s >= done:
            bracket[2, 0] = zero
        if rising(x, fx):
            bracket[3, 0] = zero

    @jit
    def note(row: Any, t: Any, dt: Any, x: Any, s: Any, c: Any, nx: Any, ns: Any, nc: Any) -> None:
        if row[0] == never:
            row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7] = t, dt, x, s, c, nx, ns, nc

    def watch(
        bracket: Any, t: Any, dt: Any, x: Any, s: Any, c: Any, fx: Any, nx: Any, ns: Any, nc: Any, gx: Any, d: Any
    ) -> None:
        was, now = x > d[level], nx > d[level]
        if now and not was:
            note(bracket[0], t, dt, x, s, c, nx, ns, nc)
        if was and not now:
            note(bracket[1], t, dt, x, s, c, nx, ns, nc)
        if s < done and ns >= done:
            note(bracket[2], t, dt, x, s, c, nx, ns, nc)
        if rising(nx, gx) and not rising(x, fx):
            note(bracket[3], t, dt, x, s, c, nx, ns, nc)

    @jit
    def hermite(v0: Any, v1: Any, s0: Any, s1: Any) -> Any:
        cubic = two * v0 - two * v1 + s0 + s1
        square = three * v1 - three * v0 - two * s0 - s1
        low, high, place = zero, one, min(max(v0 / (v0 - v1), zero), one)
        for _ in range(6):
            value = ((cubic * place + square) * place + s0) * place + v0
            slope = (three * cubic * place + two * square) * place + s0
            if (value > zero) == (v0 > zero):
                low = place
            else:
                high = place
            trial = place - value / slope if slope != zero else low
            place = trial if low < trial < high else half * (low + high)
        return place

    @jit
    def signal(kind: Any, x: Any, s: Any, c: Any, d: Any) -> Any:
        fx, fs, fc = drift(x, s, c, d)
        if kind <= 1:
            return x - d[level], fx
        if kind == 2:
            return s - done, fs
        # The slope of x - u by a difference along the drift: it only weights the cubic.
        now = x - target(s, c, d)
        later = x + nudge * fx - target(s + nudge * fs, c + nudge * fc, d)
        sign = one if x >= zero else -one
        return sign * now, sign * (later - now) / nudge

    def locate(bracket: Any, d: Any, out: Any) -> None:
        for kind in range(4):
            b = bracket[kind]
            out[3 + kind] = b[0]
            if b[0] < never and b[1] > zero:
                v0, s0 = signal(kind, b[2], b[3], b[4], d)
                v1, s1 = signal(kind, b[5], b[6], b[7], d)
                out[3 + kind] = b[0] + b[1] * hermite(v0, v1, b[1] * s0, b[1] * s1)

    return EventFunctions(jit(begin), jit(watch), jit(locate))
