"""Draws of a posterior from whatever holds them."""

import json
import os
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr

from entropyjax.inference.draws import ParameterDraws, parameter_draws
from entropyjax.inference.posterior import Posterior
from entropyjax.io.posterior import read_posterior
from entropyjax.io.store import open_result
from entropyjax.jobs.errors import JobError
from entropyjax.jobs.fit_data import KIND
from entropyjax.jobs.fit_summary import contraction
from entropyjax.models import MODELS

Source = Posterior | ParameterDraws | xr.Dataset | str | os.PathLike


def draws_of(source: Source, condition: int | str = 0) -> ParameterDraws:
    """Return the draws that a posterior, a fit or a file of either holds of one condition.

    **Raises:** `JobError`, `ConfigError` or `StoreError` with a sentence each.
    """
    if isinstance(source, ParameterDraws):
        return source
    if isinstance(source, Posterior):
        place = _place(source.problem.units.conditions.names, condition)
        with jax.enable_x64(True):
            return parameter_draws(source, place)
    if not isinstance(source, xr.Dataset):
        if Path(source).suffix == ".toml":
            return read_posterior(source)
        source = open_result(source)
    return _of_fit(source, condition)


def _of_fit(fit: xr.Dataset, condition: int | str) -> ParameterDraws:
    if fit.attrs.get("kind") != KIND:
        raise JobError(f"This is a result of kind '{fit.attrs.get('kind', 'sweep')}' and no fit; take one of fit.")
    place = _place([str(name) for name in fit.condition_name.values], condition)
    model: Any = MODELS.get(fit.attrs["model"])()
    here = fit.params.isel(condition=place)
    columns = {str(name): here.sel(parameter=name).values.astype(float) for name in here.parameter.values}
    effects, widths = {}, {}
    for free in json.loads(fit.attrs["free"]):
        name = free["name"]
        label = _label(fit, name, columns.get(name))
        widths[name] = contraction(fit, label)
        if name not in columns:
            effects[name] = fit.posterior.sel(label=label).values.astype(float)
    widths |= {name: widths[other] for name, (other, _) in json.loads(fit.attrs["ties"]).items() if other in widths}
    name = str(fit.condition_name.values[place])
    return ParameterDraws(
        model=model,
        params=model.Params(**columns),
        effects=effects,
        widths=widths,
        condition=name,
        method=fit.attrs["method"],
        steps=fit.sizes["step"],
        observed=tuple(fit.attrs["observed"].split(", ")),
    )


def _label(fit: xr.Dataset, name: str, column: np.ndarray | None) -> str:
    """Return the label of the free value that a parameter takes in the condition: the one whose draws it has."""
    labels = [str(label) for label in fit.label.values if str(label).split("[", maxsplit=1)[0] == name]
    if column is None:
        return labels[0]
    return next((label for label in labels if np.array_equal(fit.posterior.sel(label=label), column)), labels[0])


def _place(names: Any, condition: int | str) -> int:
    names = list(names)
    if isinstance(condition, str):
        if condition not in names:
            raise JobError(f"'{condition}' is not a condition of this posterior; it has {'; '.join(names)}.")
        return names.index(condition)
    if not 0 <= condition < len(names):
        raise JobError(f"condition = {condition} is none of the {len(names)} conditions, which count from 0.")
    return condition
