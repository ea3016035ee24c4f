"""The star in numba: a parallel loop over trajectories, each in scalars of float32."""

import functools
import importlib
import math
from typing import Any, NamedTuple

import numpy as np

from entropyjax.jobs.bench.numba_events import event_functions
from entropyjax.jobs.bench.numba_noise import noise_functions
from entropyjax.jobs.bench.scalar import Derived, star_functions
from entropyjax.solve import METHODS

_NAMES = {name: place for place, name in enumerate(Derived._fields)}


class Kernels(NamedTuple):
    """Compiled loops: each takes rows of `Derived` and fills rows of x, s, c, four times and h."""

    rk4: Any
    tsit5: Any
    euler: Any


@functools.cache
def kernels() -> Kernels:
    """Return the loops; numba compiles each when it is first called."""
    numba: Any = importlib.import_module("numba")
    jit = numba.njit(fastmath=True, error_model="numpy")
    loop = numba.njit(fastmath=True, error_model="numpy", parallel=True)
    return Kernels(loop(_rk4(numba, jit)), loop(_tsit5(numba, jit)), loop(_euler(numba, jit)))


def _rk4(numba: Any, jit: Any) -> Any:
    star, events = star_functions(jit, np.float32), event_functions(jit, star_functions(jit, np.float32))
    choice, drift, begin, watch, locate = star.choice, star.drift, events.begin, events.watch, events.locate
    prange, two, six, half = numba.prange, np.float32(2.0), np.float32(6.0), np.float32(0.5)

    def rk4(rows: Any, start: Any, steps: Any, dt: Any, out: Any) -> None:
        for i in prange(len(rows)):
            d, bracket = rows[i], np.empty((4, 8), np.float32)
            x, s, c = start[0], start[1], start[2]
            fx, fs, fc = drift(x, s, c, d)
            begin(bracket, x, s, fx, d)
            for step in range(steps):
                ax, bs, ac = drift(x + half * dt * fx, s + half * dt * fs, c + half * dt * fc, d)
                bx, cs, bc = drift(x + half * dt * ax, s + half * dt * bs, c + half * dt * ac, d)
                ex, es, ec = drift(x + dt * bx, s + dt * cs, c + dt * bc, d)
                nx = x + dt / six * (fx + two * (ax + bx) + ex)
                ns = s + dt / six * (fs + two * (bs + cs) + es)
                nc = c + dt / six * (fc + two * (ac + bc) + ec)
                gx, gs, gc = drift(nx, ns, nc, d)
                watch(bracket, np.float32(step) * dt, dt, x, s, c, fx, nx, ns, nc, gx, d)
                x, s, c, fx, fs, fc = nx, ns, nc, gx, gs, gc
            out[i, 0], out[i, 1], out[i, 2], out[i, 7] = x, s, c, choice(x, d)[2]
            locate(bracket, d, out[i])

    return rk4


def _tsit5(numba: Any, jit: Any) -> Any:
    star = star_functions(jit, np.float32)
    events = event_functions(jit, star)
    choice, drift, begin, watch, locate = star.choice, star.drift, events.begin, events.watch, events.locate
    prange, real = numba.prange, np.float32
    method: Any = METHODS.get("tsit5")
    a = np.zeros((6, 6), np.float32)
    for stage, row in enumerate((*method.a[1:], method.b)):
        a[stage, : len(row)] = row
    defect = np.array(_DEFECT, np.float32)
    zero, one, least, most, safety, power = real(0.0), real(1.0), real(0.2), real(10.0), real(0.9), real(-0.1)
    tiny, third, hundredth, first_power = real(1e-30), real(1.0 / 3.0), real(0.01), real(0.2)

    @jit
    def size(x: Any, s: Any, c: Any, wx: Any, ws: Any, wc: Any) -> Any:
        return ((x / wx) ** 2 + (s / ws) ** 2 + (c / wc) ** 2) * third

    def tsit5(rows: Any, start: Any, end: Any, rtol: Any, atol: Any, limit: Any, out: Any) -> None:
        for i in prange(len(rows)):
            d, bracket, f = rows[i], np.empty((4, 8), np.float32), np.empty((7, 3), np.float32)
            x, s, c, t, count = start[0], start[1], start[2], zero, 0
            f[0, 0], f[0, 1], f[0, 2] = drift(x, s, c, d)
            begin(bracket, x, s, f[0, 0], d)
            # Hairer's first step, as diffrax has it.
            wx, ws, wc = atol + rtol * abs(x), atol + rtol * abs(s), atol + rtol * abs(c)
            far = math.sqrt(size(x, s, c, wx, ws, wc))
            speed = math.sqrt(size(f[0, 0], f[0, 1], f[0, 2], wx, ws, wc))
            guess = real(1e-6) if far < real(1e-5) or speed < real(1e-5) else hundredth * far / speed
            gx, gs, gc = drift(x + guess * f[0, 0], s + guess * f[0, 1], c + guess * f[0, 2], d)
            bend = math.sqrt(size(gx - f[0, 0], gs - f[0, 1], gc - f[0, 2], wx, ws, wc)) / guess
            wanted = min(real(100.0) * guess, (hundredth / max(speed, bend)) ** first_power)
            while t < end and count < limit:
                dt = min(wanted, end - t)
                last = t + wanted >= end
                nx, ns, nc = x, s, c
                for stage in range(6):
                    sx, ss, sc = zero, zero, zero
                    for k in range(stage + 1):
                        sx += a[stage, k] * f[k, 0]
                        ss += a[stage, k] * f[k, 1]
                        sc += a[stage, k] * f[k, 2]
                    nx, ns, nc = x + dt * sx, s + dt * ss, c + dt * sc
                    f[stage + 1, 0], f[stage + 1, 1], f[stage + 1, 2] = drift(nx, ns, nc, d)
                ex, es, ec = zero, zero, zero
                for k in range(7):
                    ex += defect[k] * f[k, 0]
                    es += defect[k] * f[k, 1]
                    ec += defect[k] * f[k, 2]
                wx, ws = atol + rtol * max(abs(x), abs(nx)), atol + rtol * max(abs(s), abs(ns))
                wc = atol + rtol * max(abs(c), abs(nc))
                square = size(dt * ex, dt * es, dt * ec, wx, ws, wc)
                factor = safety * max(square, tiny) ** power
                if square < one:
                    watch(bracket, t, dt, x, s, c, f[0, 0], nx, ns, nc, f[6, 0], d)
                    x, s, c, t = nx, ns, nc, (end if last else t + dt)
                    f[0, 0], f[0, 1], f[0, 2] = f[6, 0], f[6, 1], f[6, 2]
                    wanted = dt * min(max(factor, one), most)
                else:
                    wanted = dt * min(max(factor, least), safety)
                count += 1
            out[i, 0], out[i, 1], out[i, 2] = x, s, c
            out[i, 7] = choice(x, d)[2] if t >= end else np.nan
            locate(bracket, d, out[i])

    return tsit5


def _euler(numba: Any, jit: Any) -> Any:
    star, noise = star_functions(jit, np.float32), noise_functions(jit)
    choice, drift, normals, zero_of = star.choice, star.drift, noise.normals, noise.line_zero
    prange, real = numba.prange, np.float32
    gap, token, size, kappa, error, level, arm = (
        _NAMES[name] for name in ("gap_noise", "token_noise", "step_size", "kappa", "error", "threshold", "arming")
    )
    zero, one, never, slack = real(0.0), real(1.0), real(3e38), real(1e-3)

    def euler(rows: Any, start: Any, steps: Any, dt: Any, key: Any, number: Any, rule: Any, out: Any) -> None:
        spread, done, dwell = math.sqrt(dt), rule[0], rule[1]
        for i in prange(len(rows)):
            d = rows[i]
            x, s, c = start[0], start[1], start[2]
            focus = zero if x > d[level] else never
            resolution = zero if s >= done else never
            stay, collapse, armed = never, never, x > d[arm]
            for step in range(steps):
                first, second, third = normals(key, np.uint32(number + i), np.uint32(step))
                t, (right, wrong, _) = real(step) * dt, choice(x, d)
                fx, fs, fc = drift(x, s, c, d)
                lottery = math.sqrt(d[size] * right * wrong) * spread * second
                nx = x + dt * fx + d[gap] * spread * first
                ns = s + dt * fs + lottery * d[kappa] * (one - s)
                nc = c + dt * fc - lottery * d[error] + math.sqrt(d[size]) * d[token] * spread * third
                ns, nc = min(max(ns, zero), one), max(nc, zero)
                was, now = x - d[level], nx - d[level]
                if was <= zero and now > zero:
                    focus = min(focus, t + dt * zero_of(was, now))
                if was > zero and now <= zero:
                    stay = t + dt * zero_of(was, now)
                elif now > zero:
                    stay = never
                if s < done and ns >= done:
                    resolution = min(resolution, t + dt * zero_of(s - done, ns - done))
                if armed and now <= zero and t + dt - stay >= dwell - slack * dt:
                    collapse = min(collapse, stay)
                armed = armed or nx > d[arm]
                x, s, c = nx, ns, nc
            out[i, 0], out[i, 1], out[i, 2], out[i, 7] = x, s, c, choice(x, d)[2]
            out[i, 3], out[i, 4], out[i, 5], out[i, 6] = focus, collapse, resolution, never

    return euler


_DEFECT = (
    0.0017800110522257773,
    0.000816434459656747,
    -0.007880878010261994,
    0.1447110071732629,
    -0.5823571654525552,
    0.45808210592918686,
    -1.0 / 66.0,
)
"""Weights of the error estimate of Tsitouras' pair."""
