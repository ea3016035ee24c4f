"""What a parameter is: its default, unit, support and meaning, declared once beside its name."""

import dataclasses
from collections.abc import Mapping
from typing import Any, dataclass_transform

import equinox as eqx

from entropyjax.params.support import Support

_KEY = "entropyjax"


@dataclasses.dataclass(frozen=True)
class Parameter:
    """Specification of one scalar parameter of a model.

    **Attributes:**

    - `name`: the field's name in code, TOML and results.
    - `symbol`: the symbol in the model page.
    - `default`: the value that presets and the demo start from, in `unit`.
    - `unit`: unit of the value; `"-"` for a pure number.
    - `support`: the set of admissible values and its bijector.
    - `doc`: one sentence of meaning.
    """

    name: str
    symbol: str
    default: float
    unit: str
    support: Support
    doc: str


def parameter(default: float, unit: str, support: Support, symbol: str, doc: str) -> Any:
    """Declare a parameter as a field of an `AbstractParams` class."""
    return eqx.field(default=default, metadata={_KEY: (symbol, unit, support, doc)})


def shared(cls: "type[AbstractParams]", name: str) -> Any:
    """Declare a parameter as the field of another set that it is: the same default, unit, support and meaning."""
    spec = cls.specs()[name]
    return parameter(spec.default, spec.unit, spec.support, spec.symbol, spec.doc)


@dataclass_transform(field_specifiers=(parameter, shared))
class AbstractParams(eqx.Module):
    """Base of the parameter sets: an immutable pytree with one scalar leaf per parameter.

    Subclasses declare each field with `parameter(...)`. Leaves are Python floats when made by hand and
    arrays inside a computation; both are valid.
    """

    @classmethod
    def specs(cls) -> Mapping[str, Parameter]:
        """Return the specification of each parameter by name, in order of declaration."""
        out = {}
        for field in dataclasses.fields(cls):
            symbol, unit, support, doc = field.metadata[_KEY]
            out[field.name] = Parameter(field.name, symbol, float(field.default), unit, support, doc)  # type: ignore[arg-type]
        return out
