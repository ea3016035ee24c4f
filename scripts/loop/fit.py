"""What is counted in the logs and fitted to them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

import entropyjax as ej
from entropyjax import iwg
from entropyjax.inference.bookkeeping import bookkeeping
from entropyjax.inference.draws import ParameterDraws
from entropyjax.inference.parameters import Free
from entropyjax.inference.units import units
from entropyjax.jobs.fit import FitSpec, fit_traces
from entropyjax.jobs.posterior_draws import draws_of
from entropyjax.records import TraceSet
from loop.grid import Cell, Size, resolution_rate
from loop.runs import Account, Observed, run_cells

FREE = (
    Free("evidence"),
    Free("effective_fraction"),
    Free("initial_focus", 0.5, 9.0),
    Free("reasoning_gain"),
    Free("focus_rate"),
)


def counted(traces: TraceSet) -> dict[str, float]:
    """Return what the logs say of tokens, the mean over conditions; the static prompt by a line in N."""
    found = units(traces)
    account = bookkeeping(traces, found)
    first = account.system_tokens + found.conditions.size * account.roster_tokens
    design = np.stack([np.ones(len(first)), found.conditions.size], axis=1)
    system, roster = np.linalg.lstsq(design, first, rcond=None)[0]
    names = ("executor_tokens", "error_tokens", "token_noise", "compaction_rate")
    means = {name: float(np.nanmean(getattr(account, name))) for name in names}
    return {"system_tokens": float(system), "roster_tokens": float(roster), **means}


def fitted(traces: TraceSet, known: Sequence[Cell], tokens: Mapping[str, float], context: str) -> xr.Dataset:
    """Fit the star to all cells together, N, W and the effort of each being known."""
    by_name = {cell.name: cell for cell in known}
    order = [by_name[name] for name in units(traces).conditions.systems]
    fixed = {
        **tokens,
        "context_window": np.array([one.window for one in order]),
        "reasoning_tokens": np.array([one.effort for one in order]),
        "resolution_rate": resolution_rate(),
        "task_spread": 0.0,
    }
    spec = FitSpec(
        free=FREE, fixed=fixed, observe=("dispatches",), context=context, starts=4, folds=0, posterior="laplace"
    )
    return fit_traces(traces, spec)


class Study(NamedTuple):
    """What came of one fit: the scores of the runs, what was counted in the logs, and the posterior."""

    account: Account
    size: Size
    observed: Mapping[Cell, Observed]
    tokens: Mapping[str, float]
    fit: xr.Dataset
    draws: ParameterDraws


def studies(account: Account, size: Size, seed: int = 0) -> Iterator[Study]:
    """Run and count, and yield what each way to take the context finds in the cells that are not held out."""
    observed: dict[Cell, Observed] = {}

    def logs() -> Iterator[iwg.Trajectory]:
        # Half a million dispatches with all their texts would take gigabytes, so cells are forgotten one by one.
        for cell, runs in run_cells(account, size, seed):
            observed[cell] = Observed.of(runs)
            yield from [] if cell.held else runs

    traces = ej.trajectory_traces(logs())
    tokens = counted(traces)
    seen = [cell for cell in observed if not cell.held]
    for context in account.contexts:
        fit = fitted(traces, seen, tokens, context)
        yield Study(account, size, observed, tokens, fit, draws_of(fit).thinned(size.draws))
