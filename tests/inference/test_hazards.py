"""Hazards in steps against scipy's distributions."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from entropyjax import inference as inf

STEPS = np.arange(1.0, 41.0)


def test_the_constant_hazard_is_the_geometric_law():
    p = 0.07
    law = stats.geom(p)
    np.testing.assert_allclose(inf.constant_survival(p, STEPS), law.sf(STEPS), rtol=1e-13)
    np.testing.assert_allclose(inf.constant_log_survival(p, STEPS), law.logsf(STEPS), rtol=1e-13)
    np.testing.assert_allclose(inf.constant_hazard(p, STEPS), law.pmf(STEPS) / law.sf(STEPS - 1.0), rtol=1e-12)
    assert float(inf.constant_survival(p, 0.0)) == 1.0


@pytest.mark.parametrize("shape", [0.3, 1.0, 2.5])
def test_the_weibull_hazard_is_that_of_whole_steps(shape):
    scale = 12.0
    law = stats.weibull_min(shape, scale=scale)
    np.testing.assert_allclose(inf.weibull_survival(scale, shape, STEPS), law.sf(STEPS), rtol=1e-12)
    np.testing.assert_allclose(inf.weibull_log_survival(scale, shape, STEPS), law.logsf(STEPS), rtol=1e-12)
    expected = -np.expm1(law.logsf(STEPS) - law.logsf(STEPS - 1.0))
    np.testing.assert_allclose(inf.weibull_hazard(scale, shape, STEPS), expected, rtol=1e-11)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_hazards_make_up_the_survival(dtype):
    """S(T) is the product of what each step leaves; k = 1 is a constant hazard."""
    steps = jnp.arange(1.0, 31.0, dtype=dtype)
    eps = float(jnp.finfo(dtype).eps)
    scale, shape = jnp.asarray(15.0, dtype), jnp.asarray([[0.5], [1.0], [3.0]], dtype)
    hazard = jax.jit(inf.weibull_hazard)(scale, shape, steps[None, :])
    assert hazard.dtype == dtype
    left = np.log1p(-np.asarray(hazard)).sum(axis=1)
    expected = jax.jit(inf.weibull_log_survival)(scale, shape, steps[None, :])[:, -1]
    np.testing.assert_allclose(left, expected, rtol=64.0 * eps)
    np.testing.assert_allclose(hazard[1], -np.expm1(-1.0 / 15.0), rtol=32.0 * eps)


def test_gradients_are_finite_from_the_first_step_on():
    def total(scale, shape, probability):
        steps = jnp.arange(0.0, 10.0)
        laws = inf.weibull_log_survival(scale, shape, steps) + inf.constant_log_survival(probability, steps)
        hazards = inf.weibull_hazard(scale, shape, steps[1:]) + inf.constant_hazard(probability, steps[1:])
        return jnp.sum(laws) + jnp.sum(jnp.log(hazards))

    assert np.all(np.isfinite(jax.jit(jax.grad(total, argnums=(0, 1, 2)))(5.0, 0.7, 0.1)))
