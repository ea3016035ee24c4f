"""Tables of what the runs show and what was foretold."""

from collections.abc import Iterator, Sequence

import numpy as np

from entropyjax.ensemble import wilson_interval
from entropyjax.inference.draws import LEVEL
from loop.fit import Study
from loop.grid import TRUTH, cells, truth
from loop.predict import (
    Held,
    along,
    boundary_of_draws,
    boundary_of_runs,
    foretold,
    held_out,
    interval,
    of_truth,
    predicted,
    trap_cells,
    trap_of,
)


def report(found: Study, whole: bool) -> Iterator[str]:
    """Yield all tables of a fit, or those alone that hang on how it takes the context."""
    runs, made = (sum(getattr(one, name) for one in found.observed.values()) for name in ("runs", "dispatches"))
    held = held_out(found)
    if whole:
        yield f"{len(found.observed)} cells, {runs:,} runs, {made:,} dispatches.\n"
        yield from token_rows(found)
    yield f"\nContext {found.fit.attrs['context']}; fitted to {sum(not cell.held for cell in found.observed)} cells.\n"
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
        middle, low, high = boundary_of_runs(along(found, n))
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
        yield "| effort (ktok/step) | in focus | foretold | all reached | mean H (nat) | horizon (turns) | by the ODE |"
        yield "|---|---|---|---|---|---|---|"
        for cell, chance, label in zip(row, chances, labels, strict=True):
            seen = found.observed[cell]
            good = seen.runs - seen.failed
            low, high = wilson_interval(np.array(good), np.array(seen.runs), LEVEL)
            below, above = foretold(1.0 - chance, seen.runs)
            shown = f"{good / seen.runs:.2f} [{low:.2f}, {high:.2f}] | {below:.2f} to {above:.2f}"
            shown += f" | {seen.succeeded / seen.runs:.2f} | {seen.entropy:.2f} | {seen.horizon:.0f}"
            yield f"| {cell.effort:g} | {shown} | {label} |"
        yield ""
