"""A Reasoning Trap in a few honest lines."""

import json
import math
from typing import Any

import numpy as np
import xarray as xr

from entropyjax.phase import leaders
from entropyjax.results import Effort


def summarise_trap(dataset: xr.Dataset) -> str:
    """Return where the best effort lies, on which side of it the present one is, why, and what would move it."""
    title = f"{dataset.attrs['title']}: " if dataset.attrs["title"] else ""
    lines = [title + _here(dataset), _advice(dataset)]
    if "critical_gain" in dataset:
        lines.append(_condition(dataset))
    elif dataset.attrs["gain"] == 0.0:
        lines.append("reasoning_gain b = 0: reasoning adds nothing to the evidence here and only fills the window.")
    lines += [_variations(dataset), _plane(dataset), *_runs(dataset)]
    return "\n".join(lines)


def _here(dataset: xr.Dataset) -> str:
    best = float(dataset.point_optimum[0])
    there, without, now = (float(dataset[f"point_right_{name}"][0]) for name in ("at_optimum", "without", "now"))
    effort, length = dataset.attrs["present_effort"], dataset.attrs["present_length"]
    horizon = dataset.attrs["patience"] * length
    return (
        f"best effort {best:.3g} ktok/step for a task of {length:.3g} steps in T = {horizon:g}. In the ODE the mean of "
        f"q is {there:.4f} there, {without:.4f} without reasoning, and {now:.4f} at the present {effort:g}."
    )


def _advice(dataset: xr.Dataset) -> str:
    label = Effort(int(dataset.point_label[0]))
    best, effort = float(dataset.point_optimum[0]), dataset.attrs["present_effort"]
    moves = f"a little more moves the mean of q by {_slope(dataset):+.2g} per ktok/step"
    if label is Effort.FAILING:
        return (
            "No effort resolves the task in the mean field: raise context_window, evidence or compaction_rate, or "
            f"lower n_agents. At the present effort {moves}."
        )
    if label is Effort.BOUND:
        high = dataset.attrs["high"]
        return f"No optimum lies inside the range: success is largest at its upper end, {high:g} ktok/step."
    if label is Effort.BELOW:
        return f"The present effort lies below it; {moves}. Raise reasoning_tokens towards {best:.3g}."
    if effort == 0.0:
        return "The present effort is none, and that is best."
    return f"The present effort lies past it, in the Reasoning Trap; {moves}. Lower reasoning_tokens to {best:.3g}."


def _slope(dataset: xr.Dataset) -> float:
    """Return the derivative of the mean of q by tau_r, from that of s(T)."""
    left = 1.0 - float(dataset.point_success_now[0])
    dispatches = -dataset.attrs["patience"] * math.log(dataset.attrs["progress_tolerance"])
    return float(dataset.point_slope_now[0]) / (left * dispatches)


def _condition(dataset: xr.Dataset) -> str:
    gives, takes, least = (float(dataset[name]) for name in ("evidence_return", "attention_cost", "critical_gain"))
    gain = dataset.attrs["gain"]
    word = "more than" if gives > takes else "less than"
    if gain == 0.0:
        return (
            "reasoning_gain b = 0: reasoning adds nothing to the evidence and only fills the window, so none is best. "
            f"At the fixed point without reasoning a little would pay with b above {least:.3g}."
        )
    return (
        f"At the fixed point a ktok of context held for reasoning adds {gives:.3g} to ln Delta_eff, {word} the "
        f"{takes:.3g} that it takes from ln m. A little reasoning pays there if b > {least:.3g}; b = {gain:g}."
    )


def _variations(dataset: xr.Dataset) -> str:
    parts = []
    for place, change in enumerate(dataset.change.values[1:], start=1):
        failing = int(dataset.point_label[place]) == Effort.FAILING
        parts.append(f"{change} {float(dataset.point_optimum[place]):.3g}{' (not enough)' if failing else ''}")
    return f"Best effort with {', '.join(parts)} ktok/step."


def _plane(dataset: xr.Dataset) -> str:
    label = dataset.label.sel(task_length=dataset.attrs["present_length"], method="nearest").values
    shares = {code: float(np.mean(label == code)) for code in Effort}
    words = {
        Effort.TRAP: "past the best effort",
        Effort.BELOW: "below it",
        Effort.BOUND: "without an optimum inside",
        Effort.FAILING: "where no effort is enough",
        Effort.NONE: "without a finite success",
    }
    parts = [f"{shares[code]:.0%} {text}" for code, text in words.items() if shares[code] > 0.0]
    names = " and ".join(dataset.attrs["axes"])
    return f"Over {names}, an effort of {dataset.attrs['present_effort']:g} is: {', '.join(parts)}."


def _runs(dataset: xr.Dataset) -> list[str]:
    if "resolved_probability" not in dataset:
        return []
    run = json.loads(dataset.attrs["config"])["run"]
    count = int(dataset.trajectories.sum())
    lines = [f"Runs: {count:,} trajectories ({run['dynamics']}), seed {run['seed']}."]
    lengthwise = dataset.curve_optimum.sel(span=dataset.attrs["present_length"], method="nearest").values
    for place, case in enumerate(dataset.curve.values):
        effort, share = most_resolved(dataset, place)
        name = f"{dataset.curve.attrs['name']} = {case:g}: " if dataset.curve.attrs["name"] else ""
        theory = float(lengthwise[place])
        if share == 0.0:
            lines.append(f"  {name}no run resolves the task at any effort.")
            continue
        where = f"at {effort[0]:g}" if len(effort) == 1 else f"anywhere from {effort.min():g} to {effort.max():g}"
        lines.append(f"  {name}most are resolved ({share:.1%}) {where} ktok/step; the equations say {theory:.3g}.")
    return lines


def most_resolved(dataset: xr.Dataset, place: int) -> tuple[np.ndarray, float]:
    """Return the efforts at which the share of resolved runs is not told from the largest, and that share."""
    one = dataset.isel(curve=place)
    count = one.trajectories.values
    found = leaders(np.round(np.nan_to_num(one.resolved_probability.values) * count), count)
    return one.effort.values[found.alike], float(found.share[found.best])


def trap_record(dataset: xr.Dataset) -> dict[str, Any]:
    """Return what a program may want to know of a Reasoning Trap, as JSON values."""
    label = Effort(int(dataset.point_label[0]))
    record = {
        "label": label.name.lower(),
        "present_effort": dataset.attrs["present_effort"],
        "task_length": dataset.attrs["present_length"],
    }
    names = ("optimum", "success_at_optimum", "success_without", "success_now", "slope_now")
    record |= {name: float(dataset[f"point_{name}"][0]) for name in names}
    condition = ("evidence_return", "attention_cost", "critical_gain")
    record |= {name: float(dataset[name]) for name in condition if name in dataset}
    record["trajectories"] = int(dataset.trajectories.sum()) if "trajectories" in dataset else 0
    return record
