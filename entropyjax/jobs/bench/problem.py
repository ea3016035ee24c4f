"""The problem that every tool solves: trajectories of the star, each with six parameters of its own."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, UInt32

from entropyjax.ensemble import Ensemble, Uniform
from entropyjax.ensemble.population import draw_population
from entropyjax.models import Star
from entropyjax.params import cast, replace
from entropyjax.solve import AbstractMethod, Criteria, Grid

RANGES = {
    "n_agents": (4.0, 40.0),
    "context_window": (24.0, 128.0),
    "focus_rate": (0.5, 1.25),
    "evidence": (4.0, 12.0),
    "error_tokens": (2.0, 8.0),
    "compaction_rate": (0.04, 0.16),
}
"""What each trajectory draws, uniformly. Of 4096, 58% resolve, 26% collapse and 16% never focus."""

CONSTANTS = {"reflexion_rate": 0.02, "reasoning_gain": 0.1, "progress_gain": 0.1}
"""What differs from the defaults for all: no term of the equations is zero."""

HORIZON = 128.0
"""T in steps of the orchestrator."""

SEED = 7


@dataclasses.dataclass(frozen=True)
class Workload:
    """What is asked of the tools.

    **Attributes:** `title`: in words; `setting`: what a tool's cost and error depend on; `settings`: its values, from
    cheap to dear; `noisy`: whether trajectories have noise; `gradient`: whether the gradient is wanted.
    """

    title: str
    setting: str
    settings: tuple[float, ...]
    noisy: bool = False
    gradient: bool = False


WORKLOADS = {
    "rk4": Workload("ODE, fourth-order Runge-Kutta, fixed step", "steps", (128, 192, 256, 384)),
    "adaptive": Workload("ODE, adaptive steps", "rtol", (1e-3, 3e-4, 2e-4, 1e-4, 5e-5, 3e-5, 1e-5, 1e-6)),
    "sde": Workload("SDE, Euler-Maruyama, noise of every trajectory", "steps", (256,), noisy=True),
    "gradient": Workload("gradient of a mean-squared error at 32 times", "steps", (256,), gradient=True),
}


class Lanes(NamedTuple):
    """Ends and events of single trajectories, arrays of equal length; times are infinite where nothing happened."""

    focus: Any
    progress: Any
    context: Any
    focus_time: Any
    collapse_time: Any
    resolution_time: Any
    horizon_time: Any
    outcome: Any


def constants() -> Any:
    """Return the parameters; those in `RANGES` are at their defaults, to be replaced."""
    return Star().params(**CONSTANTS)


def key() -> Array:
    """Return the key of the population and the noise."""
    return jax.random.key(SEED)


def ensemble(method: AbstractMethod, steps: int, replicates: int, dtype: Any, **changes: Any) -> Ensemble:
    """Return the request of `replicates` trajectories, saved at 0 and T, in `steps` solver steps."""
    dtype = np.dtype(dtype)
    request = Ensemble(
        model=Star(),
        method=method,
        grid=cast(Grid(HORIZON, 1, steps), dtype),
        constants=cast(constants(), dtype),
        cells={},
        criteria=cast(Criteria(), dtype),
        cell_criteria={},
        population={name: Uniform(*(jnp.asarray(end, dtype) for end in ends)) for name, ends in RANGES.items()},
        replicates=replicates,
        key=key(),
        dtype=dtype,
        observables=("normalised_entropy",),
    )
    return dataclasses.replace(request, **changes)


def parameters(first: int, count: int, dtype: Any = np.float32) -> Any:
    """Return the parameters of trajectories `first`, `first` + 1, ...: drawn ones are arrays of length `count`."""
    # Drawn in single precision always, so that each tool and the reference solve the same problems.
    drawn = _draw(jnp.uint32(first) + jnp.arange(count, dtype=jnp.uint32))
    if np.dtype(dtype) != np.float32:
        drawn = {name: np.asarray(value).astype(dtype) for name, value in drawn.items()}
    return replace(jax.tree.map(lambda leaf: np.asarray(leaf, dtype), constants()), drawn)


@jax.jit
def _draw(index: UInt32[Array, " n"]) -> dict[str, Array]:
    ranges = {name: Uniform(*(jnp.float32(end) for end in ends)) for name, ends in RANGES.items()}
    specs = Star.Params.specs()
    return jax.vmap(lambda one: draw_population(ranges, specs, key(), one, jnp.float32))(index)


def float64() -> Any:
    """Return a context in which JAX computes in float64."""
    return jax.enable_x64(True)
