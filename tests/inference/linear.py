"""A problem whose posterior is known in closed form: y_i ~ N(a_i . z, 1), z ~ N(0, I)."""

import dataclasses
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from entropyjax.inference.parameters import Free, layout
from entropyjax.inference.problem import parameters
from entropyjax.inference.terms import Dispatches
from entropyjax.inference.units import Conditions
from entropyjax.models import Star

FREE = (Free("evidence", 2.0, 6.0), Free("initial_focus", -1.0, 4.0), Free("roster_similarity", 0.2, 0.7))
ONE = Conditions(("a",), ("b",), np.array([0]), np.array([8]))


class Row(NamedTuple):
    """What a term says of itself."""

    marginal: bool = True


@dataclasses.dataclass
class Linear:
    """What the methods ask of a problem; `function(z)` replaces the normal log-likelihoods of the entries."""

    design: np.ndarray
    seen: np.ndarray
    task: np.ndarray
    free: tuple = FREE
    composite: bool = False
    marginal: int = 0
    function: object = None
    compiled: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        self.layout = layout(parameters(Star(), [Dispatches]), ONE, self.free[: self.design.shape[1]])
        self.terms, self.drives = (), ()
        self.units = _Units(self.task[: len(self.task) - self.marginal])
        if self.marginal:
            self.terms = (Row(),)
        self.entries = len(self.seen)

    def log_likelihoods(self, scores, terms=None, drives=None):
        if self.function is not None:
            return self.function(scores)
        residual = jnp.asarray(self.seen, scores.dtype) - jnp.asarray(self.design, scores.dtype) @ scores
        return -0.5 * residual**2

    @property
    def covariance(self):
        return np.linalg.inv(np.eye(self.design.shape[1]) + self.design.T @ self.design)

    @property
    def mean(self):
        return self.covariance @ self.design.T @ self.seen


class _Units:
    def __init__(self, task):
        self.task = task

    def __len__(self):
        return len(self.task)


def linear(tasks=40, size=3, seed=0, **changes):
    rng = np.random.default_rng(seed)
    # The last direction is hardly seen.
    design = rng.standard_normal((tasks, size)) * np.array([1.0, 0.6, 0.02])[:size]
    seen = design @ rng.standard_normal(size) + rng.standard_normal(tasks)
    return Linear(design, seen, np.arange(tasks), **changes)
