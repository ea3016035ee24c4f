"""What an ensemble is: cells of parameters, trajectories per cell, and what to reduce."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Array

from entropyjax.agents import check_rates
from entropyjax.ensemble.population import AbstractDistribution
from entropyjax.models import AbstractModel
from entropyjax.params import OrchestratorParams
from entropyjax.solve import METHODS, AbstractMethod, Criteria, Grid, refusal

OBSERVABLES = ("entropy", "normalised_entropy", "resolution", "loading", "context", "progress")
"""Observables whose mean and variance are kept at the save times unless told otherwise."""

TIME_BINS = 256
"""Bins of the histograms of event times on [0, T]."""


class EnsembleError(ValueError):
    """An ensemble that cannot run as asked; the message says what to change."""


class Ensemble(eqx.Module):
    """A request: `replicates` trajectories in each cell of a sweep.

    **Attributes:**

    - `model`, `method`, `grid`: what to integrate and how.
    - `constants`: parameters that all cells share, a parameter set of the model.
    - `cells`: swept parameters by name, one value for each cell.
    - `criteria`: what counts as collapsed, shared by all cells.
    - `cell_criteria`: swept criteria by name, one value for each cell.
    - `population`: parameters drawn for each trajectory.
    - `replicates`: trajectories in a cell.
    - `key`: JAX key; with a trajectory's global index it determines all its random numbers.
    - `dtype`: floating type of the computation.
    - `observables`: names of the observables to average at the save times.
    - `substeps`: 2 to run on the Brownian paths of the grid with half the step.
    - `stride`: global indices from one cell to the next; at least `replicates`.
    - `cell_numbers`: number of each cell, from which the global indices of its trajectories come; by default its place.
    """

    model: AbstractModel
    method: AbstractMethod
    grid: Grid
    constants: Any
    cells: Mapping[str, np.ndarray]
    criteria: Criteria
    cell_criteria: Mapping[str, np.ndarray]
    population: Mapping[str, AbstractDistribution]
    replicates: int
    key: Array
    dtype: Any
    observables: tuple[str, ...] = OBSERVABLES
    substeps: int = 1
    stride: int = 0
    cell_numbers: np.ndarray | None = None

    @property
    def n_cells(self) -> int:
        """Number of cells; 1 if nothing is swept."""
        columns = [*self.cells.values(), *self.cell_criteria.values()]
        return len(columns[0]) if columns else 1

    @property
    def noisy(self) -> bool:
        """Whether trajectories of one cell differ by noise."""
        return self.method.dynamics != "ode"

    @property
    def index_stride(self) -> int:
        """Global indices from one cell to the next."""
        return self.stride or self.replicates

    def without_cells(self) -> "Ensemble":
        """Return what a compiled program needs of this request: everything but the cells' values."""
        return dataclasses.replace(self, cells={}, cell_criteria={}, stride=self.index_stride, cell_numbers=None)

    def check(self) -> None:
        """Raise `EnsembleError` or `AgentError` if the request cannot run; host values only."""
        unknown = [name for name in self.observables if name not in self.model.observables]
        if unknown:
            raise EnsembleError(
                f"'{unknown[0]}' is not an observable of this model; it has {', '.join(self.model.observables)}."
            )
        if sentence := refusal(type(self.model), self.method.dynamics):
            raise EnsembleError(sentence)
        if self.method.needs_float64 and np.dtype(self.dtype) != np.float64:
            raise EnsembleError(
                f"Method {METHODS.name_of(self.method)} does not converge reliably in {np.dtype(self.dtype)}; set "
                "run.precision to float64."
            )
        if self.stride and self.stride < self.replicates:
            raise EnsembleError(f"stride = {self.stride} must be at least replicates = {self.replicates}.")
        numbered = self.n_cells if self.cell_numbers is None else int(np.max(self.cell_numbers)) + 1
        if numbered * self.index_stride > 2**32:
            raise EnsembleError(
                f"{numbered} cells x {self.index_stride} trajectories pass 2^32, the most that one key can "
                "number; split the sweep over several seeds."
            )
        if self.method.dynamics == "agents" and isinstance(self.constants, OrchestratorParams):
            rates = {**{n: getattr(self.constants, n) for n in self.constants.specs()}, **self.cells}
            check_rates(type(self.constants)(**rates), float(self.grid.step))
