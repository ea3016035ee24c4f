"""The loop closed: generate workflows, run simulated orchestrators on them, score, fit, and predict runs left out.

    python scripts/closed_loop.py                  # 500 instances, about 11,000 runs by each account of tokens
    python scripts/closed_loop.py --quick          # 60 instances
    python scripts/closed_loop.py --figure docs/images/closed-loop.png

The star's agents with known parameters are run over a grid of executors N, windows W and reasoning effort. Each cell of
the grid is a condition of one fit; a third of the cells is held out. The fit is told what logs say: who was right, the
tokens of each step, and N, W and the effort of each cell. docs/loop.md has the tables with what they mean.
"""

import argparse
import dataclasses
import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

import entropyjax as ej
from entropyjax import iwg
from entropyjax.ensemble import wilson_interval
from entropyjax.inference.bookkeeping import bookkeeping
from entropyjax.inference.draws import ParameterDraws
from entropyjax.inference.parameters import Free
from entropyjax.inference.units import units
from entropyjax.jobs.fit import FitSpec, fit_traces
from entropyjax.jobs.posterior_draws import draws_of
from entropyjax.params import replace
from entropyjax.plots.style import (
    BLACK,
    BLUE,
    COLOUR_MAP,
    GREY,
    PAGE,
    SKY,
    VERMILION,
    house_style,
    legend_above,
    new_figure,
)
from entropyjax.records import TraceSet
from entropyjax.results.codes import Effort
from entropyjax.stability import TaskSuccess

TURNS = 60
DEPTH = 20
CRITERIA = ej.Criteria()
TRUTH = {"evidence": 4.0, "effective_fraction": 0.5, "initial_focus": 4.0, "reasoning_gain": 0.6, "focus_rate": 1.0}
FREE = (
    Free("evidence"),
    Free("effective_fraction"),
    Free("initial_focus", 0.5, 9.0),
    Free("reasoning_gain"),
    Free("focus_rate"),
)
LEVEL = 0.9


class Cell(NamedTuple):
    """A condition: executors, window in ktok, reasoning in ktok/step, and whether the fit is to see it."""

    executors: int
    window: float
    effort: float
    held: bool

    @property
    def name(self) -> str:
        return f"N{self.executors} W{self.window:g} r{self.effort:g}"


class Size(NamedTuple):
    """How large the experiment is.

    **Attributes:**

    - `instances`: for each N; each cell runs those of its N once.
    - `executors`, `windows`, `efforts`: the grid.
    - `between`: further windows, at the middle effort, where the boundary is looked for in the runs.
    - `trap`: N, windows and efforts at which the Reasoning Trap is looked for.
    - `draws`, `replicates`: of the posterior, and runs of the model for each.
    """

    instances: int
    executors: tuple[int, ...]
    windows: tuple[float, ...]
    efforts: tuple[float, ...]
    between: tuple[float, ...]
    trap: tuple[int, tuple[float, ...], tuple[float, ...]]
    draws: int
    replicates: int

    @property
    def effort(self) -> float:
        """The effort at which the boundary over N and W is looked for."""
        return self.efforts[len(self.efforts) // 2]


FULL = Size(
    instances=100,
    executors=(4, 8, 16, 24, 32),
    windows=(32.0, 45.0, 64.0, 91.0, 128.0, 181.0, 256.0),
    efforts=(0.25, 1.0, 4.0),
    between=(38.0, 54.0, 76.0, 108.0, 152.0, 215.0),
    trap=(16, (128.0, 181.0), (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)),
    draws=100,
    replicates=200,
)
QUICK = Size(
    instances=20,
    executors=(4, 16, 32),
    windows=(64.0, 128.0, 256.0),
    efforts=(0.25, 1.0, 4.0),
    between=(),
    trap=(16, (128.0,), (0.0, 1.0, 8.0)),
    draws=20,
    replicates=64,
)


class Account(NamedTuple):
    """Whose account of tokens the context is, and what the instances say by it.

    `contexts`: how fits take the context, as logged or as the model expects it.
    """

    name: str
    measured: bool
    difficulty: dict[str, int]
    contexts: tuple[str, ...]


ACCOUNTS = (
    Account("The model's own account of tokens", False, {}, ("measured", "modelled")),
    Account("Tokens measured off the run", True, {"output_tokens": 1000, "error_tokens": 3000}, ("measured",)),
)


def cells(size: Size) -> list[Cell]:
    """Return the grid, of which each third cell is held out, and further cells, all of them held out."""
    places = [enumerate(values) for values in (size.executors, size.windows, size.efforts)]
    grid = [Cell(n, w, r, (i + j + k) % 3 == 1) for (i, n), (j, w), (k, r) in itertools.product(*map(list, places))]
    agents, windows, efforts = size.trap
    more = [(n, w, size.effort) for n in size.executors for w in size.between]
    more += [(agents, w, r) for w in windows for r in efforts]
    known = {one[:3] for one in grid}
    return grid + [Cell(*one, True) for one in dict.fromkeys(more) if one not in known]


def resolution_rate(depth: int = DEPTH, tolerance: float = CRITERIA.progress_tolerance) -> float:
    """Return kappa at which the right dispatch number `depth`, and none before it, takes s past 1 - s_tol."""
    return 1.0 - tolerance ** (1.0 / (depth - 0.5))


def truth(cell: Cell) -> Any:
    """Return the parameters of a cell's agents."""
    given = {"n_agents": cell.executors, "context_window": cell.window, "reasoning_tokens": cell.effort}
    return ej.Star().params(resolution_rate=resolution_rate(), **TRUTH, **given)


def run_cells(account: Account, size: Size, seed: int = 0) -> dict[Cell, list[iwg.Trajectory]]:
    """Generate instances for each N, and run every cell on those of its N."""
    rules = iwg.Rules(iwg.Budget(TURNS))
    made: dict[int, list[iwg.Instance]] = {}
    out = {}
    for number, cell in enumerate(cells(size)):
        if cell.executors not in made:
            knobs = iwg.Difficulty(executors=cell.executors, depth=DEPTH, similarity=1.0, **account.difficulty)
            made[cell.executors] = list(iwg.generate("retrieval", knobs, seed=seed, count=size.instances))
        key = jax.random.fold_in(jax.random.key(seed), number)
        found = iwg.simulate(ej.Star(), truth(cell), made[cell.executors], key, rules=rules, measured=account.measured)
        out[cell] = [dataclasses.replace(one, system=cell.name) for one in found]
    return out


def entropies(run: iwg.Trajectory) -> np.ndarray:
    """Return h = H / ln N of each turn."""
    laws = [np.array(list(turn.plan.scheduling.probabilities.values())) for turn in run.turns]
    return np.array([-np.sum(p[p > 0] * np.log(p[p > 0])) / np.log(len(p)) for p in laws])


def outcome(run: iwg.Trajectory) -> str:
    """Return how a run ended, by the criteria of every sweep.

    Collapsed: h was below theta - hysteresis and then stayed at theta or above for `dwell` before the last checkpoint.
    """
    h = entropies(run)
    theta, low = CRITERIA.collapse_threshold, CRITERIA.collapse_threshold - CRITERIA.hysteresis
    armed = np.logical_or.accumulate(h < low)
    lost = armed[:-1] & (h[:-1] >= theta) & (h[1:] >= theta)
    if lost.any():
        return "collapsed"
    return "resolved" if run.success else "unresolved" if (h < theta).any() else "never_focused"


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


class Observed(NamedTuple):
    """How the runs of a cell ended: how many there are, that were not resolved in focus, and that collapsed."""

    runs: int
    failed: int
    collapsed: int

    @classmethod
    def of(cls, runs: Sequence[iwg.Trajectory]) -> "Observed":
        ends = [outcome(one) for one in runs]
        return cls(len(ends), len(ends) - ends.count("resolved"), ends.count("collapsed"))


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
        every, horizon=TURNS, draws=every.size, replicates=replicates, changes=(), resolved="threshold"
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
    windows = np.geomspace(0.7 * min(size.windows), 1.4 * max(size.windows), 29)
    lattice = [Cell(n, w, size.effort, True) for n in agents for w in windows]
    found = predicted(draws, lattice, size.replicates)["failed"].reshape(len(agents), len(windows), -1)
    # As with so many runs: a share of none or all of them has a logit too.
    smooth = (found * size.replicates + 0.5) / (size.replicates + 1.0)
    return np.array([[half(windows, smooth[i, :, d]) for d in range(smooth.shape[2])] for i in range(len(agents))])


def trap_of(draws: ParameterDraws, cells_: Sequence[Cell], most: int = 40) -> tuple[np.ndarray, list[str]]:
    """Return the best effort by the ODE at N and W for some draws, and the label of each cell at the median."""
    first = cells_[0]
    given = {"n_agents": float(first.executors), "context_window": first.window}
    few = draws.thinned(most)
    params = replace(few.params, {name: np.full(few.size, value) for name, value in given.items()})
    length = -np.log(CRITERIA.progress_tolerance) / resolution_rate()
    objective = TaskSuccess(patience=TURNS / length)
    best = np.asarray(ej.reasoning_trap(params, objective, high=12.0).best)
    middle = {name: np.median(column) for name, column in draws.columns.items()} | given
    efforts = np.array([one.effort for one in cells_])
    one = type(draws.params)(**{**middle, "reasoning_tokens": efforts})
    labels = np.asarray(ej.reasoning_trap(one, objective, high=12.0).label)
    return best, [Effort(int(code)).name for code in labels]


class Study(NamedTuple):
    """What came of one fit: the runs and their ends, what was counted in the logs, and the posterior."""

    account: Account
    size: Size
    runs: Mapping[Cell, Sequence[iwg.Trajectory]]
    observed: Mapping[Cell, Observed]
    tokens: Mapping[str, float]
    fit: xr.Dataset
    draws: ParameterDraws


def studies(account: Account, size: Size, seed: int = 0) -> Iterator[Study]:
    """Run and count, and yield what each way to take the context finds in the cells that are not held out."""
    runs = run_cells(account, size, seed)
    observed = {cell: Observed.of(found) for cell, found in runs.items()}
    seen = [cell for cell in runs if not cell.held]
    traces = ej.trajectory_traces([one for cell in seen for one in runs[cell]])
    tokens = counted(traces)
    for context in account.contexts:
        fit = fitted(traces, seen, tokens, context)
        yield Study(account, size, runs, observed, tokens, fit, draws_of(fit).thinned(size.draws))


def parameter_rows(found: Study) -> Iterator[str]:
    """Yield the table of parameters: the truth, the estimate, the interval, and how far off it is."""
    yield "| parameter | truth | estimate | 90% interval | holds it | off by |"
    yield "|---|---|---|---|---|---|"
    for name, true in TRUTH.items():
        middle = float(found.fit.estimate.sel(label=name))
        low, high = found.fit.interval.sel(label=name).values
        inside = "yes" if low <= true <= high else "no"
        yield f"| {name} | {true:g} | {middle:.3f} | {low:.3f} to {high:.3f} | {inside} | {middle / true - 1:+.1%} |"


def token_rows(found: Study) -> Iterator[str]:
    """Yield the table of what was counted in the logs."""
    own = truth(cells(found.size)[0])
    yield "| counted in the logs | truth | value |"
    yield "|---|---|---|"
    for name, value in found.tokens.items():
        true = "" if found.account.measured else f"{getattr(own, name):g}"
        yield f"| {name} | {true} | {value:.3f} |"


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


def held_rows(held: Sequence[Held]) -> Iterator[str]:
    """Yield the table of those held-out cells of which it is not certain whether their runs fail."""
    yield "| held-out cell | failed | foretold | with the truth | collapsed | foretold | with the truth |"
    yield "|---|---|---|---|---|---|---|"
    by_cell = {cell: [one for one in held if one.cell == cell] for cell in dict.fromkeys(one.cell for one in held)}
    for cell, both in by_cell.items():
        if any(0.05 < one.truth < 0.95 for one in both):
            yield f"| {cell.name} | {' | '.join(map(_told, both))} |"


def _told(one: Held) -> str:
    low, high = one.foretold
    mark = "" if one.inside else ", missed"
    return f"{one.share:.2f} [{one.ends[0]:.2f}, {one.ends[1]:.2f}] | {low:.2f} to {high:.2f}{mark} | {one.truth:.2f}"


def held_sentences(held: Sequence[Held]) -> Iterator[str]:
    """Yield how many shares lie in what is foretold, and how far off the posterior's mean is on average."""
    for kind in ("failed", "collapsed"):
        every = [one for one in held if one.kind == kind]
        open_ = [one for one in every if 0.05 < one.truth < 0.95]
        off = np.mean([one.chance - one.truth for one in open_]) if open_ else float("nan")
        yield (
            f"Share that {kind}: in the foretold 90% in {sum(one.inside for one in every)} of {len(every)} held-out "
            f"cells, and in {sum(one.inside for one in open_)} of the {len(open_)} whose true chance is between 0.05 "
            f"and 0.95, where the posterior's mean is off by {off:+.3f} on average."
        )


def boundary_rows(found: Study) -> Iterator[str]:
    """Yield the table of the boundary over N and W."""
    agents = found.size.executors
    bands = boundary_of_draws(found.draws, agents, found.size)
    true = boundary_of_draws(of_truth(found.account, found.tokens), agents, found.size)
    yield "| N | half of the runs fail at W (ktok) | foretold | with the truth |"
    yield "|---|---|---|---|"
    for place, n in enumerate(agents):
        middle, low, high = boundary_of_runs(_along(found, n))
        ends = interval(bands[place][np.isfinite(bands[place])])
        yield f"| {n} | {middle:.1f} [{low:.1f}, {high:.1f}] | {ends[0]:.1f} to {ends[1]:.1f} | {true[place, 0]:.1f} |"


def trap_rows(found: Study) -> Iterator[str]:
    """Yield the tables of success and entropy over the effort, beside what the parameters imply."""
    agents, windows, _ = found.size.trap
    for window in windows:
        row = trap_cells(found, window)
        chances = predicted(found.draws, row, found.size.replicates)["failed"]
        best, labels = trap_of(found.draws, row)
        low, high = interval(best)
        yield f"N = {agents}, W = {window:g} ktok: best effort {low:.2f} to {high:.2f} ktok/step by the ODE.\n"
        yield "| effort (ktok/step) | success of the runs | foretold | mean H (nat) | by the ODE |"
        yield "|---|---|---|---|---|"
        for place, cell in enumerate(row):
            seen = found.observed[cell]
            good = seen.runs - seen.failed
            ends = wilson_interval(np.array(good), np.array(seen.runs), LEVEL)
            below, above = foretold(1.0 - chances[place], seen.runs)
            h = np.mean([np.mean(entropies(one)) for one in found.runs[cell]]) * np.log(agents)
            shown = f"{good / seen.runs:.2f} [{ends[0]:.2f}, {ends[1]:.2f}] | {below:.2f} to {above:.2f}"
            yield f"| {cell.effort:g} | {shown} | {h:.2f} | {labels[place]} |"
        yield ""


def trap_cells(found: Study, window: float) -> list[Cell]:
    """Return the cells of the trap at a window, in the order of their efforts."""
    agents, _, efforts = found.size.trap
    here = {c.effort: c for c in found.observed if (c.executors, c.window) == (agents, window) and c.effort in efforts}
    return [here[effort] for effort in sorted(here)]


def _along(found: Study, agents: int) -> dict[float, Observed]:
    return {c.window: o for c, o in found.observed.items() if c.executors == agents and c.effort == found.size.effort}


def report(found: Study, whole: bool) -> Iterator[str]:
    """Yield all tables of a fit, or those alone that hang on how it takes the context."""
    runs = sum(map(len, found.runs.values()))
    turns = sum(len(one.turns) for each in found.runs.values() for one in each)
    held = held_out(found)
    if whole:
        yield f"{len(found.runs)} cells, {runs:,} runs, {turns:,} dispatches.\n"
        yield from token_rows(found)
    yield f"\nContext {found.fit.attrs['context']}; fitted to {sum(not cell.held for cell in found.runs)} cells.\n"
    yield from parameter_rows(found)
    yield ""
    if whole:
        yield from held_rows(held)
        yield ""
    yield from held_sentences(held)
    yield ""
    yield from boundary_rows(found)
    yield ""
    if whole:
        yield from trap_rows(found)


def figure(found: Study) -> Figure:
    """Draw the boundary, the held-out cells and the trap, foretold and as the runs show them, on two columns."""
    with house_style():
        fig = new_figure(PAGE, 3.0)
        left, middle, right = fig.subplots(1, 3, width_ratios=(1.2, 1.0, 1.0))
        draw_boundary(left, found)
        draw_held(middle, [one for one in held_out(found) if one.kind == "failed"])
        draw_trap(right, found)
    return fig


def draw_boundary(ax: Axes, found: Study) -> None:
    """Draw where half of the runs fail over N and W as foretold, and cells coloured by the share that does."""
    low, high = min(found.size.executors), max(found.size.executors)
    agents = np.unique(np.geomspace(low, high, 12).round())
    bands = boundary_of_draws(found.draws, agents, found.size._replace(replicates=64))
    ends = np.nanquantile(bands, [0.05, 0.5, 0.95], axis=1)
    band = ax.fill_between(agents, ends[0], ends[2], color=SKY, linewidth=0.0, label="foretold, 90%")
    (line,) = ax.plot(agents, ends[1], color=BLACK, linewidth=1.0, label="foretold, median")
    here = [cell for cell in found.observed if cell.effort == found.size.effort]
    handles: list[Any] = [band, line]
    for held, marker, words in ((False, "o", "fitted cell"), (True, "s", "held-out cell")):
        some = [cell for cell in here if cell.held == held]
        shares = [found.observed[cell].failed / found.observed[cell].runs for cell in some]
        drawn = ax.scatter(
            [one.executors for one in some], [one.window for one in some], c=shares, cmap=COLOUR_MAP, vmin=0.0,
            vmax=1.0, marker=marker, s=20.0, edgecolors=BLACK, linewidths=0.5, zorder=3,
        )  # fmt: skip
        handles.append(
            Line2D([], [], linestyle="none", marker=marker, markerfacecolor="white", color=BLACK, label=words)
        )
    ax.set(xscale="log", yscale="log", xlabel="executors N", ylabel="context window W (ktok)")
    for axis, values in ((ax.xaxis, found.size.executors), (ax.yaxis, (32, 64, 128, 256))):
        axis.set_major_locator(FixedLocator(list(values)))
        axis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
        axis.set_minor_locator(NullLocator())
    ax.figure.colorbar(drawn, ax=ax, label="share of runs that fail", pad=0.02)
    legend_above(ax, handles, columns=2)


def draw_held(ax: Axes, held: Sequence[Held]) -> None:
    """Draw the share of runs that fail in each held-out cell over what is foretold."""
    ax.plot([0.0, 1.0], [0.0, 1.0], color=GREY, linewidth=0.8)
    handles = []
    for inside, colour, marker in ((True, BLUE, "o"), (False, VERMILION, "s")):
        some = [one for one in held if one.inside == inside]
        x, y = np.array([[one.chance, one.share] for one in some]).reshape(-1, 2).T
        reach = np.array([one.foretold for one in some]).reshape(-1, 2).T
        bars = np.array([one.ends for one in some]).reshape(-1, 2).T
        label = f"{len(some)} {'in' if inside else 'outside'} the foretold 90%"
        handles.append(
            ax.errorbar(
                x, y, np.maximum(np.abs(bars - y), 0.0), np.maximum((reach - x) * [[-1.0], [1.0]], 0.0),
                linestyle="none", marker=marker, color=colour, elinewidth=0.6, markersize=3.0, label=label,
            )
        )  # fmt: skip
    ax.set(xlabel="foretold share that fails", ylabel="share of the runs", xlim=(-0.05, 1.05), ylim=(-0.05, 1.05))
    legend_above(ax, handles)


def draw_trap(ax: Axes, found: Study) -> None:
    """Draw success over the effort for each window, foretold as a band; a star is the best effort by the ODE."""
    _, windows, efforts = found.size.trap
    places = np.arange(len(efforts), dtype=float)
    handles = []
    for window, colour, marker in zip(windows, (BLUE, VERMILION), ("o", "s"), strict=False):
        row = trap_cells(found, window)
        chances = 1.0 - predicted(found.draws, row, found.size.replicates)["failed"]
        seen = [found.observed[cell] for cell in row]
        reach = np.array([foretold(chance, one.runs) for chance, one in zip(chances, seen, strict=True)]).T
        good = np.array([1.0 - one.failed / one.runs for one in seen])
        ends = np.array([wilson_interval(np.array(one.runs - one.failed), np.array(one.runs), LEVEL) for one in seen]).T
        ax.fill_between(places, *reach, color=colour, alpha=0.2, linewidth=0.0)
        handles.append(
            ax.errorbar(
                places, good, np.abs(ends - good), linestyle="none", marker=marker, color=colour, elinewidth=0.8,
                label=f"runs, W = {window:g} ktok",
            )
        )  # fmt: skip
        best = np.interp(np.median(trap_of(found.draws, row)[0]), efforts, places)
        ax.plot(best, 1.06, marker="*", markersize=7.0, color=colour, clip_on=False)
    ax.set(xlabel="reasoning effort (ktok/step)", ylabel="share resolved", ylim=(-0.05, 1.1))
    ax.set_xticks(places, [f"{one:g}" for one in efforts])
    legend_above(ax, handles)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small grid")
    parser.add_argument("--figure", type=Path, help="stem of the figure's files")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    size = QUICK if options.quick else FULL
    for account in ACCOUNTS:
        print(f"## {account.name}\n")
        for number, found in enumerate(studies(account, size, options.seed)):
            print("\n".join(report(found, whole=number == 0)), flush=True)
            if number == 0 and account is ACCOUNTS[0] and options.figure is not None:
                ej.save_figure(figure(found), options.figure)
    print(f"{time.process_time():.0f} s of processor time in all.")


if __name__ == "__main__":
    main()
