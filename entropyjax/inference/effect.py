"""The random effect of a task on the gap: its parameter and its quadrature."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float

from entropyjax.params import Parameter, Support

SPREAD = Parameter(
    "task_spread",
    "sigma_task",
    0.0,
    "nat",
    Support(lower=0.0),
    "Standard deviation of the gap between tasks.",
)


class Nodes(NamedTuple):
    """Values of a standard normal effect and their chances: Gauss-Hermite quadrature."""

    values: Float[np.ndarray, " nodes"]
    weights: Float[np.ndarray, " nodes"]


def nodes(number: int) -> Nodes:
    """Return a quadrature that is exact for polynomials up to degree 2 `number` - 1."""
    values, weights = np.polynomial.hermite_e.hermegauss(number)
    return Nodes(values, weights / weights.sum())


Given = Callable[[Float[Array, "units nodes"]], Float[Array, "units nodes"]]
"""Called as given(effects): log-likelihood of each unit at its own values of the effect, in nat."""

_LOOKS = 2
"""How often the nodes move to where the integrand is, each time from a view four times as sharp at the most."""


class View(NamedTuple):
    """Where the nodes of each unit lie: `centre` + `width` times those of the rule."""

    centre: Float[Array, " units"]
    width: Float[Array, " units"]

    def effects(self, rule: Nodes) -> Float[Array, "units nodes"]:
        """Return the values of the effect at the nodes."""
        return self.centre[:, None] + self.width[:, None] * jnp.asarray(rule.values, self.centre.dtype)[None, :]

    def log_weights(self, rule: Nodes) -> Float[Array, "units nodes"]:
        """Return the logarithms of the weights at which the nodes stand for a mean over a standard normal effect."""
        values = jnp.asarray(rule.values, self.centre.dtype)[None, :]
        log_weights = jnp.log(jnp.asarray(rule.weights, self.centre.dtype))[None, :]
        return log_weights + jnp.log(self.width)[:, None] + 0.5 * (values**2 - self.effects(rule) ** 2)


def look(given: Given, rule: Nodes, units: int, dtype: np.dtype) -> View:
    """Return views of the nodes on the mean and the deviation of the effect given what each unit has shown.

    A task of many decisions leaves its effect in a range that is narrow beside the steps between nodes of the prior,
    and a rule about 0 misses it (adaptive Gauss-Hermite quadrature; Naylor and Smith, Appl. Stat. 31, 1982).
    """
    view = View(jnp.zeros(units, dtype), jnp.ones(units, dtype))
    if len(rule.values) == 1:
        return view

    def closer(view: View, _: None) -> tuple[View, None]:
        effects = view.effects(rule)
        chances = jax.nn.softmax(given(effects) + view.log_weights(rule), axis=1)
        centre = jnp.sum(chances * effects, axis=1)
        width = jnp.sqrt(jnp.sum(chances * (effects - centre[:, None]) ** 2, axis=1))
        sound = jnp.isfinite(centre) & jnp.isfinite(width)
        return View(
            jnp.where(sound, centre, view.centre),
            jnp.where(sound, jnp.maximum(width, 0.25 * view.width), view.width),
        ), None

    # A loop, so that the rows are compiled once for all looks.
    return lax.scan(closer, view, None, length=_LOOKS)[0]


def log_mean(given: Given, rule: Nodes, view: View) -> Float[Array, " units"]:
    """Return ln of the mean likelihood of each unit over the effect."""
    return logsumexp(given(view.effects(rule)) + view.log_weights(rule), axis=1)
