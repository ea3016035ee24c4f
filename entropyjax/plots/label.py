"""Words for axes, variables and cells, with their units."""

import re
from typing import Any

import numpy as np
import xarray as xr

_WORDS = {"n_agents": "executors"}
_GREEK = ("alpha", "chi", "delta", "Delta", "epsilon", "eta", "kappa", "phi", "rho", "sigma", "tau", "theta", "zeta")
_SYMBOL = re.compile(rf"({'|'.join(_GREEK)}|[A-Za-z])(?:_?(\d+)|_([A-Za-z]+))?(\(0\))?")


def words(name: str) -> str:
    """Return a name in plain words."""
    return _WORDS.get(name, name.replace("_", " "))


def symbol_text(symbol: str) -> str:
    """Return a symbol of the model page as matplotlib shows it: `tau_sys` with a Greek letter and an index."""
    found = _SYMBOL.fullmatch(symbol)
    if found is None:
        return symbol
    letter, digits, index, start = found.groups()
    below = _index(digits or index or "")
    if not below and letter not in _GREEK:
        return symbol
    head = rf"\{letter}" if letter in _GREEK else letter
    return rf"$\mathregular{{{head}{below}}}${start or ''}"


def _index(text: str) -> str:
    if not text:
        return ""
    return rf"_{{\{text}}}" if text in _GREEK else rf"_{{{text}}}"


def unit_text(array: xr.DataArray) -> str:
    """Return the unit, or an empty text for a pure number."""
    return plain_unit(str(array.attrs.get("units", "")))


def plain_unit(unit: str) -> str:
    """Return a unit as it stands in labels, or an empty text for that of a pure number."""
    return {"-": "", "1": "", "step": "steps"}.get(unit, unit)


def axis_label(array: xr.DataArray) -> str:
    """Return words, symbol and unit of a coordinate or variable: `context window W (ktok)`."""
    return full_label(str(array.name), str(array.attrs.get("symbol", "")), str(array.attrs.get("units", "")))


def full_label(name: str, symbol: str, unit: str) -> str:
    """Return the words of a name, its symbol and its unit."""
    unit = plain_unit(unit)
    parts = [words(name), symbol_text(symbol), f"({unit})" if unit else ""]
    return " ".join(part for part in parts if part)


def setting(coordinate: xr.DataArray) -> str:
    """Return a scalar coordinate as an equation: `W = 64 ktok`; `model: star` for a word."""
    value = coordinate.item()
    if isinstance(value, str):
        return f"{words(str(coordinate.name))}: {words(value)}"
    name = symbol_text(str(coordinate.attrs.get("symbol", ""))) or words(str(coordinate.name))
    return f"{name} = {number(value)} {unit_text(coordinate)}".rstrip()


def number(value: Any) -> str:
    """Return a number as a short text: whole ones in full, others with three digits."""
    whole = float(value) == np.round(value) and abs(value) < 1e6
    return f"{int(value)}" if whole else f"{float(value):.3g}"


def cell_title(dataset: xr.Dataset, names: tuple[str, ...]) -> str:
    """Return what a cell fixes, for the title of its panel: `N = 8, W = 64 ktok`."""
    return ", ".join(setting(dataset[name]) for name in names)
