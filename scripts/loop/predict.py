"""What a posterior foretells of cells: shares of runs that fail, the boundary over N and W, and the best effort."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

import entropyjax as ej
from entropyjax.ensemble import wilson_interval
from entropyjax.inference.draws import LEVEL, ParameterDraws
from entropyjax.params import replace
from entropyjax.results.codes import Effort
from entropyjax.stability import TaskSuccess
from loop.fit import Study
from loop.grid import CRITERIA, TRUTH, TURNS, Cell, Size, resolution_rate
from loop.runs import Account, Observed


def predicted(draws: ParameterDraws, places: Sequence[Cell], replicates: int) -> dict[str, np.ndarray]:
    """Return the chance to fail and to collapse of each cell and draw, by runs of the model.

    All cells are one forecast: each of its draws is one of the posterior with N, W and the effort of a cell.
    """
    columns = {name: np.tile(column, len(places)) for name, column in draws.columns.items()}
    for name, values in (
        ("n_agents", [one.executors for one in places]),
        ("context_window", [one.window for one in places]),
        ("reasoning_tokens", [one.effort for one in places]),
    ):
        columns[name] = np.repeat(np.array(values, float), draws.size)
    every = draws._replace(params=type(draws.params)(**columns), effects={})
    found = ej.forecast(
        every,
        horizon=TURNS,
        draws=every.size,
        replicates=replicates,
        changes=(),
        resolved="threshold",
        criteria=CRITERIA,
    ).outcome_by_draw
    share = {name: found.sel(outcome=name).values.reshape(len(places), -1) for name in ("resolved", "collapsed")}
    return {"failed": 1.0 - share["resolved"], "collapsed": share["collapsed"]}


def of_truth(account: Account, tokens: Mapping[str, float]) -> ParameterDraws:
    """Return the true parameters as one draw; measured tokens are those that were counted."""
    known = {"resolution_rate": resolution_rate(), **TRUTH, **(tokens if account.measured else {})}
    params = ej.Star().params(**known)
    columns = {name: np.array([getattr(params, name)], float) for name in type(params).specs()}
    return ParameterDraws(ej.Star(), type(params)(**columns), {}, {}, "the truth", "as simulated")


def interval(values: np.ndarray) -> tuple[float, float]:
    """Return the interval of 90% of draws."""
    low, high = np.quantile(values, 0.5 * (1.0 + np.array([-1.0, 1.0]) * LEVEL))
    return float(low), float(high)


def foretold(chances: np.ndarray, runs: int, seed: int = 0) -> tuple[float, float]:
    """Return the interval of the share among so many runs: of the posterior and of the runs' own chance together."""
    return interval(np.random.default_rng(seed).binomial(runs, np.clip(chances, 0.0, 1.0)) / runs)


def half(windows: np.ndarray, shares: np.ndarray) -> float:
    """Return the window in ktok at which a share that falls with it passes 1/2: linear in its logit and in ln W.

    NaN where it does not.
    """
    logits, places = np.log(shares / (1.0 - shares)), np.log(windows)
    over = np.flatnonzero((logits[:-1] >= 0.0) & (logits[1:] < 0.0))
    if not len(over):
        return float("nan")
    k = over[-1]
    return float(np.exp(places[k] + (places[k + 1] - places[k]) * logits[k] / (logits[k] - logits[k + 1])))


def boundary_of_runs(seen: Mapping[float, Observed], draws: int = 400, seed: int = 0) -> tuple[float, float, float]:
    """Return the window at which half of the runs fail, and its interval by the number of runs (Jeffreys')."""
    windows = np.array(sorted(seen))
    failed, runs = (np.array([getattr(seen[w], name) for w in windows], float) for name in ("failed", "runs"))
    middle = half(windows, (failed + 0.5) / (runs + 1.0))
    drawn = np.random.default_rng(seed).beta(failed + 0.5, runs - failed + 0.5, (draws, len(windows)))
    ends = np.array([half(windows, np.clip(row, 1e-9, 1.0 - 1e-9)) for row in drawn])
    return (middle, *interval(ends[np.isfinite(ends)])) if np.isfinite(middle) else (np.nan, np.nan, np.nan)


def boundary_of_draws(draws: ParameterDraws, agents: Sequence[float], size: Size) -> np.ndarray:
    """Return the window at which half of the runs fail, by N and draw."""
    windows = np.geomspace(0.7 * min(size.windows), 1.4 * max(size.windows), 25)
    lattice = [Cell(n, w, size.effort, True) for n in agents for w in windows]
    found = predicted(draws, lattice, size.replicates)["failed"].reshape(len(agents), len(windows), -1)
    # As with so many runs: a share of none or all of them has a logit too.
    smooth = (found * size.replicates + 0.5) / (size.replicates + 1.0)
    return np.array([[half(windows, smooth[i, :, d]) for d in range(smooth.shape[2])] for i in range(len(agents))])


def trap_of(draws: ParameterDraws, row: Sequence[Cell], most: int = 40) -> tuple[np.ndarray, list[str]]:
    """Return the best effort by the ODE at N and W for some draws, and the label of each cell at the median."""
    first = row[0]
    given = {"n_agents": float(first.executors), "context_window": first.window}
    few = draws.thinned(most)
    params = replace(few.params, {name: np.full(few.size, value) for name, value in given.items()})
    length = -np.log(CRITERIA.progress_tolerance) / resolution_rate()
    objective = TaskSuccess(patience=TURNS / length)
    best = np.asarray(ej.reasoning_trap(params, objective, high=12.0).best)
    middle = {name: np.median(column) for name, column in draws.columns.items()} | given
    efforts = np.array([one.effort for one in row])
    one = type(draws.params)(**{**middle, "reasoning_tokens": efforts})
    labels = np.asarray(ej.reasoning_trap(one, objective, high=12.0).label)
    return best, [Effort(int(code)).name for code in labels]


class Held(NamedTuple):
    """A held-out cell: the share of its runs, its interval, what is foretold of it, and the chance by the truth."""

    cell: Cell
    kind: str
    share: float
    ends: tuple[float, float]
    chance: float
    foretold: tuple[float, float]
    truth: float

    @property
    def inside(self) -> bool:
        return self.foretold[0] <= self.share <= self.foretold[1]


def held_out(found: Study) -> list[Held]:
    """Return what the runs of each held-out cell show, beside what the posterior foretells."""
    held = [cell for cell in found.observed if cell.held]
    chances = predicted(found.draws, held, found.size.replicates)
    true = predicted(of_truth(found.account, found.tokens), held, 20 * found.size.replicates)
    out = []
    for kind in ("failed", "collapsed"):
        for cell, chance, known in zip(held, chances[kind], true[kind], strict=True):
            runs, count = found.observed[cell].runs, getattr(found.observed[cell], kind)
            ends = tuple(wilson_interval(np.array(count), np.array(runs), LEVEL).tolist())
            told = foretold(chance, runs)
            out.append(Held(cell, kind, count / runs, ends, float(chance.mean()), told, float(known[0])))
    return out


def trap_cells(found: Study, window: float) -> list[Cell]:
    """Return the cells of the trap at a window, in the order of their efforts."""
    agents, _, efforts = found.size.trap
    here = {c.effort: c for c in found.observed if (c.executors, c.window) == (agents, window) and c.effort in efforts}
    return [here[effort] for effort in sorted(here)]


def along(found: Study, agents: int) -> dict[float, Observed]:
    return {c.window: o for c, o in found.observed.items() if c.executors == agents and c.effort == found.size.effort}
