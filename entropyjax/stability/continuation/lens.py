"""The lens: the one parameter that is free along a branch, by its dotted name, with its range and scale."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from entropyjax.params import nearest
from entropyjax.stability.continuation.errors import ContinuationError

Scalar = Float[Array, ""]


class Lens(eqx.Module):
    """Gets and sets one parameter p of a pytree, and measures it by the coordinate p/scale or ln(p)/scale.

    **Attributes:**

    - `name`: where the parameter is: names of fields, keys and places, joined by dots ("inner.rate", "rates.0").
    - `lower`, `upper`: range to continue in; by default the support that the parameter set declares.
    - `log`: whether to step in ln p, for parameters that span decades.
    - `scale`: change of the coordinate that counts as 1; by default 1 with `log`, else half of the range where
      that is finite, else the larger of 1 and the parameter's own size.
    - `symbol`, `unit`: for labels; by default what the parameter set declares.
    """

    name: str = eqx.field(static=True)
    lower: Any = None
    upper: Any = None
    log: bool = eqx.field(static=True, default=False)
    scale: Any = None
    symbol: str = eqx.field(static=True, default="")
    unit: str = eqx.field(static=True, default="")

    def get(self, params: Any) -> Any:
        """Return the value of the parameter.

        **Raises:** `ContinuationError` for a name that leads nowhere; it gives the closest one.
        """
        value = params
        for part in self.name.split("."):
            value = _child(value, part, self.name)
        return value

    def set(self, params: Any, value: Scalar) -> Any:
        """Return `params` with the parameter replaced."""
        return eqx.tree_at(self.get, params, value)

    def value(self, coordinate: Any) -> Scalar:
        """Return the parameter at a coordinate."""
        scaled = coordinate * self.scale
        return jnp.exp(scaled) if self.log else scaled

    def host_value(self, coordinate: np.ndarray) -> np.ndarray:
        """Return the parameter at coordinates, outside of compiled code."""
        scaled = coordinate * float(self.scale)
        return np.exp(scaled) if self.log else scaled

    def coordinate(self, value: float) -> float:
        """Return the coordinate of a value; -inf for ln 0."""
        if self.log:
            value = math.log(value) if value > 0.0 else -math.inf
        return value / float(self.scale)

    def resolve(self, params: Any) -> "Lens":
        """Return this lens with every default filled in for `params`, after checking that the two fit.

        **Raises:** `ContinuationError` for an unknown name, reversed bounds, a start outside of them, or a
        logarithm of a value that is not positive.
        """
        start = self._start(params)
        spec = getattr(params, "specs", dict)().get(self.name)
        support = (spec.support.lower, spec.support.upper) if spec else (-math.inf, math.inf)
        lower = support[0] if self.lower is None else float(self.lower)
        upper = support[1] if self.upper is None else float(self.upper)
        if not lower < upper:
            raise ContinuationError(f"The bounds of {self.name} are [{lower:g}, {upper:g}]; the lower comes first.")
        if lower < support[0] or upper > support[1]:
            raise ContinuationError(
                f"The bounds [{lower:g}, {upper:g}] of {self.name} leave its support "
                f"[{support[0]:g}, {support[1]:g}]; stay within it."
            )
        if not lower <= start <= upper:
            raise ContinuationError(
                f"{self.name} starts at {start:g}, outside its bounds [{lower:g}, {upper:g}]; widen them, or "
                "start within."
            )
        if self.log and start <= 0.0:
            raise ContinuationError(f"{self.name} = {start:g} has no logarithm; use log=False.")
        return Lens(
            name=self.name,
            lower=_array(lower),
            upper=_array(upper),
            log=self.log,
            scale=_array(self._scale(lower, upper, start)),
            symbol=self.symbol or (spec.symbol if spec else ""),
            unit=self.unit or (spec.unit if spec else "-"),
        )

    def _start(self, params: Any) -> float:
        value = self.get(params)
        if not isinstance(value, (float, int, np.ndarray, np.number, Array)) or np.shape(value) != ():
            raise ContinuationError(f"{self.name} is {value!r}, not one number; continue one parameter of one lane.")
        return float(value)

    def _scale(self, lower: float, upper: float, start: float) -> float:
        if self.scale is not None:
            if not 0.0 < float(self.scale) < math.inf:
                raise ContinuationError(f"The scale of {self.name} is {float(self.scale):g}; it must be positive.")
            return float(self.scale)
        if self.log:
            return 1.0
        half = 0.5 * (upper - lower)
        return half if math.isfinite(half) else max(abs(start), 1.0)


def as_lens(lens: Lens | str) -> Lens:
    """Return a lens; a name alone stands for one with every default."""
    return Lens(lens) if isinstance(lens, str) else lens


def _array(value: float) -> Scalar:
    # An array and no float: a new range compiles nothing anew.
    return jnp.asarray(value, jnp.float64)


def _child(node: Any, part: str, name: str) -> Any:
    if isinstance(node, Mapping) and part in node:
        return node[part]
    if isinstance(node, Sequence) and part.isdigit() and int(part) < len(node):
        return node[int(part)]
    known = list(_names(node))
    if part in known and not isinstance(node, Mapping):
        return getattr(node, part)
    hint = nearest(part, known) if known else f"{type(node).__name__} has no parts."
    raise ContinuationError(f"'{name}' is not a parameter of this problem: there is no '{part}'; {hint}")


def _names(node: Any) -> Iterable[str]:
    if isinstance(node, Mapping):
        return map(str, node)
    if dataclasses.is_dataclass(node):
        return (field.name for field in dataclasses.fields(node))
    if hasattr(node, "_fields"):
        return node._fields
    return map(str, range(len(node))) if isinstance(node, Sequence) else ()
