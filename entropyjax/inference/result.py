"""The entropies of recorded runs, and what they say in a few lines."""

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np
from jaxtyping import Float

from entropyjax.inference.series import SERIES

ENOUGH = 40
"""Pairs with a common history, or runs where nothing is repeated, below which the summary says nothing of a step."""


@dataclasses.dataclass(frozen=True, eq=False)
class TraceEntropy:
    """Entropies over steps, each by its name in `SERIES`.

    **Attributes:**

    - `estimates`: of every series, NaN where there is nothing to estimate it from.
    - `errors`, `intervals`: standard errors and 95% intervals by the bootstrap over tasks, from percentile to
      percentile and, of entropies, moved by the bootstrap's bias; NaN without one, and where more than 5% of the
      replicates have no finite estimate.
    - `counts`: what estimates rest on: runs at risk, tasks, repeats, pairs.
    - `free`: first step at which runs of a task can differ; `repeats`: whether any task has repeats under one system,
      orchestrator and roster; `replicates`: of the bootstrap.
    """

    estimates: Mapping[str, Float[np.ndarray, " steps"]]
    errors: Mapping[str, Float[np.ndarray, " steps"]]
    intervals: Mapping[str, Float[np.ndarray, "steps 2"]]
    counts: Mapping[str, Float[np.ndarray, " steps"]]
    free: int
    repeats: bool
    replicates: int

    @property
    def last(self) -> int:
        """Last step up to which every step from the first free one rests on `ENOUGH` pairs or runs."""
        enough = self.counts["history_pairs" if self.repeats else "runs"][self.free :] >= ENOUGH
        return self.free + max(int(np.argmin(np.append(enough, False))) - 1, 0)

    def told(self, name: str, step: int) -> str:
        """Return an estimate as text: value, interval where there is one, and the count that it rests on."""
        low, high = self.intervals[name][step]
        interval = f" [{_number(low)}, {_number(high)}]" if np.isfinite(low) and np.isfinite(high) else ""
        count = SERIES[name].rests_on
        return f"{_number(self.estimates[name][step])}{interval} ({self.counts[count][step]:,.0f} {_PLURAL[count]})"

    def __str__(self) -> str:
        return "\n".join(_lines(self))


_PLURAL = {
    "runs": "runs",
    "lagged_runs": "runs",
    "within_runs": "repeats",
    "history_runs": "repeats with a common history",
    "task_pairs": "pairs",
    "history_pairs": "pairs",
    "gauge_pairs": "pairs",
    "turns": "turns",
    "known": "steps",
}


def _number(value: float) -> str:
    # Not "-0.00".
    return f"{round(float(value), 2) + 0.0:.2f}"


def _lines(found: TraceEntropy) -> Iterator[str]:
    counts, first, last = found.counts, found.free, found.last
    span = sorted({first, last})
    at = " and ".join(f"{counts['runs'][t]:,.0f} at t = {t}" for t in span)
    yield (
        f"{counts['runs'][0]:,.0f} runs of {counts['tasks'][0]:,.0f} tasks at t = 0, {at}; what follows is of the runs "
        "that have got so far, in nat."
    )
    for t in span:
        lagged = f", given the dispatch before {found.told('lag_one_miller_madow', t)}" if t else ""
        yield f"t = {t}: pooled H {found.told('pooled_miller_madow', t)}" + (
            f", within tasks {found.told('within_miller_madow', t)}, "
            f"with a common history {found.told('history_miller_madow', t)}; Miller-Madow."
            if found.repeats
            else f"{lagged}; Miller-Madow."
        )
    if not found.repeats:
        yield (
            "No task has repeats under one system, orchestrator and roster: decision entropy, path divergence and task "
            "diversity are identified only as their sum, the pooled H."
        )
    else:
        yield from _decomposed(found, first, last)
    if np.nanmax(found.estimates["parallel"], initial=0.0) > 0.0:
        yield f"Parallel dispatch: ln(executors in a turn) {found.told('parallel', first)} at turn {first}."
    if counts["known"].any():
        t = int(np.flatnonzero(counts["known"])[-1])
        yield f"Log-probabilities: H {found.told('log_probability', t)} at t = {t}, with a valid mass of " + (
            f"{_number(found.estimates['valid_mass'][t])}."
        )
    if found.replicates:
        yield f"In brackets: 95% intervals of {found.replicates:,} bootstrap replicates over tasks."


def _decomposed(found: TraceEntropy, first: int, last: int) -> Iterator[str]:
    for title, parts in DECOMPOSITIONS.items():
        total = found.estimates[parts[-1]]
        changes = [
            f"{words} {_number(found.estimates[name][first])} to {_number(found.estimates[name][last])}"
            for words, name in zip(("decision entropy", "path divergence", "task diversity"), parts, strict=False)
        ]
        yield f"{title}: pooled H {_number(total[first])} to {_number(total[last])} is {', '.join(changes)}."
    yield (
        f"Pairs with a common history agree in {found.told('history_share', last)} at t = {last}, after "
        f"{_number(found.estimates['history_share'][first])} at t = {first}; gauge "
        f"{_number(found.estimates['gauge'][last])} after {_number(found.estimates['gauge'][first])}"
        f"{_selection(found, first, last)}"
    )


def _selection(found: TraceEntropy, first: int, last: int) -> str:
    """Return what the gauge means: whether the tasks still at risk were easier from the start."""
    before, now = found.estimates["gauge"][first], found.estimates["gauge"][last]
    if not (np.isfinite(before) and np.isfinite(now)):
        return ", which no task has a third and fourth run for: selection cannot be told."
    corrected = _number(found.estimates["corrected_share"][last])
    return f"; corrected for that selection {corrected}."


DECOMPOSITIONS = {
    "Shannon": ("history_miller_madow", "path_divergence", "task_diversity", "pooled_miller_madow"),
    "Order 2": ("history_renyi2", "path_divergence2", "task_diversity2", "pooled_renyi2"),
}
"""Series of decision entropy, path divergence and task diversity, and of their sum.

The Shannon parts lean towards path divergence, because runs that share their past are the fewest, and an entropy of few
runs is the lowest. Those of order 2 come from shares of pairs, which have no such bias.
"""
