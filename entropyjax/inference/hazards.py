"""Null models of success: a chance per step that knows of no entropy (model page, section 6).

The survival S(t) is the chance that a run has not succeeded after t steps, and the hazard of step t the chance that it
succeeds there if it has not before, 1 - S(t) / S(t-1). So a success at step t has the likelihood S(t-1) times the
hazard of t, and a run that ends without one after t steps S(t). Steps are counted from 1.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

Scalar = Float[Array, "..."]
ScalarLike = float | Scalar


def constant_hazard(probability: ScalarLike, step: ScalarLike) -> Scalar:
    """Return the hazard p of the geometric law, the same at every step.

    **Arguments:** `probability`: p in [0, 1); `step`: t >= 1.
    """
    return jnp.asarray(probability) + jnp.zeros_like(step)


def constant_log_survival(probability: ScalarLike, step: ScalarLike) -> Scalar:
    """Return ln S(t) = t ln(1 - p) of the geometric law.

    **Arguments:** `probability`: p in [0, 1); `step`: t >= 0.
    """
    return step * jnp.log1p(-jnp.asarray(probability))


def constant_survival(probability: ScalarLike, step: ScalarLike) -> Scalar:
    """Return S(t) = (1 - p)^t of the geometric law; arguments as of `constant_log_survival`."""
    return jnp.exp(constant_log_survival(probability, step))


def weibull_hazard(scale: ScalarLike, shape: ScalarLike, step: ScalarLike) -> Scalar:
    """Return 1 - exp(((t-1)^k - t^k) / lambda^k), the hazard of step t of the Weibull law.

    It rises with t for k > 1 and falls for k < 1; k = 1 is a constant hazard of 1 - exp(-1/lambda).

    **Arguments:** `scale`: lambda > 0 in steps; `shape`: k > 0; `step`: t >= 1.
    """
    step = jnp.asarray(step)
    later = step > 1.0
    # t^k - (t-1)^k without its cancellation; at t = 1 the logarithm, and its slope, would be infinite.
    fall = jnp.expm1(shape * jnp.log1p(-1.0 / jnp.where(later, step, 2.0)))
    gain = (step / scale) ** shape * jnp.where(later, -fall, 1.0)
    return -jnp.expm1(-gain)


def weibull_log_survival(scale: ScalarLike, shape: ScalarLike, step: ScalarLike) -> Scalar:
    """Return ln S(t) = -(t / lambda)^k of the Weibull law.

    **Arguments:** `scale`: lambda > 0 in steps; `shape`: k > 0; `step`: t >= 0.
    """
    step = jnp.asarray(step)
    started = step > 0.0
    # 0^k has no slope in k.
    return jnp.where(started, -((jnp.where(started, step, 1.0) / scale) ** shape), 0.0)


def weibull_survival(scale: ScalarLike, shape: ScalarLike, step: ScalarLike) -> Scalar:
    """Return S(t) = exp(-(t / lambda)^k) of the Weibull law; arguments as of `weibull_log_survival`."""
    return jnp.exp(weibull_log_survival(scale, shape, step))
