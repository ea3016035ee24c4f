"""A forecast and its advice in a few honest lines."""

import json
import math
from collections.abc import Iterator

import numpy as np
import xarray as xr

from entropyjax.jobs.verdict import MATTERS, Verdict, topologies, verdict

_TOLD = 0.05
_WORDS = {
    "unfocused": "the chance to be out of focus (collapsed, or never focused)",
    "collapsed": "the collapse probability",
    "resolved": "the chance to resolve the task",
}


def summarise_forecast(dataset: xr.Dataset) -> str:
    """Return what is to come, what could be changed, and how sure both are."""
    return "\n".join([*_outlook(dataset), *(_advice(dataset) if "effect" in dataset else ()), *_caveats(dataset)])


def _outlook(dataset: xr.Dataset) -> Iterator[str]:
    attrs = dataset.attrs
    runs = int(dataset.outcome_count.sum())
    yield (
        f"Forecast of {attrs['condition']} ({attrs['model']}): {attrs['draws']} draws ({attrs['method']}), {runs:,} "
        f"runs of agents over {attrs['horizon']} steps, seed {attrs['seed']}. Brackets hold 90%."
    )
    low, high = dataset.outcome_simulation.sel(outcome="collapsed").values
    yield (
        f"Collapse probability {_outcome(dataset, 'collapsed')} over the posterior; by the number of runs its mean is "
        f"known to [{low:.3f}, {high:.3f}]."
    )
    others = (name for name in map(str, dataset.outcome.values) if name != "collapsed")
    yield "; ".join(f"{name.replace('_', ' ')} {_outcome(dataset, name)}" for name in others).capitalize() + "."
    times = dataset.collapsed_time_quantile
    if bool(times.notnull().all()):
        early, half, late = (float(times.sel(quantile=level)) for level in (0.05, 0.5, 0.95))
        yield f"Runs that collapse do so at step {half:g} in the median, nine tenths from {early:g} to {late:g}."
    yield _horizon(dataset)
    yield from _hanging(dataset)
    failed = int(dataset.failure_count.sum() - dataset.failure_count.sel(failure="none"))
    if failed:
        yield f"{failed} runs failed and are left out."


def _outcome(dataset: xr.Dataset, name: str) -> str:
    low, high = dataset.outcome_posterior.sel(outcome=name).values
    return f"{float(dataset.outcome_probability.sel(outcome=name)):.2f} [{low:.2f}, {high:.2f}]"


def _horizon(dataset: xr.Dataset) -> str:
    whole = float(dataset.cognitive_horizon)
    low, high = (f"{value:.3g}" for value in dataset.cognitive_horizon_interval.values)
    none = float(dataset.cognitive_horizon_none)
    text = f"Cognitive horizon {whole:.3g} steps [{low}, {high}]" if math.isfinite(whole) else "No cognitive horizon"
    return f"{text}, where the mean entropy is least" + (f"; {none:.0%} of the draws have none." if none else ".")


def _hanging(dataset: xr.Dataset) -> Iterator[str]:
    """Tell which parameter the spread of the collapse probability comes from, where there is a spread."""
    low, high = dataset.outcome_posterior.sel(outcome="collapsed").values
    if "hangs_on" not in dataset or high - low < MATTERS:
        return
    most = dataset.isel(varied=int(np.argmax(np.abs(dataset.hangs_on.values))))
    width = float(most.width_over_prior)
    known = f", whose interval is {width:.2g} times as wide as the prior's" if math.isfinite(width) else ""
    yield (
        f"Over the posterior the collapse probability hangs most on {most.varied.item()} (rank correlation "
        f"{float(most.hangs_on):+.2f}){known}."
    )


def _advice(dataset: xr.Dataset) -> Iterator[str]:
    found = verdict(dataset)
    one = dataset.sel(objective=found.objective)
    yield f"What changes do to {_WORDS[found.objective]}, by gain for each 10% of change:"
    yield f"  {'change':24}{'effect':23}{'gain/10%':>9}{'per unit':>10}{'resolved':>10}  best in"
    yield from (_row(dataset, place, f"{found.best[place]:.0%}") for place in found.order)
    yield from (_row(dataset, place, "") for place in topologies(dataset))
    yield _decision(one, found)
    leaning = [place for place in found.order if str(one.rests_on.values[place])]
    texts = dict.fromkeys(f"{one.parameter.values[p]} ({one.rests_on.values[p]})" for p in leaning)
    if texts:
        yield f"Not found by the fit, but leant on by changes of {', '.join(texts)}."


def _row(dataset: xr.Dataset, place: int, best: str) -> str:
    one = dataset.sel(objective=dataset.attrs["objective"]).isel(change=place)
    low, high = one.effect_interval.values
    tenth = float(one.gain_per_tenth)
    shown = f"{tenth:+.3f}" if math.isfinite(tenth) else ""
    unit = float(one.effect_per_unit)
    each = f"{unit:+.2g}" if math.isfinite(unit) else ""
    resolved = float(dataset.effect.sel(objective="resolved")[place])
    effect = f"{float(one.effect):+.3f} [{low:+.3f}, {high:+.3f}]"
    return f"  {one.change.item()!s:24}{effect:23}{shown:>9}{each:>10}{resolved:>+10.3f}  {best}".rstrip()


def _decision(one: xr.Dataset, found: Verdict) -> str:
    names = [str(name) for name in one.change.values]
    if not found.helping:
        return (
            f"No change matters for certain: none is a gain of {MATTERS:g} or more on average and a gain in 95% of the "
            "posterior."
        )
    first = found.order[0]
    if found.decided:
        return f"{names[first]} is the best by far: in {found.best[first]:.0%} of the draws."
    shown = [f"{names[p]} in {found.best[p]:.0%}" for p in found.order if found.best[p] >= _TOLD]
    return f"The ranking is not decided: the best of the draws is {', '.join(shown)}."


def _caveats(dataset: xr.Dataset) -> Iterator[str]:
    attrs = dataset.attrs
    unlearnt = json.loads(attrs["unlearnt"])
    if unlearnt:
        yield f"The fit learnt hardly anything of {', '.join(unlearnt)}: what depends on them rests on the prior."
    if attrs["steps_seen"] and attrs["horizon"] > attrs["steps_seen"]:
        yield f"The logs show {attrs['steps_seen']} steps of a run; what comes later is extrapolated by the model."
    if attrs["tasks"] > 1:
        spread, tasks = attrs["task_spread"], attrs["tasks"]
        yield f"Tasks differ by {spread:.2g} nat in the gap; the runs are of {tasks} tasks in equal parts."
    yield from json.loads(attrs["left_out"])
