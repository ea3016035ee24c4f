"""The contract of a solver path: one lane in, one result out; and the registry of paths by name."""

import abc
from collections.abc import Callable
from typing import Any, ClassVar, Literal, NamedTuple

import equinox as eqx
from jaxtyping import Array, Bool, Float, Int, UInt32

from entropyjax.models import AbstractModel
from entropyjax.params import Registry
from entropyjax.solve.events import Criteria, Events
from entropyjax.solve.grid import Grid
from entropyjax.solve.noise import Stream

Dynamics = Literal["ode", "sde", "agents"]

Save = Callable[[Float[Array, ""], Any, Bool[Array, ""]], Any]
"""Called as save(t, state, alive) at every save time; what it returns is stacked along a leading axis."""


class Path(NamedTuple):
    """The noise of one lane: a stream, the lane's global index, and draws per step on the same path."""

    stream: Stream
    lane: UInt32[Array, ""]
    substeps: int = 1


class Problem(NamedTuple):
    """Everything that a solver path needs for one lane; arrays share one floating dtype."""

    model: AbstractModel
    params: Any
    state: Any
    grid: Grid
    criteria: Criteria
    path: Path
    save: Save


class LaneResult(NamedTuple):
    """What a solver path returns for one lane.

    `saved` holds what `save` returned at the K+1 save times; `failure` is a `Failure` code; `projections`
    counts the steps that were projected onto the domain; `steps` counts solver steps.
    """

    saved: Any
    events: Events
    outcome: Int[Array, ""]
    failure: Int[Array, ""]
    projections: Int[Array, ""]
    steps: Int[Array, ""]
    final: Any


class AbstractMethod(eqx.Module):
    """A solver path for one lane.

    **Attributes:**

    - `dynamics`: what it integrates: "ode", "sde" (Ito) or "agents".
    - `order`: order of convergence of end values (ODE) or of expectations (SDE); 0 if it does not apply.
    - `needs_float64`: whether ensembles refuse it in float32.
    - `lockstep`: whether all lanes take the same steps.
    - `native`: whether native kernels can be made of it.
    - `shardable`: whether ensembles can share it among devices.
    """

    dynamics: ClassVar[Dynamics]
    order: ClassVar[float]
    needs_float64: ClassVar[bool] = False
    lockstep: ClassVar[bool] = True
    native: ClassVar[bool] = True
    shardable: ClassVar[bool] = True

    @abc.abstractmethod
    def integrate(self, problem: Problem) -> LaneResult:
        """Integrate one lane from t = 0 to the horizon."""

    def batched(self) -> "AbstractMethod":
        """Return the method in the form for lanes that `vmap` advances together, which all save a row at a time."""
        return self


METHODS: Registry[AbstractMethod] = Registry("method", "entropyjax.solve")
register = METHODS.register
