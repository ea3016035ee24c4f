"""One trajectory by diffrax: fixed steps, adaptive steps, Euler-Maruyama; the state a tuple or a stacked array."""

from typing import Any, ClassVar

import diffrax
import jax
import jax.numpy as jnp
import lineax
import numpy as np

from entropyjax.jobs.bench.grid_events import MODEL
from entropyjax.jobs.bench.problem import HORIZON
from entropyjax.models.orchestrator import OrchestratorState

GRID = 128
"""Intervals between the states that a fixed-step solve keeps for its events."""

MOST_STEPS = 256
"""Most adaptive steps; all are kept for the events."""


class RK4(diffrax.AbstractERK):
    """The classical method of Kutta, which diffrax lacks; defined as its documentation says."""

    tableau: ClassVar[Any] = diffrax.ButcherTableau(
        a_lower=(np.array([0.5]), np.array([0.0, 0.5]), np.array([0.0, 0.0, 1.0])),
        b_sol=np.array([1 / 6, 1 / 3, 1 / 3, 1 / 6]),
        # It has no embedded error estimate; the step is constant.
        b_error=np.zeros(4),
        c=np.array([0.5, 0.5, 1.0]),
    )
    interpolation_cls: ClassVar[Any] = diffrax.ThirdOrderHermitePolynomialInterpolation.from_k

    def order(self, terms: Any) -> int:
        return 4


def pack(state: Any, stacked: bool) -> Any:
    """Return a state in the solve's form."""
    leaves = [jnp.asarray(leaf) for leaf in state]
    return jnp.stack(leaves, axis=-1) if stacked else tuple(leaves)


def unpack(state: Any, stacked: bool) -> OrchestratorState:
    """Return a state, or states along a leading axis, in the model's form."""
    return OrchestratorState(*(jnp.moveaxis(state, -1, 0) if stacked else state))


def fixed_step(params: Any, steps: int, stacked: bool, times: Any) -> Any:
    """Return the solution of RK4 with constant steps at `times`."""
    return diffrax.diffeqsolve(
        _drift(stacked),
        RK4(),
        0.0,
        HORIZON,
        HORIZON / steps,
        _start(params, stacked),
        params,
        saveat=diffrax.SaveAt(ts=times),
        max_steps=steps + 1,
    )


def adaptive(params: Any, rtol: float, stacked: bool) -> Any:
    """Return the solution of Tsit5 at all its steps."""
    return diffrax.diffeqsolve(
        _drift(stacked),
        diffrax.Tsit5(),
        0.0,
        HORIZON,
        None,
        _start(params, stacked),
        params,
        saveat=diffrax.SaveAt(t0=True, steps=True),
        stepsize_controller=diffrax.PIDController(rtol=rtol, atol=0.1 * rtol),
        max_steps=MOST_STEPS,
        throw=False,
    )


def euler_maruyama(params: Any, steps: int, stacked: bool, key: Any) -> Any:
    """Return the solution of Euler-Maruyama at all its steps, on a `VirtualBrownianTree` of tolerance dt / 2."""
    dt = HORIZON / steps
    path = diffrax.VirtualBrownianTree(0.0, HORIZON, tol=0.5 * dt, shape=(3,), key=key)
    noise = diffrax.ControlTerm(_diffusion_matrix if stacked else _diffusion_operator, path)
    return diffrax.diffeqsolve(
        diffrax.MultiTerm(_drift(stacked), noise),
        diffrax.Euler(),
        0.0,
        HORIZON,
        dt,
        _start(params, stacked),
        params,
        saveat=diffrax.SaveAt(ts=jnp.linspace(0.0, HORIZON, steps + 1)),
        max_steps=steps + 1,
    )


def _start(params: Any, stacked: bool) -> Any:
    return pack(MODEL.initial_state(params), stacked)


def _drift(stacked: bool) -> diffrax.ODETerm:
    def slope(t: Any, y: Any, params: Any) -> Any:
        return pack(MODEL.drift(t, unpack(y, stacked), params), stacked)

    return diffrax.ODETerm(slope)


def _rows(t: Any, state: OrchestratorState, params: Any) -> list[Any]:
    """Return the diffusion as one row of three for each component of the state."""
    columns = MODEL.diffusion(t, state, params)
    whole = [[jnp.zeros_like(state.focus) if part is None else part for part in column] for column in columns]
    return [jnp.stack(row) for row in zip(*whole, strict=True)]


def _diffusion_matrix(t: Any, y: Any, params: Any) -> Any:
    return jnp.stack(_rows(t, unpack(y, True), params))


def _diffusion_operator(t: Any, y: Any, params: Any) -> Any:
    rows = _rows(t, unpack(y, False), params)
    shape = jax.ShapeDtypeStruct((3,), rows[0].dtype)
    return lineax.FunctionLinearOperator(lambda w: tuple(jnp.sum(row * w) for row in rows), shape)
