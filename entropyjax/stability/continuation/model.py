"""The problem of a model: its ODE without the progress, which has no equilibrium of its own to find."""

import collections
import contextlib
import functools
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from entropyjax.models import AbstractModel
from entropyjax.stability.continuation.arrays import as_float64, require_float64
from entropyjax.stability.continuation.curve import Curve
from entropyjax.stability.continuation.errors import ContinuationError
from entropyjax.stability.continuation.lens import Lens
from entropyjax.stability.continuation.problem import Problem, Quantity
from entropyjax.stability.continuation.systems import Equilibrium

_PROGRESS = "progress"
_SETTLING = 160
_AT_REST = 1e-6
"""Largest component of the scaled drift at rest."""


def from_model(
    model: AbstractModel, params: Any, lens: Lens | str, state0: Any = None, *, scale: Any = None
) -> Problem:
    """Return the problem of a model's fixed points: those of its drift with the progress s at rest.

    At rest s = 1, or s = s(0) where kappa = 0. Its own eigenvalue, -kappa q, says nothing of focus and is 0 where
    kappa = 0, which would make every Jacobian singular; so s is no unknown. The state is what else the model has, as
    (x, c) of the star. Every observable is recorded.

    **Arguments:**

    - `params`: of one lane.
    - `lens`: the free parameter, or its name.
    - `state0`: a state of the model near the fixed point to start from; by default the one that the ODE leads to
      from the model's initial state, by implicit Euler steps of growing length.
    - `scale`: as for `Problem`.

    **Raises:** `ContinuationError` if the ODE leads to no fixed point, and as `Problem`.
    """
    require_float64()
    params = as_float64(params, "parameters")
    drift = _Drift(model)
    start = drift.reduced(model.initial_state(params) if state0 is None else state0)
    domain = drift.reduced(model.domain)
    lower, upper = (
        type(start)(*(np.full(np.shape(leaf), end) for leaf, end in zip(start, ends, strict=True)))
        for ends in zip(*domain, strict=True)
    )

    def problem_from(start: Any) -> Problem:
        return Problem(
            drift,
            start,
            params,
            lens,
            bounds=(lower, upper),
            scale=scale,
            record=_Observables(drift),
            quantities={name: Quantity(item.symbol, item.unit) for name, item in model.observables.items()},
        )

    problem = problem_from(start)
    return problem if state0 is not None else problem_from(_settled(problem))


class _Drift(eqx.Module):
    """The drift of a model on its state without the progress."""

    model: AbstractModel

    def __call__(self, state: Any, params: Any) -> Any:
        return self.reduced(self.model.drift(jnp.zeros(()), self.whole(state, params), params))

    def reduced(self, state: Any) -> Any:
        """Return a state without its progress."""
        names = tuple(name for name in state._fields if name != _PROGRESS)
        return state if names == state._fields else _reduced(names)(*(getattr(state, name) for name in names))

    def whole(self, state: Any, params: Any) -> Any:
        """Return the model's state with the progress at rest."""
        kind = type(self.model.domain)
        if _PROGRESS not in kind._fields:
            return state
        moving = params.resolution_rate > 0.0
        return kind(**state._asdict(), **{_PROGRESS: jnp.where(moving, 1.0, params.initial_progress)})


@functools.cache
def _reduced(names: tuple[str, ...]) -> Any:
    # One class for equal fields, so that states of two problems have one structure.
    return collections.namedtuple("ReducedState", names)


class _Observables(eqx.Module):
    """Every observable of a model at a reduced state."""

    drift: _Drift

    def __call__(self, state: Any, params: Any) -> dict[str, Array]:
        return self.drift.model.observe(self.drift.whole(state, params), params)


def _settled(problem: Problem) -> Any:
    """Return the state where linearly implicit Euler steps of growing length end."""
    curve = Curve(Equilibrium(), problem, (problem.lens,))
    z = curve.place(problem.state0, [float(problem.lens.get(problem.params))])
    eye, none, length = np.eye(curve.n), np.zeros(curve.n), 0.1
    speed, jacobian = curve.evaluate(z, none)
    for _ in range(_SETTLING):
        with contextlib.suppress(np.linalg.LinAlgError):
            z[:-1] += np.linalg.solve(eye / length - jacobian[:, :-1], speed)
        length *= 1.15
        speed, jacobian = curve.evaluate(z, none)
    # A number that is not finite is not below either.
    if not np.max(np.abs(speed)) <= _AT_REST:
        raise ContinuationError(
            "From the model's initial state its ODE leads to no fixed point. Without forgetting (compaction_rate + "
            "reflexion_rate = 0) there is none; otherwise give a state near one as state0."
        )
    return problem.unravel(jnp.asarray(z[:-1]) * curve.scale)
