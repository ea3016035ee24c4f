"""Laplace's approximation of the posterior."""

import numpy as np

from entropyjax.inference.errors import InferenceError
from entropyjax.inference.fisher import checked_curvature
from entropyjax.inference.fit import Fit
from entropyjax.inference.posterior import Posterior, normal_draws


def laplace(fit: Fit, draws: int = 1000, seed: int = 0) -> Posterior:
    """Return draws of N(z, H^-1): z the scores at the maximum, H the curvature of minus the log posterior there.

    **Raises:** `InferenceError` if the curvature is not positive in every direction, or says too much because the
    likelihood is a composite one.
    """
    if fit.problem.composite:
        raise InferenceError(
            "The likelihood is a composite one, whose curvature says too much, so that Laplace's approximation would "
            "be too sure; take the posterior 'godambe'."
        )
    covariance = np.linalg.inv(checked_curvature(fit))
    return Posterior(fit.problem, normal_draws(fit.scores, covariance, draws, seed), "Laplace")
