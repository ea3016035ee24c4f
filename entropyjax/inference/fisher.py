"""What the likelihood alone says: its observed information, in units of the prior."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from entropyjax.inference.errors import InferenceError
from entropyjax.inference.fit import Fit


class Information(NamedTuple):
    """Observed information J = -d^2 ln L / dz^2 at the maximum, in scores z whose prior is N(0, I).

    The posterior's precision is I + J, so that an eigenvalue of 1 says as much as the prior does.

    **Attributes:** `names`: of the scores; `matrix`: J; `values`: its eigenvalues, the largest first; `vectors`: its
    eigenvectors as columns.
    """

    names: tuple[str, ...]
    matrix: Float[np.ndarray, "size size"]
    values: Float[np.ndarray, " size"]
    vectors: Float[np.ndarray, "size size"]

    @property
    def contraction(self) -> Float[np.ndarray, " size"]:
        """Posterior variance over prior variance along each eigenvector, 1/(1 + value)."""
        return 1.0 / (1.0 + self.values)

    @property
    def covariance(self) -> Float[np.ndarray, "size size"]:
        """Covariance of the posterior by Laplace's approximation, (I + J)^-1."""
        return (self.vectors * self.contraction) @ self.vectors.T


def information(fit: Fit) -> Information:
    """Return the observed information of the likelihood: the curvature at the maximum less the prior's.

    **Raises:** `InferenceError` if the posterior's curvature is not positive in every direction.
    """
    hessian = checked_curvature(fit)
    matrix = hessian - np.eye(len(hessian))
    values, vectors = np.linalg.eigh(matrix)
    return Information(fit.problem.layout.coordinates, matrix, values[::-1], vectors[:, ::-1])


def checked_curvature(fit: Fit) -> Float[np.ndarray, "size size"]:
    """Return the curvature of minus the log posterior at the maximum.

    **Raises:** `InferenceError` if it is not finite and positive in every direction, or the fit has not converged.
    """
    hessian = 0.5 * (fit.hessian + fit.hessian.T)
    if not np.all(np.isfinite(hessian)):
        raise InferenceError(
            "The curvature of the posterior at its maximum is not finite, so that it gives no interval; narrow the "
            "ranges of the free parameters."
        )
    least = float(np.linalg.eigvalsh(hessian)[0])
    if least <= 0.0:
        raise InferenceError(
            f"The posterior does not curve down in every direction at its maximum (least curvature {least:.2g}), so "
            "that its curvature gives no interval; take more starts or steps, or fix a parameter."
        )
    return hessian
