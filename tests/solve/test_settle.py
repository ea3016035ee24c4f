"""Values that are computed once: the same numbers and derivatives, and a call that XLA keeps on a CPU."""

import jax
import jax.numpy as jnp
import numpy as np

from entropyjax.solve.settle import settle

VALUES = {"a": jnp.array([1.5, -0.0, jnp.inf, jnp.nan]), "b": jnp.array([True, False, True, True]), "none": None}


def test_values_pass_as_they_are():
    for run in (settle, jax.jit(settle), jax.vmap(settle)):
        jax.tree.map(np.testing.assert_array_equal, run(VALUES), VALUES)


def test_derivatives_pass_as_they_are():
    def function(x):
        return jnp.sin(settle(x * x))

    x = 0.7
    slope = 2.0 * x * np.cos(x * x)
    np.testing.assert_allclose(jax.grad(function)(x), slope, rtol=1e-15)
    np.testing.assert_allclose(jax.jacfwd(function)(x), slope, rtol=1e-15)
    np.testing.assert_allclose(jax.vmap(jax.grad(function))(jnp.full(3, x)), slope, rtol=1e-15)


def test_xla_keeps_the_call():
    compiled = jax.jit(lambda x: settle(x + 1.0) * 2.0).lower(jnp.ones(256)).compile().as_text()
    assert "inlineable" in compiled
