"""Models whose derivatives stay finite where a lane fails."""

import functools
import operator
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from entropyjax.models import AbstractModel

M = TypeVar("M", bound=AbstractModel)


def guarded(model: M) -> M:
    """Return the model with the same drift and diffusion, but without derivatives where these are not finite.

    A lane that fails is left as it was before the step that failed, and its cotangents are zero from there on;
    but in reverse mode zero times the infinite derivative of an overflow is NaN, which a sum over lanes
    would spread to all. Hence both tangents in and tangents out have to be masked, not the result alone.
    """
    new = object.__new__(_guarded(type(model)))
    for name, value in vars(model).items():
        object.__setattr__(new, name, value)
    return new


@functools.cache
def _guarded(cls: Any) -> Any:
    class Guarded(cls):
        def drift(self, t: Any, state: Any, params: Any) -> Any:
            return finite(super().drift)(t, state, params)

        def diffusion(self, t: Any, state: Any, params: Any) -> Any:
            return finite(super().diffusion)(t, state, params)

    return Guarded


def finite(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with derivative zero wherever one of its values is not finite."""

    @jax.custom_jvp
    def masked(*args: Any) -> Any:
        return function(*args)

    def rule(primals: Any, tangents: Any) -> Any:
        leaves, tree = jax.tree.flatten(primals)
        slopes = jax.tree.leaves(tangents)
        active = [place for place, slope in enumerate(slopes) if not isinstance(slope, SymbolicZero)]

        def of_active(*values: Any) -> Any:
            whole = list(leaves)
            for place, value in zip(active, values, strict=True):
                whole[place] = value
            return function(*jax.tree.unflatten(tree, whole))

        out, push = jax.linearize(of_active, *(leaves[place] for place in active))
        good = functools.reduce(operator.and_, [jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(out)])
        return out, push(*(jnp.where(good, slopes[place], jnp.zeros_like(slopes[place])) for place in active))

    masked.defjvp(rule, symbolic_zeros=True)
    return masked
