"""Fields over the two axes of a boundary: batches of trajectories at lattice points, and the margin."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from entropyjax.ensemble import Ensemble, Plan, run_chunks
from entropyjax.io.config import RefineConfig, SweepConfig
from entropyjax.io.store import Journal
from entropyjax.params import replace
from entropyjax.phase import FAILED, Ask, Field, batched
from entropyjax.results import Outcome
from entropyjax.stability import margin_window

BATCH_LANES = 8192
"""Trajectories of a call into the compiled program: what a round of refinement leaves over is padded to it."""
_VARIANT = 0


def alike(config: SweepConfig) -> bool:
    """Return whether all trajectories of a point are the same one."""
    return config.run.dynamics == "ode" and not config.population


class TrajectoryField:
    """Counts of outcomes of batches of trajectories.

    A batch of a point is a cell of an ensemble whose number is that of the point times the most batches, plus that of
    the batch. So its trajectories depend on the seed and the place in the lattice alone, and a point's next batch goes
    on where its last one ended. Batches that a journal holds are not computed again.

    **Attributes:** `done`: trajectories so far, those of the journal included.
    """

    def __init__(self, config: SweepConfig, ensemble: Ensemble, journal: Journal | None, tell: Callable[[int], None]):
        assert config.refine is not None
        self._refine, self._journal, self._tell = config.refine, journal, tell
        self._alike, self._outcome = alike(config), _column(config.refine)
        self._replicates, self._batches = (1, 1) if self._alike else (config.refine.replicates, config.refine.batches)
        self._template = ensemble
        self._plan: Plan | None = None
        self._known: dict[int, np.ndarray] = {}
        self._part = 0
        for _, end, arrays in journal.chunks(_VARIANT) if journal else ():
            self._known |= zip(arrays["batch"].tolist(), arrays["counts"], strict=True)
            self._part = end

    @property
    def done(self) -> int:
        """Trajectories so far, those of the journal included."""
        return len(self._known) * self._replicates

    @property
    def cells(self) -> int:
        """Batches of a call into the compiled program."""
        return int(np.clip(BATCH_LANES // self._replicates, 1, 1024))

    def ensemble(self, ask: Ask) -> Ensemble:
        """Return the ensemble whose cells are the batches of a request."""
        columns = {axis.path: ask.points[:, place] for place, axis in enumerate(self._refine.axes)}
        return dataclasses.replace(
            self._template,
            cells={path.removeprefix("params."): v for path, v in columns.items() if path.startswith("params.")},
            cell_criteria={p.removeprefix("criteria."): v for p, v in columns.items() if p.startswith("criteria.")},
            replicates=self._replicates,
            stride=self._replicates,
            cell_numbers=self._numbers(ask),
            observables=(),
        )

    def start(self, template: Ensemble, planned: Callable[[Ensemble], Plan]) -> None:
        """Take the ensemble with its settled step, and plan calls of one size."""
        self._template = template
        blank = np.zeros(self.cells, int)
        lower = np.tile([axis.lower for axis in self._refine.axes], (self.cells, 1))
        self._plan = planned(self.ensemble(Ask(lower, blank, blank)))

    def counts(self, ask: Ask) -> np.ndarray:
        """Return the outcomes and failures of each batch, shape (n, outcomes + failures)."""
        assert self._plan is not None
        number = self._numbers(ask)
        new = np.flatnonzero([key not in self._known for key in number.tolist()])
        self._tell(self.done + len(new) * self._replicates)
        for part in np.split(new, np.arange(self.cells, len(new), self.cells)):
            if len(part):
                self._compute(Ask(*(column[part] for column in ask)), number[part])
                self._tell(self.done + (len(new) - 1 - int(np.searchsorted(new, part[-1]))) * self._replicates)
        return np.stack([self._known[key] for key in number.tolist()])

    def __call__(self, ask: Ask) -> np.ndarray:
        """Return what the rule of the boundary reads: (collapsed, trials) or the like; labels where all are alike."""
        outcomes = self.counts(ask)[:, : len(Outcome)]
        trials = outcomes.sum(axis=1)
        if self._alike:
            label = np.argmax(outcomes, axis=1)
            label = label if self._outcome is None else label == self._outcome
            return np.where(trials > 0, label, FAILED)
        if self._outcome is None:
            return outcomes
        return np.stack([outcomes[:, self._outcome], trials], axis=1)

    def _numbers(self, ask: Ask) -> np.ndarray:
        return ask.number * self._batches + ask.batch

    def _compute(self, ask: Ask, number: np.ndarray) -> None:
        """Compute batches that are at most a call, and make them safe."""
        assert self._plan is not None
        plan, count = self._plan, len(number)
        places = np.arange(self.cells) % count
        whole = self.ensemble(Ask(*(column[places] for column in ask)))
        parts = run_chunks(whole, plan, range(-(-count // plan.chunk)))
        found = np.concatenate([np.concatenate([s.outcomes, s.failures], axis=1) for _, _, s in parts])[:count]
        self._known |= zip(number.tolist(), found, strict=True)
        if self._journal:
            self._journal.commit(_VARIANT, self._part, self._part + 1, {"batch": number, "counts": found})
        self._part += 1


def margin_field(config: SweepConfig, ensemble: Ensemble) -> Field:
    """Return ln(W / W_M), the logarithm of the window over that at which M = 0 on the fixed points."""
    assert config.refine is not None
    names = [axis.name for axis in config.refine.axes]

    def excess(points: jax.Array) -> jax.Array:
        params: Any = replace(ensemble.constants, {name: points[:, place] for place, name in enumerate(names)})
        return jnp.log(params.context_window) - jnp.log(margin_window(params))

    field = batched(excess)
    return lambda ask: field(ask._replace(points=ask.points.astype(ensemble.dtype)))


def _column(refine: RefineConfig) -> int | None:
    """Return the outcome whose share is looked at, or `None` for all of them."""
    return None if refine.of in ("outcome", "margin") else int(Outcome[refine.of.upper()])
