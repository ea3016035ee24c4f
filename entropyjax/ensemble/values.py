"""Values by name: the numbers that all trajectories of an ensemble share, and by which means are differentiated."""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from jax.core import Tracer

from entropyjax.ensemble.population import JointSamples, Samples
from entropyjax.ensemble.request import Ensemble, EnsembleError
from entropyjax.params import check_value, nearest, replace
from entropyjax.solve import Criteria

E = TypeVar("E", bound=Ensemble)

CRITERIA = tuple(field.name for field in dataclasses.fields(Criteria))


def value_names(ensemble: Ensemble) -> list[str]:
    """Return the names of all values: parameters, fields of distributions as `evidence.mean`, and criteria."""
    taken = {*ensemble.cells, *ensemble.cell_criteria, *ensemble.population}
    names = [name for name in (*type(ensemble.constants).specs(), *CRITERIA) if name not in taken]
    for drawn, distribution in ensemble.population.items():
        if not isinstance(distribution, Samples | JointSamples):
            names += [f"{drawn}.{field.name}" for field in dataclasses.fields(distribution)]
    return names


def check_values(ensemble: Ensemble, values: Mapping[str, Any]) -> None:
    """Raise `EnsembleError` or `ParameterError` unless `values` are numbers that this ensemble has by these names."""
    known = value_names(ensemble)
    for name, value in values.items():
        if name not in known:
            raise EnsembleError(_unknown(ensemble, name, known))
        if np.shape(value) != ():
            raise EnsembleError(
                f"{name} must be one number that all trajectories share, not an array of shape {np.shape(value)}."
            )
        if name in type(ensemble.constants).specs() and not isinstance(value, Tracer):
            check_value(type(ensemble.constants), name, value)


def _unknown(ensemble: Ensemble, name: str, known: list[str]) -> str:
    if name in ensemble.cells or name in ensemble.cell_criteria:
        return f"{name} is swept, so its cells have values of their own; take it out of the sweep or out of the values."
    if name in ensemble.population:
        fields = [other for other in known if other.startswith(f"{name}.")]
        remedy = f"name {' or '.join(fields)} instead" if fields else "measured samples have no parameters"
        return f"{name} is drawn anew for each trajectory; {remedy}."
    return f"'{name}' is not a value of this ensemble; {nearest(name, known)}"


def with_values(ensemble: E, values: Mapping[str, Any]) -> E:
    """Return the ensemble with the values by these names replaced."""
    constants, criteria, population = {}, {}, dict(ensemble.population)
    for name, value in values.items():
        drawn, _, field = name.partition(".")
        if field:
            population[drawn] = dataclasses.replace(population[drawn], **{field: value})
        else:
            (criteria if name in CRITERIA else constants)[name] = value
    return dataclasses.replace(
        ensemble,
        constants=replace(ensemble.constants, constants),
        criteria=dataclasses.replace(ensemble.criteria, **criteria),
        population=population,
    )
