"""`solve`: integrate one trajectory of any model with any method."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from entropyjax.models import AbstractModel
from entropyjax.params import cast
from entropyjax.solve.dynamics import refusal
from entropyjax.solve.events import Criteria
from entropyjax.solve.grid import Grid
from entropyjax.solve.method import METHODS, AbstractMethod, LaneResult, Path, Problem, Save
from entropyjax.solve.noise import stream

DEFAULT_METHOD = {"ode": "rk4", "sde": "ri6", "agents": "agents"}
"""The method that each kind of dynamics uses unless told otherwise."""

NOISE_STREAM = 0
"""Stream of a key that drives the dynamics; other streams draw populations."""


def solve(
    model: AbstractModel,
    params: Any,
    y0: Any = None,
    grid: Grid = Grid(128.0, 128, 4),
    key: Array | None = None,
    save: Save | None = None,
    *,
    method: AbstractMethod | None = None,
    criteria: Criteria = Criteria(),
    index: Any = 0,
    substeps: int = 1,
    dtype: Any = None,
) -> LaneResult:
    """Integrate one trajectory; batch it with `jax.vmap`, differentiate it with `jax.grad`.

    **Arguments:**

    - `model`, `params`: the dynamics and its parameters.
    - `y0`: initial state; by default the one that `params` describe.
    - `grid`: save times and solver steps.
    - `key`: a JAX key; needed by stochastic methods.
    - `save`: what to keep at the save times, `save(t, state, alive)`; by default the state.
    - `method`: solver path, by default RK4 without a key and RI6 with one.
    - `criteria`: what counts as focused, collapsed and resolved.
    - `index`: global index of the trajectory, which with the key alone determines its noise.
    - `substeps`: 2 to run on the Brownian path of the grid with half the step.
    - `dtype`: floating type of the computation; by default JAX's own.

    **Returns:** a `LaneResult`.

    **Raises:** `ValueError` if a stochastic method gets no key, or the model does not have the method's dynamics.
    """
    if method is None:
        method = METHODS.get(DEFAULT_METHOD["ode" if key is None else "sde"])()
    if method.dynamics != "ode" and key is None:
        raise ValueError(f"Method {METHODS.name_of(method)} is stochastic: pass key=jax.random.key(seed).")
    if sentence := refusal(type(model), method.dynamics):
        raise ValueError(sentence)
    dtype = jnp.result_type(float) if dtype is None else jnp.dtype(dtype)
    key = jax.random.key(0) if key is None else key
    params, criteria = cast(params, dtype), cast(criteria, dtype)
    problem = Problem(
        model=model,
        params=params,
        state=cast(model.initial_state(params) if y0 is None else y0, dtype),
        grid=cast(grid, dtype),
        criteria=criteria,
        path=Path(stream(key, NOISE_STREAM), jnp.asarray(index, jnp.uint32), substeps),
        save=(lambda t, state, alive: state) if save is None else save,
    )
    return method.integrate(problem)
