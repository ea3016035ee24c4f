"""The main job: a sweep, from a configuration to a labelled dataset, resumable."""

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import xarray as xr

from entropyjax.ensemble import Accumulator, Ensemble, Plan, from_arrays, run_chunks, to_arrays
from entropyjax.io.config import SweepConfig, load
from entropyjax.io.store import Journal, StoreError, check_target, open_result, write_result
from entropyjax.jobs.boundary import find_boundary
from entropyjax.jobs.build import build_ensemble, parameter_cells
from entropyjax.jobs.dataset import Variable, assemble, margin_curve, variables
from entropyjax.jobs.engine import Engine, make_engine
from entropyjax.jobs.errors import JobError
from entropyjax.jobs.step import settle_step
from entropyjax.jobs.variants import variants
from entropyjax.solve import Grid

Progress = Callable[[int, int, str], None]
"""Called as progress(trajectories done, trajectories in all, what is going on)."""


def sweep(
    source: str | os.PathLike | Mapping[str, Any] | SweepConfig,
    *,
    out: str | os.PathLike | None = None,
    resume: bool = False,
    overrides: Sequence[str] = (),
    progress: Progress | None = None,
    devices: int | None = None,
) -> xr.Dataset:
    """Run a sweep and return its statistics over the axes, with units; with [refine] the boundary that it asks for.

    **Arguments:**

    - `source`: path of a TOML file, a mapping of the same form, or a `SweepConfig`.
    - `out`: path of the zarr store to write; without it nothing is written and nothing can be resumed.
    - `resume`: continue an interrupted run of the same configuration; a finished one is opened and returned.
    - `overrides`: texts `dotted.path=value`.
    - `progress`: callback for long runs.
    - `devices`: how many local devices to use, by default all.

    **Returns:** the dataset that was written, or that would have been.

    **Raises:** `ConfigError`, `StoreError`, `EnsembleError` or `JobError` with a sentence each.
    """
    config = source if isinstance(source, SweepConfig) and not overrides else load(_plain(source), overrides)
    journal = Journal(out, config.run_id) if out is not None else None
    if out is not None and journal is not None:
        finished = _finished(out, config, resume)
        if finished is not None:
            return finished
        check_target(out)
        journal.start(resume)
    job = _run if config.refine is None else find_boundary
    dataset = job(config, journal, progress, devices)
    if out is not None and journal is not None:
        write_result(dataset, out)
        journal.remove()
    return dataset


def _plain(source: Any) -> Any:
    return source.to_dict() if isinstance(source, SweepConfig) else source


def _finished(out: str | os.PathLike, config: SweepConfig, resume: bool) -> xr.Dataset | None:
    """Return the finished result of this configuration at `out`, or `None` if there is none."""
    if not os.path.exists(out):
        return None
    found = open_result(out)
    if not resume:
        raise StoreError(
            f"{os.fspath(out)} exists already (run {found.attrs['run_id']}); choose another --out, delete it, or "
            "open it with --resume."
        )
    if found.attrs["run_id"] != config.run_id:
        raise StoreError(
            f"{os.fspath(out)} is the result of another configuration (run {found.attrs['run_id']}, this is "
            f"{config.run_id}); choose another --out or delete it."
        )
    return found


def _run(config: SweepConfig, journal: Journal | None, progress: Progress | None, devices: int | None) -> xr.Dataset:
    parts: list[dict[str, Variable]] = []
    reports: list[Any] = []
    ensemble = None
    engine = make_engine(config, devices)
    members = list(variants(config))
    sizes = [len(parameter_cells(variant)) * variant.run.replicates for variant in members]
    for number, variant in enumerate(members):

        def tell(done: int, what: str, before: int = sum(sizes[:number])) -> None:
            if progress is not None:
                progress(before + done, sum(sizes), what)

        with jax.enable_x64(variant.run.precision == "float64"):
            ensemble = build_ensemble(variant)
            part, report = _variant(variant, ensemble, number, journal, tell, engine)
        parts.append(part)
        reports.append(report)
    assert ensemble is not None
    if not any(part["trajectories"].values.sum() for part in parts):
        raise JobError(
            "Every trajectory failed, most by non-finite or diverging states; use a smaller run.step or check "
            f"the parameters (run.step = {float(ensemble.grid.step):g} step)."
        )
    return assemble(config, parts, ensemble, reports)


def _variant(
    config: SweepConfig,
    ensemble: Ensemble,
    number: int,
    journal: Journal | None,
    progress: Callable[[int, str], None],
    engine: Engine,
) -> tuple[dict[str, Variable], dict[str, Any]]:
    """Run one variant, taking from the journal what is there; return its variables and its report."""
    total = ensemble.n_cells * ensemble.replicates
    settled = journal.noted("step", number) if journal else None
    if settled is None:
        engine.plan(ensemble)
        progress(0, "checking the step")
        settled = settle_step(config, ensemble, engine)._asdict()
        if journal:
            journal.note("step", number, settled)
    grid = Grid(ensemble.grid.horizon, ensemble.grid.intervals, settled["steps"])
    ensemble = dataclasses.replace(ensemble, grid=grid)
    plan = _plan(ensemble, engine, number, journal)
    cells = Accumulator(ensemble.n_cells, plan.blocks)
    for start, end, arrays in journal.chunks(number) if journal else ():
        cells.restore(start, end, from_arrays(arrays))
    progress(min(cells.items * plan.block, total), "integrating")
    begun = 0
    for start, end, statistics in run_chunks(ensemble, plan, _todo(plan, cells.items)):
        cells.add(start, statistics)
        if journal:
            # What is kept is totals of cells; those of the same first cell replace each other.
            begun = begun if begun // plan.blocks == start // plan.blocks and begun < start else start
            journal.commit(number, begun, end, to_arrays(cells.totals(begun)))
        progress(min(end * plan.block, total), "integrating")
    out = variables(ensemble, cells.cells)
    curve = margin_curve(config, ensemble)
    if curve is not None:
        doc = "Window at which M = 0 on the fixed points; not the collapse boundary where they are bistable."
        out["margin_window"] = Variable((), curve, "ktok", doc)
    return out, settled["report"] | {
        "plan": str(plan),
        "path": f"{plan.path.name}, for {plan.path.why}",
        "steps_per_interval": settled["steps"],
    }


def _plan(ensemble: Ensemble, engine: Engine, number: int, journal: Journal | None) -> Plan:
    """Return the plan; a run that is continued stays on the solver path it began on, whose bits it keeps.

    **Raises:** `EnsembleError` if that path is not to be had any more.
    """
    begun = journal.noted("path", number) if journal else None
    plan = (dataclasses.replace(engine, path=begun) if begun else engine).plan(ensemble)
    if journal and begun is None:
        journal.note("path", number, plan.path.name)
    return plan


def _todo(plan: Plan, done: int) -> Sequence[int]:
    """Return the chunks that hold items not done yet; a chunk that is partly done runs whole."""
    return range(done // plan.chunk, plan.chunks) if done < plan.items else range(0)
