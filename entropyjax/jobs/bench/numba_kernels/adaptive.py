"""Tsitouras' 5(4) pair with adaptive steps, one trajectory after the other on each thread."""

from typing import Any

import numpy as np

from entropyjax.jobs.bench.numba_kernels.events import events
from entropyjax.jobs.bench.numba_kernels.star import NEVER, ONE, ZERO, F, packing, star
from entropyjax.jobs.bench.scalar import Derived
from entropyjax.solve import METHODS

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


def tsit5(prange: Any, jit: Any) -> Any:
    """Return the loop, with diffrax's error norm, first step and controller."""
    functions = star(jit)
    found = events(jit, functions)
    choice, slopes, pack = functions.choice, functions.slopes, packing(jit)
    at_start, changes, keep, locate = found.at_start, found.changes, found.keep, found.locate
    method: Any = METHODS.get("tsit5")
    a, defect = np.zeros((6, 6), np.float32), np.array(_DEFECT, np.float32)
    for stage, row in enumerate((*method.a[1:], method.b)):
        a[stage, : len(row)] = row
    least, most, safety, power, tiny = F(0.2), F(10.0), F(0.9), F(-0.1), F(1e-30)
    third, hundredth, hundred, first_power, small = F(1 / 3), F(0.01), F(100.0), F(0.2), F(1e-5)
    rival, level = Derived._fields.index("log_rivals"), Derived._fields.index("threshold")

    @jit
    def size(x: Any, s: Any, c: Any, wx: Any, ws: Any, wc: Any) -> Any:
        return ((x / wx) ** 2 + (s / ws) ** 2 + (c / wc) ** 2) * third

    @jit
    def first_step(y: Any, f: Any, rivals: Any, d: Any, rtol: Any, atol: Any) -> Any:
        wx, ws, wc = atol + rtol * abs(y[0]), atol + rtol * abs(y[1]), atol + rtol * abs(y[2])
        far = F(np.sqrt(size(y[0], y[1], y[2], wx, ws, wc)))
        speed = F(np.sqrt(size(f[0], f[1], f[2], wx, ws, wc)))
        guess = small * F(0.1) if far < small or speed < small else hundredth * far / speed
        x, s, c = y[0] + guess * f[0], y[1] + guess * f[1], y[2] + guess * f[2]
        g = slopes(x, s, c, choice(x, rivals), d)
        bend = F(np.sqrt(size(g[0] - f[0], g[1] - f[1], g[2] - f[2], wx, ws, wc))) / guess
        return min(hundred * guess, F((hundredth / max(speed, bend)) ** first_power))

    def loop(rows: Any, start: Any, end: Any, rtol: Any, atol: Any, limit: Any, out: Any) -> None:
        for i in prange(rows.shape[1]):
            rivals, threshold = rows[rival, i], rows[level, i]
            d = pack(rows, i)
            bracket, f = np.full((4, 8), NEVER, np.float32), np.empty((7, 3), np.float32)
            x, s, c, t, count = start[0], start[1], start[2], ZERO, 0
            f[0, 0], f[0, 1], f[0, 2] = slopes(x, s, c, choice(x, rivals), d)
            seen = at_start(x, s, f[0, 0], threshold)
            keep(bracket, seen, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO)
            wanted = first_step((x, s, c), (f[0, 0], f[0, 1], f[0, 2]), rivals, d, rtol, atol)
            while t < end and count < limit:
                dt, last = min(wanted, end - t), t + wanted >= end
                nx, ns, nc = x, s, c
                for stage in range(6):
                    sx, ss, sc = ZERO, ZERO, ZERO
                    for k in range(stage + 1):
                        sx += a[stage, k] * f[k, 0]
                        ss += a[stage, k] * f[k, 1]
                        sc += a[stage, k] * f[k, 2]
                    nx, ns, nc = x + dt * sx, s + dt * ss, c + dt * sc
                    f[stage + 1, 0], f[stage + 1, 1], f[stage + 1, 2] = slopes(nx, ns, nc, choice(nx, rivals), d)
                ex, es, ec = ZERO, ZERO, ZERO
                for k in range(7):
                    ex += defect[k] * f[k, 0]
                    es += defect[k] * f[k, 1]
                    ec += defect[k] * f[k, 2]
                wx, ws = atol + rtol * max(abs(x), abs(nx)), atol + rtol * max(abs(s), abs(ns))
                square = size(dt * ex, dt * es, dt * ec, wx, ws, atol + rtol * max(abs(c), abs(nc)))
                factor = safety * F(max(square, tiny) ** power)
                if square < ONE:
                    code = changes(x, s, f[0, 0], nx, ns, f[6, 0], threshold) & ~seen
                    if code:
                        keep(bracket, code, t, dt, x, s, c, nx, ns, nc)
                        seen |= code
                    x, s, c, t = nx, ns, nc, (end if last else t + dt)
                    f[0, 0], f[0, 1], f[0, 2] = f[6, 0], f[6, 1], f[6, 2]
                    wanted = dt * min(max(factor, ONE), most)
                else:
                    wanted = dt * min(max(factor, least), safety)
                count += 1
            out[i, 0], out[i, 1], out[i, 2] = x, s, c
            out[i, 7] = choice(x, rivals)[2] if t >= end else np.nan
            locate(bracket, rivals, threshold, d, out[i])

    return loop
