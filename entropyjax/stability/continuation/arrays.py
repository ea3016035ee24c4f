"""Float64 and nothing else: eight digits of a bifurcation point leave no room for less."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from entropyjax.stability.continuation.errors import ContinuationError


def require_float64() -> None:
    """Raise `ContinuationError` unless JAX computes in float64."""
    if jnp.result_type(float) != jnp.float64:
        raise ContinuationError(
            "Continuation needs float64, and JAX is set to float32; run it under jax.enable_x64(True), or call "
            "jax.config.update('jax_enable_x64', True) at the start of the program."
        )


def as_float64(tree: Any, what: str) -> Any:
    """Return `tree` with its numbers as float64 arrays, so that a new value compiles nothing anew.

    **Raises:** `ContinuationError` for a number that is not finite or was stored with fewer digits.
    """
    return jax.tree.map(lambda leaf: _number(leaf, what), tree)


def _number(leaf: Any, what: str) -> Any:
    if isinstance(leaf, bool) or not isinstance(leaf, (float, int, np.ndarray, np.number, jax.Array)):
        return leaf
    array = np.asarray(leaf)
    if array.dtype.kind == "f" and array.dtype != np.float64:
        raise ContinuationError(f"The {what} hold numbers of type {array.dtype}; continuation needs them as float64.")
    if array.dtype.kind not in "iuf":
        return leaf
    if not np.isfinite(array).all():
        raise ContinuationError(f"The {what} hold {array!r}, which is not finite; continuation starts from numbers.")
    return jnp.asarray(array, jnp.float64)
