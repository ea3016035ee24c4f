"""Which cells of a sweep a figure over time shows."""

from collections.abc import Sequence
from typing import NamedTuple

import xarray as xr

from entropyjax.plots.errors import PlotError
from entropyjax.plots.label import cell_title
from entropyjax.plots.margin import WINDOW
from entropyjax.plots.selection import Select, choose, leftover, spread, sweep_axes

MOST = 6
"""Most values of one axis that are shown one by one."""


class Panel(NamedTuple):
    """One cell and what it is called."""

    title: str
    dataset: xr.Dataset


def default_panels(dataset: xr.Dataset) -> tuple[list[Panel], int]:
    """Return cells that span the axes, row by row, and the number of columns.

    None: one panel. One axis: up to 6 values. Two: 3 x 3, the context window (or the second axis) upwards.
    """
    names = sweep_axes(dataset)
    if len(names) > 2:
        raise PlotError(leftover(dataset[names[0]]) + " Or name the cells, as in cells=[{...}, {...}].")
    if not names:
        return [Panel("", dataset)], 1
    if len(names) == 1:
        places = [{names[0]: i} for i in spread(dataset.sizes[names[0]], MOST)]
        columns = min(len(places), 3)
    else:
        y = WINDOW if WINDOW in names else names[1]
        x = names[0] if y == names[1] else names[1]
        across, up = (spread(dataset.sizes[name], 3) for name in (x, y))
        places = [{x: i, y: j} for j in reversed(up) for i in across]
        columns = len(across)
    return [_panel(dataset.isel(place), names) for place in places], columns


def chosen_panels(dataset: xr.Dataset, cells: Sequence[Select]) -> tuple[list[Panel], int]:
    """Return the cells that are named, and the number of columns."""
    if not cells:
        raise PlotError("cells is empty; name at least one cell, or leave it out.")
    names, panels = sweep_axes(dataset), []
    for cell in cells:
        one = choose(dataset, cell)
        for name in sweep_axes(one):
            raise PlotError(f"The cell {dict(cell)} is not one cell. {leftover(dataset[name], 'the cell')}")
        panels.append(_panel(one, names))
    return panels, min(len(panels), 3)


def _panel(dataset: xr.Dataset, names: tuple[str, ...]) -> Panel:
    return Panel(cell_title(dataset, names), dataset)
