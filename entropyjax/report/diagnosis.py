"""The diagnosis of an orchestrator from its logs: entropy, fits, which model, forecast, advice."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import xarray as xr

from entropyjax.inference import InferenceError
from entropyjax.inference.compare import Comparison, compare
from entropyjax.inference.groups import groups, histories
from entropyjax.jobs.compare import comparison_record
from entropyjax.jobs.errors import JobError
from entropyjax.jobs.fit import FitSpec, fit_traces
from entropyjax.jobs.fit_data import NULLS, contender
from entropyjax.jobs.forecast import forecast
from entropyjax.jobs.predictive import predictive_check
from entropyjax.jobs.summary import record, summarise
from entropyjax.jobs.trace_entropy import entropy_of_runs
from entropyjax.plots import figures
from entropyjax.records import UNKNOWN, TraceSet
from entropyjax.report.page import Figure, Page, Section, Table

Progress = Callable[[int, int, str], None]
"""Called as progress(done, total, what)."""

REPLICATES = 2000


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """What the logs say of an orchestrator.

    **Attributes:** datasets of its parts; `comparison` is `None` where tasks could not be held out; `outlook`, `check`
    are `None` where no forecast could be made; `caveats`: what did not work, and what the numbers rest on.
    """

    traces: TraceSet
    entropy: xr.Dataset
    fit: xr.Dataset
    comparison: Comparison | None
    outlook: xr.Dataset | None
    check: xr.Dataset | None
    caveats: tuple[str, ...]


def forecast_spec(traces: TraceSet, spec: FitSpec) -> FitSpec:
    """Return the fit that a forecast rests on: with the times of success beside the choice, where they are known."""
    if spec.observe or not (traces.success == 1).any() or "resolution_rate" in spec.fixed:
        return dataclasses.replace(spec, folds=0, cut=None)
    choice = "agreement" if _repeats(traces) else "entropies"
    observe = ("log_probabilities" if traces.log_probability is not None else choice, "completions")
    return dataclasses.replace(spec, observe=observe, folds=0, cut=None)


def _repeats(traces: TraceSet) -> bool:
    return len(groups(traces, histories(traces)).step) > 0


def diagnose(
    traces: TraceSet,
    spec: FitSpec | None = None,
    *,
    horizon: int = 64,
    condition: int = 0,
    progress: Progress | None = None,
) -> Diagnosis:
    """Return the diagnosis of an orchestrator.

    **Arguments:** `spec`: of the orchestrator's fit, whose observations the null models are fitted to as well;
    `horizon`: steps that the forecast covers; `condition`: number of the system, orchestrator and roster.

    **Raises:** `InferenceError` or `JobError` with a sentence where nothing can be fitted.
    """
    spec = spec or FitSpec()
    parts = ("entropy", "fit", *NULLS, "fit with successes", "forecast", "check")
    caveats: list[str] = []

    def tell(part: str) -> None:
        if progress is not None:
            progress(parts.index(part), len(parts), part)

    tell("entropy")
    entropy = entropy_of_runs(traces, replicates=REPLICATES, seed=spec.seed)
    tell("fit")
    spec, found = _with_folds(traces, spec, caveats)
    comparison = _compared(traces, spec, found, tell) if spec.folds else None
    tell("fit with successes")
    joint = forecast_spec(traces, spec)
    whole = found if joint.observe == spec.observe else fit_traces(traces, joint)
    outlook = check = None
    try:
        tell("forecast")
        outlook = forecast(whole, condition, horizon=horizon, seed=spec.seed)
        tell("check")
        check = predictive_check(whole, traces, condition, seed=spec.seed)
    except JobError as error:
        caveats.append(str(error))
    return Diagnosis(traces, entropy, whole, comparison, outlook, check, (*caveats, *_caveats(traces, whole)))


def _with_folds(traces: TraceSet, spec: FitSpec, caveats: list[str]) -> tuple[FitSpec, xr.Dataset]:
    """Return the fit, without held-out tasks where there are too few of them."""
    try:
        return spec, fit_traces(traces, spec)
    except InferenceError as error:
        if "held out" not in str(error):
            raise
        caveats.append(f"No comparison of models: {error}")
        spec = dataclasses.replace(spec, folds=0)
        return spec, fit_traces(traces, spec)


def _compared(traces: TraceSet, spec: FitSpec, found: xr.Dataset, tell: Callable[[str], None]) -> Comparison | None:
    entries = [contender(found)]
    names = tuple(found.attrs["observed"].split(", "))
    for model in NULLS:
        tell(model)
        null = dataclasses.replace(spec, model=model, free=(), fixed={}, ties={}, observe=names, context="auto")
        entries.append(contender(fit_traces(traces, null)))
    if any(entry.tasks.size and not (entry.tasks == entry.tasks).any() for entry in entries):
        return None
    return compare(entries)


def _caveats(traces: TraceSet, fit: xr.Dataset) -> list[str]:
    """Return what the numbers rest on that the reader cannot see from them."""
    out = []
    if not (traces.success != UNKNOWN).any():
        out.append("The logs do not say which runs succeeded: the rate of progress is the default, not measured.")
    if fit.attrs["context"] == "modelled":
        out.append("The logs do not give the context of every task, so that the model's own stands for it.")
    if not fit.attrs["full_likelihood"]:
        out.append("The likelihood is a composite one: steps share runs, so that intervals are too short.")
    fixed = json.loads(fit.attrs["fixed"])
    if "context_window" in fixed:
        windows = ", ".join(f"{value:g}" for value in sorted(set(fixed["context_window"])))
        out.append(f"The nominal window was taken as {windows} ktok; only its effective share times it is identified.")
    return out


def page(found: Diagnosis) -> Page:
    """Return the diagnosis as a page."""
    sections = [
        Section("Entropy of the choice", _told(found.entropy)[0], figures=_figures(found.entropy, ENTROPY)),
        Section("Fit", _told(found.fit)[0], (), (_estimates(found.fit),), _figures(found.fit, FIT)),
    ]
    if found.comparison is not None:
        words = (found.comparison.sentence(),)
        sections.insert(1, Section("Does the context matter?", words, tables=(_ranking(found),)))
    if found.outlook is not None:
        drawn = _figures(found.outlook, OUTLOOK)
        sections.append(Section("Forecast and advice", *_told(found.outlook), figures=drawn))
    if found.check is not None:
        drawn = _figures(found.check, CHECK)
        sections.append(Section("Is the model like the logs?", *_told(found.check), figures=drawn))
    sections.append(Section("What to keep in mind", found.caveats))
    attrs = found.fit.attrs
    made = (
        f"Fit {attrs['run_id']}, seed {attrs['seed']}; versions {attrs['versions']}; commit {attrs['git_commit']}.",
    )
    return Page("Diagnosis of an orchestrator", verdict(found), tuple(sections), made)


ENTROPY = "Entropy over the steps, what it is made of, and the runs still at risk."
FIT = "Shares of pairs that agree, the fit to them, and what was learnt of each parameter."
OUTLOOK = "Share of runs that have collapsed or been resolved by each step, and what changes would do."
CHECK = "What was observed among what the posterior foretells."


def verdict(found: Diagnosis) -> tuple[str, ...]:
    """Return what is to be known first."""
    out = []
    if found.outlook is not None:
        out.append(f"{collapse_sentence(found.outlook)}")
    if found.comparison is not None:
        out.append(found.comparison.sentence())
    return (*out, *str(found.traces).split("\n"))


def collapse_sentence(outlook: xr.Dataset) -> str:
    """Return the collapse probability in a sentence."""
    one = outlook.sel(outcome="collapsed")
    low, high = one.outcome_posterior.values
    return (
        f"Within {outlook.attrs['horizon']} steps a run collapses with probability "
        f"{float(one.outcome_probability):.3f} (90% of the posterior: {low:.3f} to {high:.3f})."
    )


def _told(dataset: xr.Dataset) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the sentences of a summary and its rows with aligned columns; what the logs are stands above already."""
    known = dataset.attrs.get("traces", "").split("\n")
    lines = [line for line in summarise(dataset).split("\n") if line not in known]
    rows = tuple(line for line in lines if line.startswith("  "))
    return tuple(line for line in lines if line not in rows), rows


def _figures(dataset: xr.Dataset, words: str) -> tuple[Figure, ...]:
    return tuple(Figure.of(drawing, words) for drawing in figures(dataset).values())


def _estimates(fit: xr.Dataset) -> Table:
    rows = [
        (
            str(label),
            f"{float(fit.estimate.sel(label=label)):.3g}",
            " to ".join(f"{end:.3g}" for end in fit.interval.sel(label=label).values),
            " to ".join(f"{end:.3g}" for end in fit.prior_interval.sel(label=label).values),
        )
        for label in fit.label.values
    ]
    return Table(("parameter", "median", "90% interval", "90% of the prior"), tuple(rows))


def _ranking(found: Diagnosis) -> Table:
    assert found.comparison is not None
    rows = zip(found.comparison.contenders, found.comparison.means, found.comparison.differences, strict=True)
    cells = tuple(
        (one.name, str(one.parameters), f"{mean:.4f}", f"{gap.mean:.4f} ± {gap.error:.4f}") for one, mean, gap in rows
    )
    return Table(("model", "free parameters", "nat per decision, held-out tasks", "behind the best"), cells)


def diagnosis_record(found: Diagnosis) -> dict[str, Any]:
    """Return the diagnosis as JSON values."""
    return {
        "verdict": list(verdict(found)),
        "caveats": list(found.caveats),
        "entropy": record(found.entropy),
        "fit": record(found.fit),
        "comparison": None if found.comparison is None else comparison_record(found.comparison),
        "forecast": None if found.outlook is None else record(found.outlook),
        "predictive_check": None if found.check is None else record(found.check),
    }
