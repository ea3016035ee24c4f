"""Derivatives that stay finite where a lane fails."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from entropyjax.results import Failure
from entropyjax.solve.scan import AbstractFixedStep, failure_code

M = TypeVar("M", bound=AbstractFixedStep)


def guarded(method: M) -> M:
    """Return the method with the same steps, and no derivative across a step that fails.

    A lane that fails stays as it was before that step, so its cotangents are zero there; but in reverse mode zero
    times the infinite derivative of an overflow is NaN, which a sum over lanes would spread to all. Hence the
    tangents that go into the step are masked, and not its result alone; so are those of the drift at the end of a
    step, which may overflow at a state that does not. Each step is linearised as a whole, which by itself makes
    the way back cheaper: on 2 CPU cores by a sixth, in one run of jax 0.10.2.
    """
    return _guarded(type(method))(**vars(method))


@functools.cache
def _guarded(cls: Any) -> Any:
    class Guarded(cls):
        def integrate(self, problem: Any) -> Any:
            return super().integrate(problem._replace(model=_Model(problem.model)))

        def step(self, model: Any, *args: Any) -> Any:
            plain = functools.partial(super().step, model.plain)
            return _masked(plain, lambda state: failure_code(state) == Failure.NONE)(*args)

    return Guarded


class _Model:
    """A model whose drift has no derivative where it overflows."""

    def __init__(self, plain: Any):
        self.plain = plain

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plain, name)

    def drift(self, *args: Any) -> Any:
        return _masked(self.plain.drift, _far_from_overflow)(*args)


def _far_from_overflow(slope: Any) -> Any:
    """Return whether all components are below the root of the largest number; a lane beyond fails in its next step."""
    small = [jnp.all(jnp.abs(leaf) < jnp.sqrt(jnp.finfo(leaf.dtype).max)) for leaf in jax.tree.leaves(slope)]
    return functools.reduce(jnp.logical_and, small)


def _masked(function: Callable[..., Any], good: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return the function with a derivative that is zero where `good` does not hold of its result."""

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
        keep = good(out)
        return out, push(*(jnp.where(keep, slopes[place], jnp.zeros_like(slopes[place])) for place in active))

    masked.defjvp(rule, symbolic_zeros=True)
    return masked
