"""Fit the attention-dilution curve to published tables of accuracy against context length.

    accuracy(length) = A / (1 + (length / (eta W))^n)        percent; length and W in ktok

is the model's attention m = 1 / (1 + L^n) times a ceiling A, with the benchmark's length standing for the
whole load. W is the nominal window and is given; A (0 to 100), eta (0 to 1) and n (> 0) are fitted by least
squares on the accuracies. A model with `order_from` takes n from other models' fits, marked as an assumption.

    fit_context_decay.py                    write configs/data/context_decay_fit.{json,png,svg}
    fit_context_decay.py --update-presets   also refresh the fitted numbers and their sources in the presets
    fit_context_decay.py --check            exit 1 with a sentence per disagreement of files and a fresh fit

The tables and their sources are in configs/data/context_decay.toml. The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import statistics
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.optimize import least_squares

SCHEMA = 1
CONFIGS = Path(__file__).resolve().parents[1] / "configs"
NAMES = ("ceiling", "effective_fraction", "dilution_order")
# The open lower ends (eta > 0, n > 0) and the search for n need a number; the other bounds mean something.
LOWER = np.array([0.0, 1e-6, 1e-6])
UPPER = np.array([100.0, 1.0, 50.0])
FITTED_KEYS = ("effective_fraction", "dilution_order")

Array = NDArray[np.float64]


# -- the curve and its fit -------------------------------------------------------------------------


def accuracy(length: Array, window: float, values: Array) -> Array:
    """A / (1 + (length / (eta W))^n), percent, at values = (A, eta, n)."""
    ceiling, fraction, order = values
    return np.asarray(ceiling / (1.0 + (length / (fraction * window)) ** order))


def accuracy_jacobian(length: Array, window: float, values: Array) -> Array:
    """Derivatives of `accuracy` with respect to (A, eta, n), one row per length."""
    ceiling, fraction, order = values
    load = length / (fraction * window)
    attention = 1.0 / (1.0 + load**order)
    slope = ceiling * attention * (1.0 - attention)
    return np.stack([attention, slope * order / fraction, -slope * np.log(load)], axis=-1)


@dataclass(frozen=True)
class CurveFit:
    """A least-squares fit over (A, eta, n); `residuals` are measured minus fitted, percent, by point."""

    values: Array
    standard_errors: tuple[float | None, ...]
    at_bound: tuple[str | None, ...]
    estimated: tuple[int, ...]
    residuals: Array

    @property
    def degrees_of_freedom(self) -> int:
        """Points minus estimated parameters; one that ended on a bound was estimated too and counts."""
        return len(self.residuals) - len(self.estimated)

    @property
    def rmse(self) -> float:
        return float(np.sqrt(np.mean(self.residuals**2)))


def fit_curve(length: Array, measured: Array, window: float, order: float | None = None) -> CurveFit:
    """Least squares in (A, eta, n), or in (A, eta) at a given n, from several starts; the best end counts."""
    estimated = [0, 1] if order is not None else [0, 1, 2]
    if len(length) < len(estimated):
        raise ValueError(
            f"{len(length)} points cannot determine {len(estimated)} parameters: add points or give n"
        )

    def full(free: Array) -> Array:
        return np.append(free, order) if order is not None else free

    ends = [
        least_squares(
            lambda free: accuracy(length, window, full(free)) - measured,
            np.array([min(1.02 * measured.max(), 99.0), fraction, start_order])[estimated],
            jac=lambda free: accuracy_jacobian(length, window, full(free))[:, estimated],
            bounds=(LOWER[estimated], UPPER[estimated]),
            method="dogbox",  # its iterates may lie on a bound, so a bound that holds is hit exactly
            xtol=1e-15,
            ftol=1e-15,
            gtol=1e-15,
            max_nfev=500,
        )
        for fraction in (0.05, 0.3, 0.9)
        for start_order in ((0.7, 1.5, 3.0) if order is None else (order,))
    ]
    values = full(min(ends, key=lambda end: float(end.cost)).x)
    residuals = measured - accuracy(length, window, values)
    at_bound = tuple(_bound(i, values[i]) if i in estimated else None for i in range(3))
    inside = [i for i in estimated if at_bound[i] is None]
    errors = _standard_errors(accuracy_jacobian(length, window, values), residuals, inside, len(estimated))
    return CurveFit(values, errors, at_bound, tuple(estimated), residuals)


def _bound(index: int, value: float) -> str | None:
    return "lower" if value <= LOWER[index] else "upper" if value >= UPPER[index] else None


def _standard_errors(
    jacobian: Array, residuals: Array, inside: Sequence[int], estimated: int
) -> tuple[float | None, ...]:
    """From s^2 (J^T J)^-1 over the parameters inside their bounds; none without degrees of freedom."""
    freedom = len(residuals) - estimated
    errors: list[float | None] = [None, None, None]
    if freedom > 0 and inside:
        block = jacobian[:, inside]
        covariance = np.linalg.inv(block.T @ block) * float(residuals @ residuals) / freedom
        for position, index in enumerate(inside):
            errors[index] = float(np.sqrt(covariance[position, position]))
    return tuple(errors)


def exact_interpolation(length: Array, measured: Array, window: float, order: float) -> tuple[float, float]:
    """(A, eta) of the curve through two points at a given n, whatever the bounds say."""
    (near, far), (high, low) = length, measured
    stretch = (far / near) ** order
    if not (near < far and low < high < low * stretch):
        raise ValueError(
            f"no curve of order {order:.4g} falls from {high} at {near} ktok to {low} at {far} ktok"
        )
    load = (high - low) / (low * stretch - high)  # L^n at the nearer point
    return high * (1.0 + load), near / (window * load ** (1.0 / order))


# -- from the tables to a report -------------------------------------------------------------------


def read_tables(path: Path) -> dict[str, Any]:
    """The tables of context_decay.toml; a schema this script does not know is refused."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    if tables.get("schema") != SCHEMA:
        raise ValueError(
            f"{path.name} has schema {tables.get('schema')!r}; this script reads schema {SCHEMA}"
        )
    return tables


def columns(points: Sequence[Mapping[str, Any]]) -> tuple[Array, Array]:
    """Lengths (ktok) and accuracies (percent) of a table's points."""
    return (
        np.array([point["length"] for point in points], dtype=np.float64),
        np.array([point["accuracy"] for point in points], dtype=np.float64),
    )


def published(model: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """All points of a model, those of the fit and those left out of it, by length."""
    return sorted([*model["points"], *model.get("check_points", [])], key=lambda point: point["length"])


def fit_tables(tables: Mapping[str, Any]) -> dict[str, CurveFit]:
    """Fits by model name: first the models with n free, then those that take n from them."""
    fits: dict[str, CurveFit] = {}
    for model in sorted(tables["models"], key=lambda model: "order_from" in model):
        order = None
        if "order_from" in model:
            free = {name: float(fit.values[2]) for name, fit in fits.items() if 2 in fit.estimated}
            origin = model["order_from"]
            order = statistics.median(free.values()) if origin == "median" else free[origin]
        fits[model["name"]] = fit_curve(*columns(model["points"]), model["context_window"], order)
    return fits


def make_report(tables: Mapping[str, Any], fits: Mapping[str, CurveFit]) -> dict[str, Any]:
    """What goes into context_decay_fit.json."""
    return {
        "schema": SCHEMA,
        "script": "scripts/fit_context_decay.py",
        "equation": "accuracy = A / (1 + (length / (eta W))^n)",
        "symbols": {
            "A": "ceiling",
            "eta": "effective_fraction",
            "n": "dilution_order",
            "W": "context_window",
        },
        "units": {"length": "ktok", "context_window": "ktok", "accuracy, residual, rmse, ceiling": "percent"},
        "bounds": {name: [float(LOWER[i]), float(UPPER[i])] for i, name in enumerate(NAMES)},
        "caveat": tables["caveat"],
        "benchmarks": tables["benchmarks"],
        "models": [model_report(model, fits[model["name"]]) for model in tables["models"]],
    }


def model_report(model: Mapping[str, Any], fit: CurveFit) -> dict[str, Any]:
    """One model: inputs, parameters, quality of the fit, points left out, and what a reader must know."""
    report: dict[str, Any] = {
        key: model[key] for key in ("name", "preset", "benchmark", "context_window", "context_window_source")
    }
    report["parameters"] = _parameter_reports(fit, model)
    report["degrees_of_freedom"] = fit.degrees_of_freedom
    report["rmse"] = _points(fit.rmse)
    report["points"] = _point_reports(model["points"], model["context_window"], fit)
    report["check_points"] = _point_reports(model.get("check_points", []), model["context_window"], fit)
    report["exact_interpolation"] = _interpolation_report(model, fit)
    report["all_points_fit"] = _all_points_report(model)
    report["remarks"] = remarks(report)
    return report


def _parameter_reports(fit: CurveFit, model: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {
            "value": _digits(fit.values[i]),
            "standard_error": _digits(fit.standard_errors[i]),
            "origin": "fitted" if i in fit.estimated else f"assumption: {order_origin(model)}",
            "bound_hit": fit.at_bound[i],
        }
        for i, name in enumerate(NAMES)
    }


def order_origin(model: Mapping[str, Any]) -> str:
    """Where an assumed n comes from, in words."""
    origin = model["order_from"]
    return (
        "n is the median of the NoLiMa fits"
        if origin == "median"
        else f"n is that of the NoLiMa fit of {origin}"
    )


def _point_reports(points: Sequence[Mapping[str, Any]], window: float, fit: CurveFit) -> list[dict[str, Any]]:
    length, measured = columns(points)
    fitted = accuracy(length, window, fit.values)
    return [
        {**point, "fitted": _points(fitted[i]), "residual": _points(measured[i] - fitted[i])}
        for i, point in enumerate(points)
    ]


def _interpolation_report(model: Mapping[str, Any], fit: CurveFit) -> dict[str, Any] | None:
    """The curve through both points where only two were used; `within_bounds` says whether it is the fit."""
    if fit.degrees_of_freedom > 0:
        return None
    length, measured = columns(model["points"])
    ceiling, fraction = exact_interpolation(length, measured, model["context_window"], float(fit.values[2]))
    return {
        "ceiling": _digits(ceiling),
        "effective_fraction": _digits(fraction),
        "within_bounds": bool(ceiling <= UPPER[0] and fraction <= UPPER[1]),
    }


def _all_points_report(model: Mapping[str, Any]) -> dict[str, Any] | None:
    """For comparison only: the fit with n free to every published point, where some were left out."""
    if "check_points" not in model:
        return None
    fit = fit_curve(*columns(published(model)), model["context_window"])
    return {"parameters": _parameter_reports(fit, model), "rmse": _points(fit.rmse)}


def remarks(report: Mapping[str, Any]) -> list[str]:
    """What the numbers of one model's report do not say by themselves."""
    parameters, exact = report["parameters"], report["exact_interpolation"]
    bounds = [name for name in NAMES if parameters[name]["bound_hit"]]
    said = [f"{name} ended on its {parameters[name]['bound_hit']} bound" for name in bounds]
    if bounds and report["degrees_of_freedom"] > 0:
        said.append("standard errors of the others are conditional on that bound")
    if exact is None:
        return said
    said.append("two points, two estimated parameters: zero degrees of freedom, hence no standard errors")
    if exact["within_bounds"]:
        said.append("the curve interpolates both points exactly; a zero residual says nothing about it")
        return said
    last = report["points"][-1]
    said.append(
        f"the exact interpolation needs effective_fraction = {exact['effective_fraction']:.3g}, outside "
        "(0, 1]: where the load is the whole window or more the curve cannot exceed half its ceiling, so it "
        f"misses the published {last['accuracy']:.1f}% at {last['length']:g} ktok by {last['residual']:.1f} "
        "points; effective_fraction is the bound and no estimate, and the curve lies below a benchmark that "
        "is itself optimistic"
    )
    return said


def _digits(value: float | None) -> float | None:
    """Six significant digits: more than the data hold, few enough to be the same on every machine."""
    return None if value is None else float(f"{value:.6g}")


def _points(value: float) -> float:
    """Percent to four decimals, without a negative zero."""
    return round(float(value), 4) + 0.0


# -- presets ---------------------------------------------------------------------------------------


def preset_value(report: Mapping[str, Any], key: str) -> float:
    """The number a preset carries: four significant digits of the fit."""
    return float(f"{report['parameters'][key]['value']:.4g}")


def preset_source(report: Mapping[str, Any], benchmark: Mapping[str, Any], key: str) -> str:
    """The sentence a preset gives as the source of a fitted number."""
    parameter = report["parameters"][key]
    title, lengths = benchmark["title"], [f"{point['length']:g}" for point in report["points"]]
    arxiv = re.search(r"arXiv:\d{4}\.\d{5}", benchmark["source"])
    paper = arxiv.group() if arxiv else benchmark["source"]
    where = f"{title} ({paper}) at {', '.join(lengths)} ktok, scripts/fit_context_decay.py"
    if parameter["origin"] != "fitted":
        return f"{parameter['origin']}; not determined by {where}"
    if parameter["standard_error"] is not None:
        quality = f"standard error {parameter['standard_error']:.2g}, RMSE {report['rmse']:.2g} points"
        if report["parameters"]["ceiling"]["bound_hit"]:
            quality += ", both with the ceiling held on its bound of 100%"
        return f"fit to {where}; {quality}; {benchmark['reading']}"
    exact = report["exact_interpolation"]
    if exact is None or exact["within_bounds"]:
        return f"exact interpolation of {where}; no standard error; {benchmark['reading']}"
    last = report["points"][-1]
    return (
        f"upper bound, not an estimate: {where}, would need {exact['effective_fraction']:.3g}; at "
        f"{last['length']:g} ktok the curve is {last['residual']:.1f} points below the published accuracy; "
        f"no standard error; {benchmark['reading']}"
    )


def refreshed_preset(text: str, report: Mapping[str, Any], benchmark: Mapping[str, Any]) -> str:
    """A preset's text with the numbers and sources of the fitted keys replaced; every other line is kept."""
    for key in FITTED_KEYS:
        for pattern, value in (
            (rf"^{key} = [0-9.eE+-]+", f"{key} = {preset_value(report, key)!r}"),
            (rf'^{key} = "[^"]*"', f'{key} = "{preset_source(report, benchmark, key)}"'),
        ):
            text, count = re.subn(pattern, lambda _, value=value: value, text, flags=re.MULTILINE)
            if count != 1:
                raise ValueError(
                    f"{report['preset']}.toml has {count} lines like {pattern}; it needs exactly one"
                )
    return text


def update_presets(configs: Path, report: Mapping[str, Any]) -> None:
    for model in report["models"]:
        path = configs / f"{model['preset']}.toml"
        benchmark = report["benchmarks"][model["benchmark"]]
        path.write_text(
            refreshed_preset(path.read_text(encoding="utf-8"), model, benchmark), encoding="utf-8"
        )


# -- checking --------------------------------------------------------------------------------------


def differences(stored: Any, fresh: Any, where: str = "") -> list[str]:
    """Where two JSON values disagree; numbers may differ by what another machine's arithmetic changes."""
    if isinstance(stored, dict) and isinstance(fresh, dict) and stored.keys() == fresh.keys():
        return [line for key in fresh for line in differences(stored[key], fresh[key], f"{where}.{key}")]
    if isinstance(stored, list) and isinstance(fresh, list) and len(stored) == len(fresh):
        return [
            line
            for i, (old, new) in enumerate(zip(stored, fresh, strict=True))
            for line in differences(old, new, f"{where}[{i}]")
        ]
    if isinstance(stored, float) and isinstance(fresh, float):
        same = math.isclose(stored, fresh, rel_tol=1e-5, abs_tol=2e-4)
    else:
        same = stored == fresh
    return [] if same else [f"context_decay_fit.json{where} is {stored!r}, a fresh fit gives {fresh!r}"]


def check(configs: Path, report: Mapping[str, Any]) -> list[str]:
    """One sentence per disagreement of the JSON or a preset with a fresh fit."""
    stored = configs / "data" / "context_decay_fit.json"
    if not stored.is_file():
        return [f"{stored.name} does not exist; run this script without --check"]
    problems = differences(json.loads(stored.read_text(encoding="utf-8")), report)
    for model in report["models"]:
        path = configs / f"{model['preset']}.toml"
        if not path.is_file():
            problems.append(f"{path.name} does not exist, but {model['name']} names it as its preset")
            continue
        preset = tomllib.loads(path.read_text(encoding="utf-8"))
        wanted = [("params", key, preset_value(model, key)) for key in FITTED_KEYS]
        wanted += [("params", "context_window", model["context_window"])]
        benchmark = report["benchmarks"][model["benchmark"]]
        wanted += [("sources", key, preset_source(model, benchmark, key)) for key in FITTED_KEYS]
        for table, key, value in wanted:
            held = preset.get(table, {}).get(key)
            if held != value:
                problems.append(f"{path.name} has {table}.{key} = {held!r}, a fresh fit gives {value!r}")
    return problems


# -- figure ----------------------------------------------------------------------------------------

# Okabe and Ito's colours, safe for the common forms of colour blindness; marker and dashes say the same.
STYLES = (("#0072B2", "o", "-"), ("#D55E00", "s", (0, (5, 1.5))), ("#000000", "^", (0, (1.5, 1.2))))
FIGURE_RC = {
    "font.size": 9.0,
    "axes.labelsize": 9.0,
    "axes.titlesize": 9.0,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.0,
    "legend.frameon": False,
    "svg.hashsalt": "context-decay",
}


def draw(tables: Mapping[str, Any], fits: Mapping[str, CurveFit], stem: Path) -> None:
    """One column per benchmark: measured points and fitted curves above, measured minus fitted below."""
    with matplotlib.rc_context(FIGURE_RC):
        figure = Figure(figsize=(6.4, 4.2), layout="constrained")
        benchmarks = tables["benchmarks"]
        axes = figure.subplots(2, len(benchmarks), sharex="col", height_ratios=(2.6, 1.0), squeeze=False)
        for column, (key, benchmark) in enumerate(benchmarks.items()):
            models = [model for model in tables["models"] if model["benchmark"] == key]
            upper, lower = axes[0, column], axes[1, column]
            for model, style in zip(models, STYLES, strict=True):
                draw_model(upper, lower, model, fits[model["name"]], style)
            label_column(upper, lower, f"({'ab'[column]}) {benchmark['title']}", models)
        axes[0, 0].set_ylabel("accuracy (%)")
        axes[1, 0].set_ylabel("measured −\nfitted (points)")
        figure.align_ylabels(axes[:, 0])
        figure.savefig(stem.with_suffix(".svg"), metadata={"Date": None, "Creator": None})
        figure.savefig(stem.with_suffix(".png"), dpi=300, metadata={"Software": None})


def draw_model(
    upper: Axes, lower: Axes, model: Mapping[str, Any], fit: CurveFit, style: tuple[str, str, Any]
) -> None:
    colour, marker, dashes = style
    length, measured = columns(model["points"])
    window = model["context_window"]
    dense = np.geomspace(length.min() / 1.15, length.max() * 1.15, 200)
    upper.plot(dense, accuracy(dense, window, fit.values), color=colour, linestyle=dashes, linewidth=1.3)
    look = {"color": colour, "marker": marker, "markersize": 5.0, "linestyle": "none", "zorder": 3}
    filled = {**look, "markeredgecolor": "white", "markeredgewidth": 0.4, "markersize": 6.2}
    upper.plot(length, measured, **filled)
    lower.plot(length, fit.residuals, **filled)
    upper.plot([], [], label=legend_label(model, fit), **{**filled, "linestyle": dashes, "linewidth": 1.3})
    if model.get("check_points"):
        length, measured = columns(model["check_points"])
        open_look = {**look, "markerfacecolor": "white", "markeredgewidth": 1.0}
        upper.plot(length, measured, **open_look)
        lower.plot(length, measured - accuracy(length, window, fit.values), **open_look)


def legend_label(model: Mapping[str, Any], fit: CurveFit) -> str:
    """Name, eta and n; an asterisk marks a value that is a bound or an assumption."""
    stars = ["*" if fit.at_bound[i] or i not in fit.estimated else "" for i in (1, 2)]
    values = f"$\\eta$ = {fit.values[1]:.2g}{stars[0]}, $n$ = {fit.values[2]:.2f}{stars[1]}"
    return f"{model['name']}: {values}"


def label_column(upper: Axes, lower: Axes, title: str, models: Sequence[Mapping[str, Any]]) -> None:
    upper.set_title(title, loc="left")
    upper.set_ylim(0.0, 105.0)
    if any(model.get("check_points") for model in models):
        look = {"color": "0.4", "markerfacecolor": "white", "markersize": 5.0}
        upper.plot([], [], "o", label="left out of the fit", **look)
        upper.plot([], [], linestyle="none", label="* on its bound, or assumed")
    upper.legend(loc="lower left", handlelength=2.2, handletextpad=0.5, borderaxespad=0.1, labelspacing=0.3)
    lower.axhline(0.0, color="0.5", linewidth=0.7, zorder=1)
    lower.margins(y=0.18)
    ticks = sorted({point["length"] for model in models for point in published(model)})
    lower.set_xscale("log", base=2)
    lower.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    lower.minorticks_off()
    lower.set_xlabel("context length (ktok)")


# -- command line ----------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="compare the files with a fresh fit, write nothing"
    )
    parser.add_argument(
        "--update-presets", action="store_true", help="refresh the fitted numbers in the presets"
    )
    parser.add_argument("--configs", type=Path, default=CONFIGS, help="folder of the presets and of data/")
    options = parser.parse_args(arguments)
    if options.check and options.update_presets:
        parser.error("--check writes nothing, so it does not go with --update-presets")

    data = options.configs / "data"
    tables = read_tables(data / "context_decay.toml")
    fits = fit_tables(tables)
    report = make_report(tables, fits)
    if options.check:
        problems = check(options.configs, report)
        print("\n".join(problems) or "the fit and the presets agree with the tables", file=sys.stderr)
        return 1 if problems else 0

    text = json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False)
    (data / "context_decay_fit.json").write_text(text + "\n", encoding="utf-8")
    draw(tables, fits, data / "context_decay_fit")
    if options.update_presets:
        update_presets(options.configs, report)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
