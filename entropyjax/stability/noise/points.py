"""Batches of parameter points on the host, and the theory of all of them."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from entropyjax.models import AbstractModel
from entropyjax.params import replace
from entropyjax.stability.noise.escape import Escape, escape


def varying(params: Any) -> dict[str, np.ndarray]:
    """Return the parameters that have an axis, by name."""
    return {name: np.asarray(getattr(params, name), float) for name in params.specs() if np.ndim(getattr(params, name))}


def points_of(params: Any) -> tuple[tuple[int, ...], Any]:
    """Return the shape of a batch of parameter points, and the parameters with that batch as one axis."""
    named = varying(params)
    shape = np.broadcast_shapes(*(column.shape for column in named.values()))
    named = named or {"n_agents": np.asarray(params.n_agents, float)}
    return shape, replace(params, {name: np.broadcast_to(column, shape).ravel() for name, column in named.items()})


def theory_of(model: AbstractModel, points: Any, dtype: Any) -> tuple[Escape, np.ndarray]:
    """Return the theory of every point of an axis, and the h that its collapsed fixed point has, on the host."""
    (size,) = {np.size(column) for column in varying(points).values()}
    every = jax.tree.map(lambda leaf: jnp.broadcast_to(jnp.asarray(leaf, dtype), (size,)), points)
    return jax.tree.map(np.asarray, _theory(model, every, dtype))


@eqx.filter_jit
def _theory(model: AbstractModel, points: Any, dtype: Any) -> tuple[Escape, Any]:
    def one(params: Any) -> Any:
        found = escape(model, params, dtype=dtype)
        focus, context = found.collapsed
        state = model.initial_state(params)._replace(focus=focus, context=context)
        return found, model.observables["normalised_entropy"].evaluate(model, state, params)

    return jax.vmap(one)(points)
