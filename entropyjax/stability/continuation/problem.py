"""The problem: a residual, its parameters, and the lens on the one that is free."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from entropyjax.stability.continuation.arrays import as_float64, require_float64
from entropyjax.stability.continuation.errors import ContinuationError
from entropyjax.stability.continuation.lens import Lens, as_lens

Residual = Callable[[Any, Any], Any]
"""Called as `residual(state, params)`; returns f in the structure of the state. Of an ODE it is the drift."""
Record = Callable[[Any, Any], Mapping[str, Array]]
"""Called as `record(state, params)`; returns named numbers to keep beside each point."""
INFINITE = (-jnp.inf, jnp.inf)


class Quantity(NamedTuple):
    """Symbol and unit of something that can be drawn."""

    symbol: str
    unit: str


class Problem(eqx.Module):
    """Equilibria f(y, p) = 0 of dy/dt = f(y, p) along one parameter.

    **Attributes:**

    - `residual`: f, in JAX, for one lane.
    - `state0`: pytree of float64 arrays near an equilibrium at `params`; it fixes the structure of y.
    - `params`: pytree of parameters.
    - `lens`: the free parameter.
    - `lower`, `upper`: bounds of the state, each like `state0`; a branch ends where it meets one.
    - `scale`: change of each component that counts as 1, like `state0`; by default the larger of 1 and its
      size in `state0`. All norms, steps and tolerances are in scaled units.
    - `record`: named numbers to keep beside each point, described by `quantities`.
    """

    residual: Residual
    state0: Any
    params: Any
    lens: Lens
    lower: Any
    upper: Any
    scale: Any
    record: Record | None
    quantities: tuple[tuple[str, Quantity], ...] = eqx.field(static=True)

    def __init__(
        self,
        residual: Residual,
        state0: Any,
        params: Any,
        lens: Lens | str,
        *,
        bounds: tuple[Any, Any] = INFINITE,
        scale: Any = None,
        record: Record | None = None,
        quantities: Mapping[str, Quantity] | None = None,
    ):
        """Check what is given and fill in what is not.

        **Arguments:** as the attributes; `lens` may be a name; `bounds`: lower and upper bound of the state, each
        one number or like `state0`.

        **Raises:** `ContinuationError` naming what does not fit.
        """
        require_float64()
        self.residual, self.record = residual, record
        self.state0 = as_float64(state0, "start state")
        self.params = as_float64(params, "parameters")
        self.lens = as_lens(lens).resolve(self.params)
        self.lower, self.upper = (_like(bound, self.state0, "bounds") for bound in bounds)
        typical = jax.tree.map(lambda leaf: jnp.maximum(jnp.abs(leaf), 1.0), self.state0)
        self.scale = typical if scale is None else _like(scale, self.state0, "scale")
        self.quantities = tuple((quantities or {}).items())

    def __check_init__(self) -> None:
        lower, upper, state, scale = (_flat(tree) for tree in (self.lower, self.upper, self.state0, self.scale))
        if not (lower < upper).all():
            raise ContinuationError(f"The state's bounds are {lower} and {upper}; each lower one must be the smaller.")
        if not ((lower <= state) & (state <= upper)).all():
            raise ContinuationError(f"The start state {state} is outside its bounds {lower} to {upper}.")
        if not ((scale > 0.0) & np.isfinite(scale)).all():
            raise ContinuationError(f"The state's scale is {scale}; every entry must be positive.")
        out = jax.eval_shape(self.residual, self.state0, self.params)
        if sum(leaf.size for leaf in jax.tree.leaves(out)) != self.size:
            raise ContinuationError(f"The residual returns {out} for a state of {self.size} numbers; it needs as many.")

    @property
    def size(self) -> int:
        """Number n of components of the state."""
        return sum(leaf.size for leaf in jax.tree.leaves(self.state0))

    def names(self) -> tuple[str, ...]:
        """Return a name for each component of the state, in the order of its flat form."""
        out = []
        for path, leaf in jax.tree_util.tree_leaves_with_path(self.state0):
            name = jax.tree_util.keystr(path, simple=True, separator=".") or "y"
            places = [""] if leaf.ndim == 0 else [f"[{','.join(map(str, at))}]" for at in np.ndindex(leaf.shape)]
            out += [name + place for place in places]
        return tuple(out)

    def unravel(self, flat: Float[Array, " n"]) -> Any:
        """Return a state from its flat form."""
        return ravel_pytree(self.state0)[1](flat)

    def host_unravel(self, flat: Float[np.ndarray, "rows n"]) -> Any:
        """Return states from their flat form, as numpy arrays with a leading axis."""
        leaves, treedef = jax.tree.flatten(self.state0)
        parts = np.split(flat, np.cumsum([leaf.size for leaf in leaves])[:-1], axis=1)
        pairs = zip(parts, leaves, strict=True)
        return jax.tree.unflatten(treedef, [part.reshape(len(flat), *leaf.shape) for part, leaf in pairs])


def _flat(tree: Any) -> np.ndarray:
    return np.asarray(ravel_pytree(tree)[0])


def _like(value: Any, state: Any, what: str) -> Any:
    """Return `value`, a number or a pytree that broadcasts to `state`, in the shape of `state`."""
    try:
        if jax.tree.structure(value) == jax.tree.structure(0.0):
            value = jax.tree.map(lambda _: value, state)
        return jax.tree.map(lambda leaf, one: jnp.full(leaf.shape, one, jnp.float64), state, value)
    except (ValueError, TypeError) as error:
        raise ContinuationError(
            f"The {what} of the state must be one number or like the state {state}, not {value!r}."
        ) from error
