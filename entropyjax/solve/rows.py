"""The saved rows of one lane, filled one by one as its own time passes them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
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

        def blank(value: Any) -> Any:
            return lax.empty((intervals + 2, *jnp.shape(value)), jnp.result_type(value))

        return cls(jax.tree.map(blank, like), jnp.ones((), jnp.int32))

    def fill(self, due: Callable[[Int[Array, ""]], Bool[Array, ""]], values: Values) -> "Rows":
        """Return the rows with every one filled that is due, in order."""

        def write(rows: Rows) -> Rows:
            row, wanted = rows.following, due(rows.following)

            def put(column: Any, value: Any) -> Any:
                place = jnp.where(wanted, row, column.shape[0] - 1)
                return lax.dynamic_update_index_in_dim(column, value, place, 0, allow_negative_indices=False)

            return Rows(jax.tree.map(put, rows.values, values(row)), row + wanted.astype(jnp.int32))

        return masked_while(lambda rows: due(rows.following), write, self)

    def saved(self, first: Any, unreached: Any, intervals: int) -> Any:
        """Return rows 0 to K: `first`, those that were filled, then `unreached`."""

        def read(row: Int[Array, ""], _: None) -> tuple[Int[Array, ""], Any]:
            def get(column: Any, start: Any, filler: Any) -> Any:
                value = lax.dynamic_index_in_dim(column, row, 0, keepdims=False, allow_negative_indices=False)
                return jnp.where(row == 0, start, jnp.where(row < self.following, value, filler))

            return row + 1, jax.tree.map(get, self.values, first, unreached)

        return lax.scan(read, jnp.int32(0), None, length=intervals + 1)[1]
