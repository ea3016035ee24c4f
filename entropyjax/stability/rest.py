"""Fixed points as roots of one scalar function: the drift of the context where all else has come to rest."""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax import lax

from entropyjax.models.orchestrator import AbstractOrchestrator
from entropyjax.solve.masked import any_lane
from entropyjax.stability.enclosure import Enclosed, interval as iv

FAR = 1e30
"""A context in ktok beyond all meaning."""


def residual(model: AbstractOrchestrator, progress: Any, params: Any) -> Callable[[Any], Any]:
    """Return F(c), the drift of the context in ktok/step at x = u(s, c); its roots are the fixed points."""

    def drift(context: Any) -> Any:
        state = model.at_rest(context, progress, params)
        return model.drift(jnp.zeros((), jnp.result_type(context)), state, params).context

    return drift


def search_range(enclosed: Enclosed, ceiling: Any, doublings: int = 40) -> tuple[Any, Any, Any]:
    """Return ends beyond which F has no root, and whether that is proven for the upper one.

    F < 0 on [high, FAR], by interval arithmetic; `high` is doubled until it holds. The lower end lies a little
    below 0, where forgetting adds.

    **Arguments:** `ceiling`: where the search begins, infinite if nothing is ever forgotten.
    """
    finite = ceiling < jnp.inf
    start = jnp.where(finite, 1.0001 * ceiling + 1e-3, 1.0)

    def proven(high: Any) -> Any:
        return iv.negative(enclosed.within(high, jnp.full_like(high, FAR)))

    def test(state: Any) -> Any:
        _, done, count = state
        return any_lane(jnp.any(~done & finite)) & (count < doublings)

    def step(state: Any) -> Any:
        high, done, count = state
        high = jnp.where(done, high, 2.0 * high)
        return high, done | proven(high), count + 1

    high, done, _ = lax.while_loop(test, step, (start, proven(start), jnp.zeros((), jnp.int32)))
    return -1e-3 * high, high, done
