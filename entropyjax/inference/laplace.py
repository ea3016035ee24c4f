"""Laplace's approximation of the posterior."""

import numpy as np
from jaxtyping import Float

from entropyjax.inference.errors import InferenceError
from entropyjax.inference.fit import Fit
from entropyjax.inference.posterior import Posterior


def curvature(fit: Fit) -> tuple[Float[np.ndarray, " size"], Float[np.ndarray, "size size"]]:
    """Return the eigenvalues and eigenvectors of the curvature of minus the log posterior at the maximum.

    **Raises:** `InferenceError` if one of them is not positive.
    """
    values, vectors = np.linalg.eigh(np.where(np.isfinite(fit.hessian), fit.hessian, 0.0))
    if values[0] <= 0.0:
        raise InferenceError(
            "The posterior does not curve down in every direction at its maximum, so that its curvature gives no "
            "intervals; take more starts, or narrow the priors."
        )
    return values, vectors


def laplace(fit: Fit, draws: int = 1000, seed: int = 0) -> Posterior:
    """Return draws of the normal distribution at the maximum whose precision is the curvature there.

    **Raises:** `InferenceError` if the curvature is not positive in every direction.
    """
    values, vectors = curvature(fit)
    normal = np.random.default_rng(seed).standard_normal((draws, len(values)))
    return Posterior(fit.problem, fit.scores + (normal / np.sqrt(values)) @ vectors.T, "Laplace")
