"""The saved rows of one lane, filled one by one as its own time passes them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import custom_batching, lax
from jaxtyping import Array, Bool, Int

from entropyjax.solve.masked import masked_while

Values = Callable[[Int[Array, ""]], Any]
"""Called as values(row): what to save in a row; in lanes in which it is not due it is thrown away."""


class Rows(NamedTuple):
    """Rows 1 to K of every saved value, in arrays of K+2; the last one takes what lanes without a due row write.

    What a lane has not written is undefined: kernels keep the arrays in memory that nobody clears.

    **Attributes:** `values`: a pytree of arrays; `following`: the next row to fill.
    """

    values: Any
    following: Int[Array, ""]

    @classmethod
    def start(cls, like: Any, intervals: int) -> "Rows":
        """Return rows of which none is filled, for values `like` these."""

        def column(value: Any) -> Any:
            return _blank((intervals + 2, *jnp.shape(value)), jnp.result_type(value))

        return cls(jax.tree.map(column, like), jnp.ones((), jnp.int32))

    def fill(self, due: Callable[[Int[Array, ""]], Bool[Array, ""]], values: Values) -> "Rows":
        """Return the rows with every one filled that is due, in order."""

        def write(rows: Rows) -> Rows:
            row, wanted = rows.following, due(rows.following)

            def put(column: Any, value: Any) -> Any:
                place = jnp.where(wanted, row, column.shape[0] - 1)
                return lax.dynamic_update_index_in_dim(column, value, place, 0, allow_negative_indices=False)

            return Rows(jax.tree.map(put, rows.values, values(row)), row + wanted.astype(jnp.int32))

        return masked_while(lambda rows: due(rows.following), write, self)

    def saved(self, first: Any, unreached: Any) -> Any:
        """Return rows 0 to K: `first`, those that were filled, then `unreached`."""
        return _read(self, first, unreached)


def _blank(shape: tuple[int, ...], dtype: Any) -> Any:
    """Return an array that holds anything, the same in a whole batch; JAX would make one for every lane of it."""

    @custom_batching.custom_vmap
    def make(seed: Any) -> Any:
        del seed
        return lax.empty(shape, dtype)

    @make.def_vmap
    def _(size: int, batched: list[bool], seed: Any) -> tuple[Any, bool]:
        del size, batched
        return make(seed), False

    return make(np.int32(0))


# A call of its own: kernels take it row by row.
@jax.jit
def _read(rows: Rows, first: Any, unreached: Any) -> Any:
    def get(column: Any, start: Any, filler: Any) -> Any:
        row = lax.broadcasted_iota(jnp.int32, (column.shape[0] - 1, *jnp.shape(start)), 0)
        wide = [jnp.broadcast_to(value, row.shape) for value in (start, filler)]
        return jnp.where(row == 0, wide[0], jnp.where(row < rows.following, column[:-1], wide[1]))

    return jax.tree.map(get, rows.values, first, unreached)
