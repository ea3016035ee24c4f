"""The job that finds a boundary: a configuration with [refine], to a labelled dataset, resumable."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import xarray as xr

from entropyjax.ensemble import Ensemble, Plan
from entropyjax.io.config import SweepConfig
from entropyjax.io.store import Journal
from entropyjax.jobs.boundary_dataset import boundary_dataset
from entropyjax.jobs.build import build_ensemble
from entropyjax.jobs.engine import Engine, make_engine
from entropyjax.jobs.errors import JobError
from entropyjax.jobs.fields import TrajectoryField, alike, margin_field
from entropyjax.jobs.step import settle_step
from entropyjax.phase import (
    AbstractRule,
    Ask,
    Crossing,
    Labels,
    Lattice,
    Plurality,
    Range,
    Share,
    refine,
)
from entropyjax.results import Outcome
from entropyjax.solve import Grid

Progress = Callable[[int, int, str], None]
"""Called as progress(trajectories done, trajectories asked for so far, what is going on)."""


def find_boundary(
    config: SweepConfig, journal: Journal | None, progress: Progress | None, devices: int | None
) -> xr.Dataset:
    """Return the boundary that [refine] of a configuration asks for.

    A batch that a journal holds is not computed again, and what is computed does not depend on where a run stopped.
    """
    assert config.refine is not None
    lattice, rule = _lattice(config), _rule(config)

    def tell(done: int, total: int, what: str) -> None:
        if progress is not None:
            progress(done, total, what)

    with jax.enable_x64(config.run.precision == "float64"):
        ensemble = build_ensemble(config)
        if config.refine.of == "margin":
            found = refine(
                margin_field(config, ensemble), lattice, rule, check=config.refine.check, seed=config.run.seed
            )
            return boundary_dataset(config, ensemble, found, None, {"checks": []})
        field = TrajectoryField(config, ensemble, journal, lambda total: tell(field.done, total, "refining"))
        engine = make_engine(config, devices)
        template, report = _settled(config, field, ensemble, lattice, engine, journal, tell)
        field.start(template, lambda whole: _plan(whole, engine, journal, report))
        found = refine(field, lattice, rule, check=config.refine.check, seed=config.run.seed)
        ask = _batches(lattice, found.number, found.batches)
        counts = field.counts(ask)
    row = np.repeat(np.arange(len(found.number)), found.batches)
    totals = np.zeros((len(found.number), counts.shape[1]), int)
    np.add.at(totals, row, counts)
    if not totals[:, : len(Outcome)].any():
        raise JobError(
            "Every trajectory failed, most by non-finite or diverging states; use a smaller run.step or check "
            f"the parameters (run.step = {float(template.grid.step):g} step)."
        )
    return boundary_dataset(config, template, found, totals, report)


def _lattice(config: SweepConfig) -> Lattice:
    assert config.refine is not None
    x, y = (Range(axis.lower, axis.upper, axis.scale == "log") for axis in config.refine.axes)
    return Lattice(x, y, config.refine.resolution, config.refine.start)


def _rule(config: SweepConfig) -> AbstractRule:
    asked = config.refine
    assert asked is not None
    if asked.of == "margin":
        return Crossing(0.0)
    if alike(config):
        return Labels()
    if asked.of == "outcome":
        return Plurality(asked.sigmas, batches=asked.batches)
    return Share(asked.level, asked.sigmas, batches=asked.batches)


def _batches(lattice: Lattice, number: np.ndarray, batches: np.ndarray) -> Ask:
    """Return the request for the first batches of each point."""
    every = np.repeat(number, batches)
    first = np.repeat(np.cumsum(batches) - batches, batches)
    return Ask(lattice.points(every), every, np.arange(len(every)) - first)


def _settled(
    config: SweepConfig,
    field: TrajectoryField,
    ensemble: Ensemble,
    lattice: Lattice,
    engine: Engine,
    journal: Journal | None,
    tell: Progress,
) -> tuple[Ensemble, dict[str, Any]]:
    """Return the ensemble with a step that suits the corners of the coarse cells, and the report of it."""
    settled = journal.noted("step", 0) if journal else None
    if settled is None:
        tell(0, 0, "checking the step")
        places = np.arange(lattice.start + 1) * (lattice.resolution // lattice.start)
        number = np.sort(lattice.number(places[:, None], places).ravel())
        coarse = field.ensemble(_batches(lattice, number, np.ones_like(number)))
        settled = settle_step(_checking(config), coarse, engine)._asdict()
        if journal:
            journal.note("step", 0, settled)
    grid = Grid(ensemble.grid.horizon, ensemble.grid.intervals, settled["steps"])
    report = settled["report"] | {"steps_per_interval": settled["steps"]}
    return dataclasses.replace(ensemble, grid=grid), report


def _checking(config: SweepConfig) -> SweepConfig:
    """Return the configuration that checks its share of the trajectories that a point may have, in its first batch."""
    assert config.refine is not None
    share = min(1.0, config.run.check_share * config.refine.batches)
    return config.model_copy(update={"run": config.run.model_copy(update={"check_share": share})})


def _plan(whole: Ensemble, engine: Engine, journal: Journal | None, report: dict[str, Any]) -> Plan:
    """Return the plan of every call; a run that is continued stays on the solver path it began on."""
    begun = journal.noted("path", 0) if journal else None
    plan = (dataclasses.replace(engine, path=begun) if begun else engine).plan(whole)
    if journal and begun is None:
        journal.note("path", 0, plan.path.name)
    report |= {"plan": str(plan), "path": f"{plan.path.name}, for {plan.path.why}"}
    return plan
