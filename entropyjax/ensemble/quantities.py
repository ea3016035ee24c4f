"""What is averaged over an ensemble and differentiated: smooth functionals of single trajectories."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer
from jaxtyping import Array, Bool, Float

from entropyjax.ensemble.request import Ensemble, EnsembleError
from entropyjax.params import nearest
from entropyjax.solve.sinks import Sample

Scalar = Float[Array, ""]

EVENTS = ("focus", "collapse", "resolution", "horizon")
"""Events whose times can be averaged; the last is the cognitive horizon of an ODE's trajectory."""

DISCRETE = ("outcome", "outcomes", "collapse_probability", "crossings", "focused", "failure", "failures")
"""What a user may well ask for and what has no derivative along trajectories."""

_SMOOTH = "Below(TimeOf('collapse'), level=t, width=w), the smooth share of trajectories that have collapsed by t"


class AbstractQuantity(eqx.Module):
    """A number that every trajectory has, at every save time or once."""

    @property
    @abc.abstractmethod
    def along(self) -> bool:
        """Whether it is taken at every save time."""

    @abc.abstractmethod
    def check(self, ensemble: Ensemble) -> None:
        """Raise `EnsembleError` unless trajectories of this ensemble have the quantity."""

    @abc.abstractmethod
    def samples(self, source: Any, keep: Bool[Array, ""]) -> list[Sample]:
        """Return what one trajectory adds to the means.

        **Arguments:** `source`: the observables by name where `along`, otherwise the `Events`; `keep`: whether the
        trajectory counts.
        """

    @property
    def terms(self) -> int:
        """Number of the samples."""
        return 1

    @property
    def by_cell(self) -> bool:
        """Whether it has levels that differ between cells."""
        return False

    def shaped(self, means: list[Array]) -> Array:
        """Return the means of the samples as one array."""
        return means[0]


class AbstractPlain(AbstractQuantity):
    """A quantity that is read off a trajectory."""

    @abc.abstractmethod
    def read(self, source: Any) -> tuple[Scalar, Bool[Array, ""]]:
        """Return the number, and whether the trajectory has it; it is finite in either case."""

    def samples(self, source: Any, keep: Bool[Array, ""]) -> list[Sample]:
        value, there = self.read(source)
        return [Sample(value, keep & there)]


class Observed(AbstractPlain):
    """An observable of the model at every save time: H, h, R, c, s or another, by its `name`.

    The mean at a time is over the trajectories that have not failed by then.
    """

    name: str = eqx.field(static=True)

    @property
    def along(self) -> bool:
        return True

    def check(self, ensemble: Ensemble) -> None:
        if self.name in DISCRETE:
            raise EnsembleError(
                f"'{self.name}' is discrete: along a trajectory its derivative is zero or does not exist. Take a "
                f"smooth quantity, such as {_SMOOTH}."
            )
        if self.name not in ensemble.model.observables:
            raise EnsembleError(
                f"'{self.name}' is not an observable of this model; {nearest(self.name, ensemble.model.observables)}"
            )

    def read(self, source: Any) -> tuple[Scalar, Bool[Array, ""]]:
        return source[self.name], jnp.asarray(True)


class TimeOf(AbstractPlain):
    """The time in steps of an event, one of `EVENTS`, over the trajectories that had it by the horizon.

    A trajectory that gains or loses the event as a parameter changes is not seen by the derivative.
    """

    event: str = eqx.field(static=True)

    @property
    def along(self) -> bool:
        return False

    def check(self, ensemble: Ensemble) -> None:
        if self.event in DISCRETE:
            raise EnsembleError(f"'{self.event}' is no event but a code or a count, which is discrete. Take {_SMOOTH}.")
        if self.event not in EVENTS:
            raise EnsembleError(f"'{self.event}' is not an event; {nearest(self.event, EVENTS)}")
        if self.event == "horizon" and ensemble.noisy:
            raise EnsembleError("A noisy trajectory has no cognitive horizon; use an ODE method or another event.")

    def read(self, source: Any) -> tuple[Scalar, Bool[Array, ""]]:
        time = getattr(source, f"{self.event}_time")
        there = time < jnp.inf
        # Zero stands for infinity, of which no derivative is finite.
        return jnp.where(there, time, jnp.zeros_like(time)), there


class Below(AbstractQuantity):
    """A smooth indicator of `quantity` <= `level`, sigmoid((level - quantity) / width).

    Its mean is the distribution function at `level`, smoothed by a logistic kernel: for a density f the bias is
    width^2 pi^2/6 f'(level) + O(width^4). A trajectory without the event counts as never below.

    **Attributes:** `quantity`: an `Observed` or a `TimeOf`; `level`: one number, several, or an array of those with a
    leading axis of cells; `width`: in its unit.
    """

    quantity: AbstractPlain
    level: Any = eqx.field(converter=jnp.asarray)
    width: Any

    @property
    def along(self) -> bool:
        return self.quantity.along

    def check(self, ensemble: Ensemble) -> None:
        if not isinstance(self.quantity, AbstractPlain):
            raise EnsembleError(f"{type(self).__name__} takes an Observed or a TimeOf, not {self.quantity!r}.")
        self.quantity.check(ensemble)
        check_width(self.width)
        if np.ndim(self.level) > 2 or (np.ndim(self.level) == 2 and len(self.level) != ensemble.n_cells):
            raise EnsembleError(
                f"level must be a number, several, or several for each of {ensemble.n_cells} cells, not of shape "
                f"{np.shape(self.level)}."
            )

    def samples(self, source: Any, keep: Bool[Array, ""]) -> list[Sample]:
        value, there = self.quantity.read(source)
        zero = jnp.zeros_like(value)
        return [
            Sample(jnp.where(there, self.kernel((level - value) / self.width), zero), keep) for level in self._levels()
        ]

    def kernel(self, place: Scalar) -> Scalar:
        """Return what a trajectory counts at `place` widths below the level."""
        return jax.nn.sigmoid(place)

    @property
    def terms(self) -> int:
        return 1 if self.level.ndim == 0 else self.level.shape[-1]

    @property
    def by_cell(self) -> bool:
        return self.level.ndim == 2

    def _levels(self) -> list[Scalar]:
        if self.level.ndim == 0:
            return [self.level]
        return [lax.index_in_dim(self.level, place, keepdims=False) for place in range(self.terms)]

    def shaped(self, means: list[Array]) -> Array:
        # After the cells, before the times.
        axis = means[0].ndim - (1 if self.along else 0)
        return means[0] if self.level.ndim == 0 else jnp.stack(means, axis=axis)

    def cell_levels(self) -> list[Array]:
        """Return an array over cells for each of the levels that differ between cells."""
        return list(self.level.T)


class Density(Below):
    """The derivative of `Below` by its level: the density of `quantity`, smoothed by a logistic kernel."""

    def kernel(self, place: Scalar) -> Scalar:
        rise = jax.nn.sigmoid(place)
        return rise * (1.0 - rise) / self.width


def check_width(width: Any) -> None:
    """Raise `EnsembleError` for a width that is not positive; one that is traced has no number yet."""
    if not isinstance(width, Tracer) and not float(width) > 0.0:
        raise EnsembleError(f"width = {float(width):g} must be positive: it is the scale on which the step is smooth.")


def is_quantity(node: Any) -> bool:
    """Return whether a node of a pytree is a quantity."""
    return isinstance(node, AbstractQuantity)
