"""The figures that suit a dataset."""

import re

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from entropyjax.plots.boundary import boundary_diagram
from entropyjax.plots.branches import branch_figure
from entropyjax.plots.cells import MOST, Panel
from entropyjax.plots.entropy import entropy_panels
from entropyjax.plots.fit import fit_figure
from entropyjax.plots.forecast import forecast_figure
from entropyjax.plots.label import cell_title, words
from entropyjax.plots.line import line_diagram
from entropyjax.plots.margin import WINDOW
from entropyjax.plots.outcome import outcome_diagram
from entropyjax.plots.panels import line_panels, outcome_rows, phase_panels
from entropyjax.plots.phase import phase_diagram
from entropyjax.plots.phase_map import phase_map
from entropyjax.plots.predictive import predictive_figure
from entropyjax.plots.selection import is_numeric, spread, sweep_axes
from entropyjax.plots.style import headline, house_style
from entropyjax.plots.survival import survival_diagram
from entropyjax.plots.trace_entropy import trace_entropy_panels
from entropyjax.plots.trap import trap_diagram

_PREFERRED = ("n_agents", WINDOW)
_KINDS = {
    "boundary": boundary_diagram,
    "branches": branch_figure,
    "fit": fit_figure,
    "forecast": forecast_figure,
    "predictive": predictive_figure,
    "map": phase_map,
    "trap": trap_diagram,
}
"""Figures of datasets by the attribute `kind`; others are sweeps."""


def figures(dataset: xr.Dataset) -> dict[str, Figure]:
    """Return the figures that suit a dataset by its axes, by name.

    - A boundary, branches, a fit, a forecast, a predictive check, a map of phases or a Reasoning Trap: "boundary",
      "branches", "fit", "forecast", "predictive", "map" or "trap", and nothing else.
    - Entropies of traces: "entropy", or one figure for each of the first 6 groups.
    - Two axes of numbers or more: "phase" and "outcomes" over the plane of executors and context window, or
      of the two longest; one axis: "outcomes" along it.
    - "survival": where each model survives and which is the best where, if an axis is over models.
    - "entropy": H and the forces over time in cells that span the axes, if the dataset has them.
    - Axes that are left, such as `model`: one panel for each of their values, at most 6; entropy then in the
      cell in the middle of the others.
    """
    kind = dataset.attrs.get("kind")
    if kind == "entropy":
        return _by_group(dataset)
    if kind in _KINDS:
        return {kind: _figure_of(_KINDS[kind](dataset))}
    drawn = _drawn(dataset)
    rest = [name for name in sweep_axes(dataset) if name not in drawn]
    places = _places(dataset, rest)
    panels = [_panel(dataset, place) for place in places]
    out = _over_axes(dataset, drawn) if not rest else _in_panels(panels, drawn)
    if len(drawn) == 2 and len(rest) <= 2 and dataset.attrs.get("model_axis") in rest:
        out["survival"] = survival_diagram(dataset, x=drawn[0], y=drawn[1])
    if "mean_entropy" in dataset:
        middle = {name: dataset.sizes[name] // 2 for name in drawn}
        cells = [_values(dataset, place) for place in places]
        shared = _values(dataset, middle)
        out["entropy"] = entropy_panels(dataset, cells=cells, select=shared) if rest else entropy_panels(dataset)
    total = int(np.prod([dataset.sizes[name] for name in rest]))
    if len(places) < total:
        what = " and ".join(words(name) for name in rest)
        for figure in (figure for name, figure in out.items() if name != "survival"):
            with house_style():
                headline(figure, f"{len(places)} of the {total} values of {what}")
    return out


def _by_group(dataset: xr.Dataset) -> dict[str, Figure]:
    names = [str(name) for name in dataset["group"].values[:MOST]]
    if len(names) == 1:
        return {"entropy": trace_entropy_panels(dataset)}
    # Names of groups may hold what names of files must not.
    return {
        f"entropy-{re.sub(r'[^A-Za-z0-9._-]+', '_', name)}": trace_entropy_panels(dataset, group=name) for name in names
    }


def _over_axes(dataset: xr.Dataset, drawn: tuple[str, ...]) -> dict[str, Figure]:
    if not drawn:
        return {}
    if len(drawn) == 1:
        return {"outcomes": _figure_of(line_diagram(dataset))}
    x, y = drawn
    return {"phase": _figure_of(phase_diagram(dataset, x=x, y=y)), "outcomes": outcome_diagram(dataset, x=x, y=y)}


def _in_panels(panels: list[Panel], drawn: tuple[str, ...]) -> dict[str, Figure]:
    if len(drawn) == 1:
        return {"outcomes": line_panels(panels, drawn[0])}
    return {"phase": phase_panels(panels, *drawn), "outcomes": outcome_rows(panels, *drawn)}


def _drawn(dataset: xr.Dataset) -> tuple[str, ...]:
    """Return the axes to draw over: two of numbers, else one of numbers, else one of words."""
    names = sweep_axes(dataset)
    numbers = [name for name in names if is_numeric(dataset, name) and dataset.sizes[name] > 1]
    if not numbers:
        return tuple(sorted(names, key=lambda name: -dataset.sizes[name])[:1])
    best = sorted(numbers, key=lambda name: (name not in _PREFERRED, _is_setting(dataset, name), -dataset.sizes[name]))
    # Settings of the run are no axes of a phase diagram unless there is nothing else.
    best = [name for name in best if not _is_setting(dataset, name)] or best[:1]
    pair = sorted(best[:2], key=lambda name: (name == WINDOW, names.index(name)))
    return tuple(pair)


def _is_setting(dataset: xr.Dataset, name: str) -> bool:
    return str(dataset[name].attrs.get("path", "params.")).startswith("run.")


def _places(dataset: xr.Dataset, rest: list[str]) -> list[dict[str, int]]:
    """Return at most 6 combinations of places on the axes that are left, evenly spread."""
    shape = [dataset.sizes[name] for name in rest]
    chosen = spread(int(np.prod(shape)), MOST)
    return [dict(zip(rest, map(int, np.unravel_index(i, shape)), strict=True)) for i in chosen] if rest else [{}]


def _panel(dataset: xr.Dataset, place: dict[str, int]) -> Panel:
    one = dataset.isel(place)
    return Panel(cell_title(one, tuple(place)), one)


def _values(dataset: xr.Dataset, place: dict[str, int]) -> dict[str, object]:
    return {name: dataset[name].values[i] for name, i in place.items()}


def _figure_of(drawn) -> Figure:
    return drawn if isinstance(drawn, Figure) else drawn.get_figure(root=True)
