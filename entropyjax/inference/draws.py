"""Draws of a model's parameters in one condition, and what they rest on."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.special import ndtri

from entropyjax.inference.parameters import Block
from entropyjax.inference.posterior import Posterior
from entropyjax.models import AbstractModel

WIDE = 0.8
"""An interval that is wider than this share of the prior's has learnt hardly anything."""

LEVEL = 0.9
"""Share of the posterior, and of the prior, that intervals hold."""

FITTED, PRIOR, GIVEN, DEFAULT = "fitted", "rests on the prior", "given", "default"
"""What the value of a parameter rests on: the fit; the prior, where it was free and hardly anything was learnt; what
was given by hand or counted in the logs; or the default of the model, which nobody has looked at."""


class ParameterDraws(NamedTuple):
    """Draws of the parameters of an orchestrator.

    **Attributes:**

    - `params`: the model's, the draws along the leading axis of every leaf.
    - `effects`: draws of parameters of the observation by name, `task_spread` for example.
    - `widths`: of each parameter that was free, the width of its interval over the prior's on the scale of the fit.
    - `condition`: name of the system, orchestrator and roster; `method`: how they were drawn.
    - `steps`: decisions that were seen of a run; 0 where nothing is known of it.
    - `observed`: names of the observations that were fitted.
    """

    model: AbstractModel
    params: Any
    effects: Mapping[str, Float[np.ndarray, " draws"]]
    widths: Mapping[str, float]
    condition: str
    method: str
    steps: int = 0
    observed: tuple[str, ...] = ()

    @property
    def columns(self) -> dict[str, Float[np.ndarray, " draws"]]:
        """Draws of each of the model's parameters by name."""
        return {name: np.asarray(getattr(self.params, name), float) for name in type(self.params).specs()}

    @property
    def size(self) -> int:
        """Number of draws."""
        return len(next(iter(self.columns.values())))

    @property
    def varying(self) -> tuple[str, ...]:
        """Names of the model's parameters that differ between draws."""
        return tuple(name for name, column in self.columns.items() if np.ptp(column) > 0.0)

    def rests_on(self, name: str) -> str:
        """Return what the value of a parameter rests on: `FITTED`, `PRIOR`, `GIVEN` or `DEFAULT`."""
        if name in self.widths:
            return PRIOR if self.widths[name] > WIDE else FITTED
        spec = type(self.params).specs()[name]
        return DEFAULT if np.all(self.columns[name] == spec.default) else GIVEN

    def thinned(self, most: int) -> "ParameterDraws":
        """Return at most so many of the draws, evenly spread over their order."""
        return self.select(np.unique(np.linspace(0, self.size - 1, min(most, self.size)).round().astype(int)))

    def select(self, rows: np.ndarray) -> "ParameterDraws":
        """Return some of the draws, by number or by a mask."""
        params = type(self.params)(**{name: column[rows] for name, column in self.columns.items()})
        return self._replace(params=params, effects={name: np.asarray(v)[rows] for name, v in self.effects.items()})


def parameter_draws(posterior: Posterior, condition: int = 0) -> ParameterDraws:
    """Return the draws of a posterior in one condition."""
    problem = posterior.problem
    values = jax.vmap(problem.layout.values)(jnp.asarray(posterior.scores))
    here = {name: np.asarray(value, float)[:, condition] for name, value in values.items()}
    own = problem.model.Params.specs()
    widths = {block.spec.name: width_over_prior(block, here[block.spec.name]) for block in problem.layout.blocks}
    widths |= {name: widths[source] for name, (source, _) in problem.layout.ties.items() if source in widths}
    return ParameterDraws(
        model=problem.model,
        params=problem.model.Params(**{name: here[name] for name in own}),
        effects={name: column for name, column in here.items() if name not in own},
        widths=widths,
        condition=problem.units.conditions.names[condition],
        method=posterior.method,
        steps=problem.steps,
        observed=tuple(term.name for term in problem.terms),
    )


def width_over_prior(block: Block, draws: Float[np.ndarray, " draws"]) -> float:
    """Return the width of the interval of draws over the prior's, on the scale of the fit."""
    free = np.asarray(block.spec.support.unconstrain(np.asarray(draws)), float)
    low, high = np.quantile(free, 0.5 * (1.0 + np.array([-1.0, 1.0]) * LEVEL))
    return float((high - low) / (2.0 * ndtri(0.5 * (1.0 + LEVEL)) * block.prior.sd))
