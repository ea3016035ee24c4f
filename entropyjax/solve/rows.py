"""The saved rows of one lane, filled one by one as its own time passes them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Int

from entropyjax.solve.masked import masked_while

Values = Callable[[Int[Array, ""], Bool[Array, ""]], Any]
"""Called as values(row, wanted): what to save in a row; where `wanted` fails it is thrown away."""


class Rows(NamedTuple):
    """Rows 0 to K of every saved value, and one more that takes what lanes without a due row write.

    **Attributes:** `values`: a pytree of arrays of K+2 rows; `following`: the next row to fill.
    """

    values: Any
    following: Int[Array, ""]

    @classmethod
    def start(cls, first: Any, unreached: Any, intervals: int) -> "Rows":
        """Return K+2 rows: `first`, then `unreached`."""

        def stack(value: Any, filler: Any) -> Any:
            return _put(jnp.broadcast_to(filler, (intervals + 2, *jnp.shape(filler))), value, jnp.int32(0))

        return cls(jax.tree.map(stack, first, unreached), jnp.ones((), jnp.int32))

    def fill(self, due: Callable[[Int[Array, ""]], Bool[Array, ""]], values: Values) -> "Rows":
        """Return the rows with every one filled that is due, in order."""

        def write(rows: Rows) -> Rows:
            row, wanted = rows.following, due(rows.following)

            def put(column: Any, value: Any) -> Any:
                return _put(column, value, jnp.where(wanted, row, column.shape[0] - 1))

            new = jax.tree.map(put, rows.values, values(row, wanted))
            return Rows(new, row + wanted.astype(jnp.int32))

        return masked_while(lambda rows: due(rows.following), write, self)

    def saved(self) -> Any:
        """Return rows 0 to K."""
        return jax.tree.map(lambda column: column[:-1], self.values)


def _put(column: Any, value: Any, row: Int[Array, ""]) -> Any:
    return lax.dynamic_update_index_in_dim(column, value, row, 0, allow_negative_indices=False)
