"""Which part of a dataset a figure shows: its axes, one value of each axis that is not drawn."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from entropyjax.params import nearest
from entropyjax.plots.errors import PlotError
from entropyjax.plots.label import number

Select = Mapping[str, Any]
_CLOSE = 1e-3


def sweep_axes(dataset: xr.Dataset) -> tuple[str, ...]:
    """Return the names of the axes of the sweep, in their order."""
    return tuple(str(dim) for dim in variable(dataset, "collapse_probability").dims)


def is_numeric(dataset: xr.Dataset, name: str) -> bool:
    """Return whether an axis has numbers as values and not words."""
    return dataset[name].dtype.kind in "iuf"


def variable(dataset: xr.Dataset, name: str) -> xr.DataArray:
    """Return a variable of the dataset, or raise what it has instead."""
    if name not in dataset:
        raise PlotError(f"The dataset has no variable '{name}'; {nearest(name, map(str, dataset.data_vars))}")
    return dataset[name]


def choose(dataset: xr.Dataset, select: Select | None) -> xr.Dataset:
    """Return the dataset at one value of each axis in `select`.

    A number matches a value of the axis to three digits: an axis is never read where it has no value.
    """
    for name, value in (select or {}).items():
        if name not in dataset.dims:
            raise PlotError(f"select names '{name}', and {_has(dataset)}.")
        dataset = dataset.isel({name: _place(dataset[name], value)})
    return dataset


def reduced(
    dataset: xr.Dataset, value: str, keep: Sequence[str], select: Select | None, *, words: bool = False
) -> xr.Dataset:
    """Return the dataset with the axes in `keep` sorted and every other axis of `value` selected away.

    **Arguments:** `words`: whether the axes may have words as values; then they keep their order.
    """
    variable(dataset, value)
    dataset = choose(dataset, select)
    left = [str(dim) for dim in dataset[value].dims]
    for name in keep:
        if name not in left:
            raise PlotError(f"The figure needs the axis '{name}', and {_has(dataset)}; {_hint(keep)}")
        if not (words or is_numeric(dataset, name)):
            raise PlotError(f"The axis '{name}' has words as values ({_values(dataset[name])}); {_hint(keep)}")
    for name in left:
        if name not in keep:
            raise PlotError(leftover(dataset[name]))
    return dataset if words else dataset.sortby(list(keep))


def spread(count: int, most: int) -> list[int]:
    """Return at most `most` of the places 0 .. count - 1, evenly spread, both ends included."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, most))})


def leftover(axis: xr.DataArray, where: str = "select") -> str:
    """Return the sentence that says how to choose a value of an axis that is not drawn."""
    example = axis.values[0].item() if hasattr(axis.values[0], "item") else axis.values[0]
    text = repr(example) if isinstance(example, str) else number(example)
    how = f"{where}={{'{axis.name}': {text}}}" if where == "select" else f"{{'{axis.name}': {text}, ...}}"
    return f"The dataset also has the axis '{axis.name}' ({_values(axis)}); choose one of its values, as in {how}."


def _hint(keep: Sequence[str]) -> str:
    if len(keep) == 2:
        return "name two axes of numbers with x=... and y=..., or draw one axis with line_diagram."
    return "name another axis with x=...."


def _has(dataset: xr.Dataset) -> str:
    names = [f"'{name}'" for name in sweep_axes(dataset)]
    return f"the dataset has the axes {', '.join(names)}" if names else "the dataset has no axes (one cell)"


def _values(axis: xr.DataArray) -> str:
    values = axis.values.tolist()
    texts = [value if isinstance(value, str) else number(value) for value in values]
    return ", ".join(texts) if len(texts) <= 6 else f"{len(texts)} values from {texts[0]} to {texts[-1]}"


def _place(axis: xr.DataArray, value: Any) -> int:
    values = axis.values
    if axis.dtype.kind not in "iuf":
        found = [i for i, item in enumerate(values) if str(item) == str(value)]
    elif isinstance(value, str):
        found = []
    else:
        closest = int(np.argmin(np.abs(values - value)))
        found = [closest] if abs(values[closest] - value) <= _CLOSE * abs(value) else []
    if not found:
        raise PlotError(f"The axis '{axis.name}' has no value {value!r}; it has {_values(axis)}.")
    return found[0]
