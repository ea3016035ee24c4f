"""Make, read, change and check parameter sets by name (the lens of the library)."""

from collections.abc import Mapping
from typing import Any, TypeVar

import jax
import jax.core
import jax.numpy as jnp
import numpy as np

from entropyjax.params.names import nearest
from entropyjax.params.spec import AbstractParams

P = TypeVar("P", bound=AbstractParams)
T = TypeVar("T")


class ParameterError(ValueError):
    """A parameter that does not exist or a value outside its bounds; the message says what to do."""


def check_value(cls: type[AbstractParams], name: str, value: Any) -> None:
    """Raise `ParameterError` unless `name` is a parameter of `cls` and every entry of `value` is admissible."""
    specs = cls.specs()
    if name not in specs:
        raise ParameterError(f"'{name}' is not a parameter of this model; {nearest(name, specs)}")
    spec = specs[name]
    array = np.asarray(value)
    if array.dtype.kind not in "iuf":
        raise ParameterError(f"{name} must be a number in {spec.unit}, not {value!r}.")
    for entry in np.ravel(array):
        if float(entry) not in spec.support:
            raise ParameterError(
                f"{name} = {float(entry):g} {_unit(spec.unit)}is outside {spec.support}: {spec.doc} "
                f"Choose a value in {spec.support}; the default is {spec.default:g}."
            )


def check_has(params: Any, cls: type[AbstractParams], what: str) -> None:
    """Raise `ParameterError` unless `params` has every parameter of `cls`, which `what` is of."""
    missing = [name for name in cls.specs() if not hasattr(params, name)]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ParameterError(
            f"{what} needs the parameters of an orchestrator, and {type(params).__name__} has no {missing[0]}{more}; "
            "take those of a star, as Star().params()."
        )


def _unit(unit: str) -> str:
    return "" if unit == "-" else f"{unit} "


def make(cls: type[P], values: Mapping[str, Any]) -> P:
    """Build a parameter set from values by name, the rest at their defaults.

    Values that are being traced (under `jax.grad`, `jax.vmap`) have no number yet and are not checked.

    **Raises:** `ParameterError` for an unknown name or a value outside its bounds.
    """
    for name, value in values.items():
        if not isinstance(value, jax.core.Tracer):
            check_value(cls, name, value)
    return cls(**{name: float(value) if isinstance(value, int) else value for name, value in values.items()})


def get(params: AbstractParams, name: str) -> Any:
    """Return the value of the parameter `name`."""
    if name not in params.specs():
        raise ParameterError(f"'{name}' is not a parameter of this model; {nearest(name, params.specs())}")
    return getattr(params, name)


def replace(params: P, values: Mapping[str, Any]) -> P:
    """Return `params` with the leaves named in `values` replaced; traced values are allowed and unchecked."""
    current = {name: getattr(params, name) for name in params.specs()}
    for name in values:
        if name not in current:
            raise ParameterError(f"'{name}' is not a parameter of this model; {nearest(name, current)}")
    return type(params)(**{**current, **values})


def cast(tree: T, dtype: Any) -> T:
    """Return `tree` with every leaf an array of the floating type `dtype`."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), tree)
