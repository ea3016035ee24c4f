"""Elasticities: by how much, relatively, a quantity moves with each parameter."""

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from entropyjax.params import cast
from entropyjax.params.spec import AbstractParams
from entropyjax.results import Criterion


class Elasticities(eqx.Module):
    """d ln(quantity) / d ln(parameter) for every parameter; printed, the largest first and in words.

    **Attributes:**

    - `quantity`, `value`: its name and its value.
    - `criterion`: what kind of critical value it is, "" if it is none.
    - `by`: the elasticities by the parameter's name; that of a parameter that is 0 is 0.
    """

    quantity: str = eqx.field(static=True)
    value: Any
    criterion: str = eqx.field(static=True)
    by: Mapping[str, Any]

    def ranked(self) -> list[tuple[str, float]]:
        """Return names and elasticities that are not 0, the largest in size first."""
        pairs = [(name, float(value)) for name, value in self.by.items() if float(value) != 0.0]
        return sorted(pairs, key=lambda pair: -abs(pair[1]))

    def __str__(self) -> str:
        if np.ndim(self.value):
            return f"Elasticities of {np.size(self.value)} values of the {self.quantity}."
        value = float(self.value)
        lines = [f"{self.quantity} = {value:.6g}{f' ({self.criterion})' if self.criterion else ''}"]
        for name, power in self.ranked():
            moved = value * 2.0**-power
            lines.append(f"  {power:+8.4f}  halving {name} moves it to about {moved:.4g}")
        still = [name for name, power in self.by.items() if float(power) == 0.0]
        return "\n".join([*lines, f"  elasticity 0 here: {', '.join(still) or 'none'}"])


def elasticities(function: Callable[[Any], Any], params: AbstractParams, quantity: str | None = None) -> Elasticities:
    """Return the elasticities of a positive quantity by all parameters, from one gradient.

    **Arguments:**

    - `function`: of the parameters, returning a number, or a result with a `value` such as that of `critical_agents`.
    - `quantity`: its name in print, by default that of the function.
    """
    name = quantity or getattr(function, "__name__", "quantity").replace("_", " ")
    params = cast(params, jnp.result_type(float))

    def value(params: Any) -> tuple[Any, Any]:
        out = function(params)
        return getattr(out, "value", out), getattr(out, "criterion", None)

    (number, code), slope = jax.jit(jax.value_and_grad(value, has_aux=True))(params)
    by = {field: getattr(params, field) * getattr(slope, field) / number for field in params.specs()}
    return Elasticities(name, number, _criterion(code), by)


def _criterion(code: Any) -> str:
    return "" if code is None else Criterion(int(code)).name.lower()
