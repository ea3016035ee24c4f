"""diffrax under vmap, as its documentation has it, with the state as a tuple of scalars or as a stacked array."""

import functools
import time
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from entropyjax.jobs.bench import diffrax_solves as solves, problem
from entropyjax.jobs.bench.gradient import TIMES, GradientRun
from entropyjax.jobs.bench.grid_events import h_at, noisy_events, smooth_events
from entropyjax.jobs.bench.problem import HORIZON, Lanes
from entropyjax.jobs.bench.summary import combine, summarise
from entropyjax.jobs.bench.tool import AbstractRun, AbstractTool, register

CHUNK = 2048
"""Trajectories under one vmap: of 512 to 16384 no number was faster by more than the noise of the measurement."""


class DiffraxRun(AbstractRun):
    """A vmapped solve, chunk after chunk; parameters are drawn before the clock starts."""

    def __init__(self, workload: str, setting: float, stacked: bool):
        self._solve = jax.jit(_batched(workload, setting, stacked))

    def measure(self, count: int) -> dict[str, Any]:
        chunks = [(first, min(CHUNK, count - first)) for first in range(0, count, CHUNK)]
        for size in {size for _, size in chunks}:
            jax.block_until_ready(self._solve(*_inputs(0, size)))
        seconds, parts = 0.0, []
        for first, size in chunks:
            inputs = jax.block_until_ready(_inputs(first, size))
            began = time.perf_counter()
            h, _, events, outcome = (jax.tree.map(np.asarray, leaf) for leaf in self._solve(*inputs))
            parts.append(summarise(h, events.collapse_time, outcome))
            seconds += time.perf_counter() - began
        return {"seconds": seconds, "summary": combine(parts)}

    def lanes(self, count: int) -> Lanes:
        _, final, events, outcome = jax.tree.map(np.asarray, self._solve(*_inputs(0, count)))
        times = (events.focus_time, events.collapse_time, events.resolution_time, events.horizon_time)
        return Lanes._make([*(leaf.astype(np.float64) for leaf in (*final, *times)), outcome])


def _inputs(first: int, count: int) -> tuple[Any, Any]:
    """Return the parameters of trajectories and the keys of their noise."""
    numbers = np.arange(first, first + count, dtype=np.uint32)
    return problem.parameters(first, count), jax.vmap(lambda n: jax.random.fold_in(problem.key(), n))(numbers)


def _batched(workload: str, setting: float, stacked: bool) -> Any:
    def lane(params: Any, key: Any) -> Any:
        if workload == "rk4":
            times = jnp.linspace(0.0, HORIZON, solves.GRID + 1)
            found = solves.fixed_step(params, int(setting), stacked, times)
        elif workload == "adaptive":
            found = solves.adaptive(params, setting, stacked)
        else:
            found = solves.euler_maruyama(params, int(setting), stacked, key)
        states, times = solves.unpack(found.ys, stacked), found.ts
        # What lies after the last step is filled with infinity.
        last = jnp.sum(jnp.isfinite(times)) - 1
        final = jax.tree.map(lambda leaf: leaf[last], states)
        locate = noisy_events if workload == "sde" else smooth_events
        events, outcome = locate(times, states, params, jnp.float32(HORIZON))
        reached = times[last] >= 0.999 * HORIZON
        return jnp.where(reached, h_at(final, params), jnp.nan), final, events, outcome

    def batch(params: Any, keys: Any) -> Any:
        axes = jax.tree.map(lambda leaf: 0 if jnp.ndim(leaf) else None, params)
        return jax.vmap(lane, in_axes=(axes, 0))(params, keys)

    return batch


def _entropies(params: Any, steps: int, stacked: bool) -> Any:
    times = HORIZON / TIMES * jnp.arange(1, TIMES + 1)
    found = solves.fixed_step(params, steps, stacked, times)
    return jax.vmap(lambda state: h_at(state, params))(solves.unpack(found.ys, stacked))


class AbstractDiffrax(AbstractTool):
    """diffrax with one form of the state."""

    stacked: ClassVar[bool]
    settings: ClassVar = {"gradient": (256, 384)}
    same_bits = False
    workloads: ClassVar = {
        "rk4": "RK4 by its tableau, constant steps; events from Hermite cubics between 129 saved states.",
        "adaptive": "Tsit5 and PIDController; all steps are saved, events from Hermite cubics between them.",
        "sde": "Euler on a VirtualBrownianTree (tol dt/2) each, all steps saved; no projection to the domain.",
        "gradient": "jax.value_and_grad of RK4, constant steps, by the default RecursiveCheckpointAdjoint.",
    }

    def environment(self, threads: int) -> dict[str, str]:
        return super().environment(threads) | {"JAX_NUM_CPU_DEVICES": str(threads)}

    def prepare(self, workload: str, setting: float, threads: int) -> AbstractRun:
        del threads
        if workload == "gradient":
            return GradientRun(functools.partial(_entropies, steps=int(setting), stacked=self.stacked))
        return DiffraxRun(workload, setting, self.stacked)


@register("diffrax-tuple")
class DiffraxTuple(AbstractDiffrax):
    """The state a tuple of scalars, a struct of arrays under vmap."""

    title = "diffrax, tuple"
    stacked = False


@register("diffrax-stacked")
class DiffraxStacked(AbstractDiffrax):
    """The state an array of three, as in most examples."""

    title = "diffrax, stacked"
    stacked = True
