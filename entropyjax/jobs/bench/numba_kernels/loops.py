"""The loops over trajectories, compiled when they are first called."""

import functools
import importlib
from typing import Any, NamedTuple

import numpy as np

from entropyjax.jobs.bench.numba_kernels.adaptive import tsit5
from entropyjax.jobs.bench.numba_kernels.events import events
from entropyjax.jobs.bench.numba_kernels.noise import normals_of
from entropyjax.jobs.bench.numba_kernels.star import HALF, NEVER, ONE, TWO, ZERO, F, packing, star
from entropyjax.jobs.bench.scalar import Derived

LANES = 64
"""Trajectories that a block advances together, in arrays that stay in the first cache."""

ROWS = tuple(Derived._fields)
"""Rows that a kernel takes; `capacity` as its inverse, `reflexion` over ln N_e."""


class Kernels(NamedTuple):
    """Each takes rows of trajectories (rows, n) and fills (n, 8): x, s, c, four times and H."""

    rk4: Any
    tsit5: Any
    euler: Any


def rows_of(derived: np.ndarray) -> np.ndarray:
    """Return the rows that the kernels take of those of `derive`, the trajectories filled up to whole blocks."""
    rows = derived.copy()
    rows[ROWS.index("capacity")] = 1.0 / rows[ROWS.index("capacity")]
    rows[ROWS.index("reflexion")] /= rows[ROWS.index("log_executors")]
    missing = -rows.shape[1] % LANES
    return np.ascontiguousarray(np.pad(rows, ((0, 0), (0, missing)), mode="edge"), np.float32)


@functools.cache
def kernels() -> Kernels:
    """Return the loops."""
    numba: Any = importlib.import_module("numba")
    # Without it LLVM calls the drift, and a loop with calls does not become vectors.
    jit = numba.njit(fastmath=True, error_model="numpy", forceinline=True)
    parallel = numba.njit(fastmath=True, error_model="numpy", parallel=True)
    return Kernels(*(parallel(make(numba.prange, jit)) for make in (_rk4, tsit5, _euler)))


def _rk4(prange: Any, jit: Any) -> Any:
    functions = star(jit)
    found = events(jit, functions)
    choice, slopes, pack = functions.choice, functions.slopes, packing(jit)
    at_start, changes, keep, locate = found.at_start, found.changes, found.keep, found.locate
    six, rival, level = F(6.0), ROWS.index("log_rivals"), ROWS.index("threshold")
    lanes = LANES

    def rk4(rows: Any, start: Any, steps: Any, dt: Any, out: Any) -> None:
        for block in prange(rows.shape[1] // lanes):
            base = block * lanes
            p = np.empty((18, lanes), np.float32)
            # State and slope before a step, and after it.
            a = np.empty((12, lanes), np.float32)
            seen, code = np.zeros(lanes, np.int32), np.zeros(lanes, np.int32)
            brackets = np.full((lanes, 4, 8), NEVER, np.float32)
            for k in range(18):
                for i in range(lanes):
                    p[k, i] = rows[k, base + i]
            for i in range(lanes):
                d = pack(p, i)
                a[0, i], a[1, i], a[2, i] = start[0], start[1], start[2]
                a[3, i], a[4, i], a[5, i] = slopes(start[0], start[1], start[2], choice(start[0], p[rival, i]), d)
                seen[i] = at_start(a[0, i], a[1, i], a[3, i], p[level, i])
                keep(brackets[i], seen[i], ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO)
            half, sixth = HALF * dt, dt / six
            for step in range(steps):
                hit = np.int32(0)
                for i in range(lanes):
                    d = pack(p, i)
                    x, s, c, fx, fs, fc = a[0, i], a[1, i], a[2, i], a[3, i], a[4, i], a[5, i]
                    rivals = p[rival, i]
                    ux, us, uc = x + half * fx, s + half * fs, c + half * fc
                    gx, gs, gc = slopes(ux, us, uc, choice(ux, rivals), d)
                    ux, us, uc = x + half * gx, s + half * gs, c + half * gc
                    hx, hs, hc = slopes(ux, us, uc, choice(ux, rivals), d)
                    ux, us, uc = x + dt * hx, s + dt * hs, c + dt * hc
                    kx, ks, kc = slopes(ux, us, uc, choice(ux, rivals), d)
                    nx = x + sixth * (fx + TWO * (gx + hx) + kx)
                    ns = s + sixth * (fs + TWO * (gs + hs) + ks)
                    nc = c + sixth * (fc + TWO * (gc + hc) + kc)
                    a[6, i], a[7, i], a[8, i] = nx, ns, nc
                    a[9, i], a[10, i], a[11, i] = slopes(nx, ns, nc, choice(nx, rivals), d)
                for i in range(lanes):
                    fresh = changes(a[0, i], a[1, i], a[3, i], a[6, i], a[7, i], a[9, i], p[level, i]) & ~seen[i]
                    code[i] = fresh
                    hit |= fresh
                if hit:
                    for i in range(lanes):
                        if code[i]:
                            t = F(step) * dt
                            keep(brackets[i], code[i], t, dt, a[0, i], a[1, i], a[2, i], a[6, i], a[7, i], a[8, i])
                            seen[i] |= code[i]
                for k in range(6):
                    for i in range(lanes):
                        a[k, i] = a[k + 6, i]
            for i in range(lanes):
                d = pack(p, i)
                row = out[base + i]
                row[0], row[1], row[2], row[7] = a[0, i], a[1, i], a[2, i], choice(a[0, i], p[rival, i])[2]
                locate(brackets[i], p[rival, i], p[level, i], d, row)

    return rk4


def _euler(prange: Any, jit: Any) -> Any:
    functions = star(jit)
    choice, slopes, pack = functions.choice, functions.slopes, packing(jit)
    normals = normals_of(jit, functions.log)
    rival, level, arm = (ROWS.index(name) for name in ("log_rivals", "threshold", "arming"))
    kappa, error = ROWS.index("kappa"), ROWS.index("error")
    gap, token, size = (ROWS.index(name) for name in ("gap_noise", "token_noise", "step_size"))
    lanes, slack, word = LANES, F(1e-3), np.uint32

    @jit
    def line_zero(before: Any, after: Any) -> Any:
        return min(max(before / (before - after), ZERO), ONE)

    def euler(rows: Any, start: Any, steps: Any, dt: Any, key: Any, first: Any, rule: Any, out: Any) -> None:
        spread, done, dwell = F(np.sqrt(dt)), rule[0], rule[1]
        for block in prange(rows.shape[1] // lanes):
            base = block * lanes
            p = np.empty((18, lanes), np.float32)
            a = np.empty((8, lanes), np.float32)
            for k in range(18):
                for i in range(lanes):
                    p[k, i] = rows[k, base + i]
            for i in range(lanes):
                a[0, i], a[1, i], a[2, i] = start[0], start[1], start[2]
                a[3, i] = ZERO if start[0] > p[level, i] else NEVER
                a[4, i] = ZERO if start[1] >= done else NEVER
                a[5, i], a[6, i], a[7, i] = NEVER, NEVER, ONE if start[0] > p[arm, i] else ZERO
            for step in range(steps):
                t = F(step) * dt
                for i in range(lanes):
                    d = pack(p, i)
                    x, s, c = a[0, i], a[1, i], a[2, i]
                    one, two, three = normals(key[0], key[1], word(first + base + i), word(step))
                    made = choice(x, p[rival, i])
                    fx, fs, fc = slopes(x, s, c, made, d)
                    lottery = F(np.sqrt(p[size, i] * made[0] * made[1])) * spread * two
                    nx = x + dt * fx + p[gap, i] * spread * one
                    ns = s + dt * fs + lottery * p[kappa, i] * (ONE - s)
                    nc = c + dt * fc - lottery * p[error, i] + F(np.sqrt(p[size, i])) * p[token, i] * spread * three
                    ns, nc = min(max(ns, ZERO), ONE), max(nc, ZERO)
                    was, now = x - p[level, i], nx - p[level, i]
                    turn = t + dt * line_zero(was, now)
                    ready = t + dt * line_zero(s - done, ns - done)
                    stay = a[5, i] if now <= ZERO else NEVER
                    stay = turn if was > ZERO and now <= ZERO else stay
                    a[3, i] = min(a[3, i], turn) if was <= ZERO and now > ZERO else a[3, i]
                    a[4, i] = min(a[4, i], ready) if s < done and ns >= done else a[4, i]
                    whole = t + dt - stay >= dwell - slack * dt
                    fallen = a[7, i] > ZERO and now <= ZERO and whole
                    a[6, i] = min(a[6, i], stay) if fallen else a[6, i]
                    a[7, i] = ONE if nx > p[arm, i] else a[7, i]
                    a[0, i], a[1, i], a[2, i], a[5, i] = nx, ns, nc, stay
            for i in range(lanes):
                row = out[base + i]
                row[0], row[1], row[2], row[7] = a[0, i], a[1, i], a[2, i], choice(a[0, i], p[rival, i])[2]
                row[3], row[4], row[5], row[6] = a[3, i], a[6, i], a[4, i], NEVER

    return euler
