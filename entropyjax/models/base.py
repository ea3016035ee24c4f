"""The contract of a model: all that the layers above may know about one."""

import abc
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from entropyjax.params import make

Scalar = Float[Array, ""]
State = Any
"""A NamedTuple of arrays, one field per component; fields hold one lane, never a batch."""


class RestError(NotImplementedError):
    """A model that does not say where it comes to rest was asked for fixed points."""


class Interval(NamedTuple):
    """Range of a state component; the stochastic paths project onto it and count the projections."""

    lower: float
    upper: float


class Observable(NamedTuple):
    """A named, real-valued function `evaluate(model, state, params)` with its symbol and unit."""

    symbol: str
    unit: str
    doc: str
    evaluate: Callable[[Any, State, Any], Scalar]


class AbstractModel(eqx.Module):
    """A dynamics in scalars per lane: drift, Ito diffusion, domain, observables and parameters.

    Subclasses are final, live in one file of `entropyjax.models` and carry `@register("name")`. Everything
    that they compute is written for one lane; batching is `jax.vmap`. The layers above rely on this
    contract alone.
    """

    Params: ClassVar[Any]
    """Class of the parameter set, a subclass of `AbstractParams`."""
    domain: ClassVar[Any]
    """A state whose components are `Interval`s."""
    observables: ClassVar[Any]
    """Mapping of names to `Observable`s."""
    reported: ClassVar[tuple[str, ...]] = ()
    """Observables whose means results keep beside those that they keep of every model."""

    @abc.abstractmethod
    def initial_state(self, params: Any) -> State:
        """Return the state at t = 0 that `params` describe."""

    @abc.abstractmethod
    def drift(self, t: Scalar, state: State, params: Any) -> State:
        """Return dy/dt, each component in its unit per step."""

    @abc.abstractmethod
    def focus_signal(self, params: Any, level: Scalar | float) -> Callable[[State], Scalar]:
        """Return g(y), positive exactly where the orchestrator is focused: h < `level` and x > 0."""

    @abc.abstractmethod
    def entropy_trend(self, state: State, params: Any) -> Scalar:
        """Return a quantity with the sign of the ODE's dH/dt; its upward zero is the cognitive horizon."""

    def diffusion(self, t: Scalar, state: State, params: Any) -> tuple[State, ...]:
        """Return the Ito diffusion, one state per Wiener process; `None` marks a component that is zero.

        A model that does not define it has no noise, and runs as an ODE alone.
        """
        del t, state, params
        return ()

    def progress(self, state: State) -> Scalar | None:
        """Return s, the resolved share of the task.

        A model that does not define it follows no task: `None`, and its runs are never resolved.
        """
        del state

    @classmethod
    def has_noise(cls) -> bool:
        """Return whether the model has a diffusion."""
        return cls.diffusion is not AbstractModel.diffusion

    @classmethod
    def has_rest(cls) -> bool:
        """Return whether the model says where it comes to rest, so that its fixed points can be searched for."""
        return cls.at_rest is not AbstractModel.at_rest

    @classmethod
    def has_progress(cls) -> bool:
        """Return whether the model follows the task, so that its runs can be resolved."""
        return cls.progress is not AbstractModel.progress

    def at_rest(self, context: Any, progress: Any, params: Any) -> State:
        """Return the state (focus, s, c) with the focus at rest at u(s, c), for a context and progress that are held.

        Fixed points are where its drift of the context vanishes too. For models whose focus relaxes at one rate to a
        target u(s, c), with a drift that is continuous; contexts of several levels must not act on each other.

        **Raises:** `RestError` if the model has none.
        """
        raise RestError(
            f"{type(self).__name__} does not say where it comes to rest, so no fixed points are searched for: "
            "give it the method `at_rest`."
        )

    def params(self, **values: Any) -> Any:
        """Return this model's parameters, those in `values` changed from their defaults.

        **Raises:** `ParameterError` for an unknown name or a value outside its bounds.
        """
        return make(self.Params, values)

    def sized(self, params: Mapping[str, Any]) -> "AbstractModel":
        """Return this model with static sizes that hold every value in `params` (names to arrays)."""
        del params
        return self

    def nodes(self, params: Any) -> Any:
        """Return parameters of stars that share this model's fixed points, or `None` if there are no such stars.

        Where there are several stars, leaves that differ between them have an axis, and the model's fixed points are
        those of each star by itself.
        """
        del params

    def observe(self, state: State, params: Any) -> dict[str, Scalar]:
        """Return every observable by name."""
        return {name: item.evaluate(self, state, params) for name, item in self.observables.items()}


def project(model: AbstractModel, state: State) -> tuple[State, Bool[Array, ""]]:
    """Project each component onto the model's domain; the second value says whether anything moved."""
    moved = jnp.asarray(False)
    components = []
    for leaf, interval in zip(state, model.domain, strict=True):
        inside = leaf
        if interval.lower > -jnp.inf:
            inside = jnp.maximum(inside, interval.lower)
        if interval.upper < jnp.inf:
            inside = jnp.minimum(inside, interval.upper)
        # A NaN passes through and is a failure, not a projection.
        moved = moved | jnp.any((leaf < interval.lower) | (leaf > interval.upper))
        components.append(inside)
    return type(state)(*components), moved


def combine(state: State, *terms: tuple[Any, State]) -> State:
    """Return state + sum of coefficient * tangent over `terms`; a component that is `None` counts as zero."""
    leaves, treedef = jax.tree.flatten(state)
    for coefficient, tangent in terms:
        parts = treedef.flatten_up_to(tangent)
        pairs = zip(leaves, parts, strict=True)
        leaves = [leaf if part is None else leaf + coefficient * part for leaf, part in pairs]
    return treedef.unflatten(leaves)
