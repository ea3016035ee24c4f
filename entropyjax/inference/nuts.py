"""The posterior by the No-U-Turn sampler of numpyro, which the extra `bayes` installs."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from entropyjax.inference.diagnostics import Diagnostics, diagnose
from entropyjax.inference.errors import InferenceError, refuse_composite
from entropyjax.inference.fisher import checked_curvature
from entropyjax.inference.fit import Fit
from entropyjax.inference.godambe import variability
from entropyjax.inference.posterior import Posterior, normal_draws
from entropyjax.inference.refits import Progress

_WIDER = 1.5
"""How much wider than Laplace's approximation the chains start, so that R-hat can tell that they have met."""


class Sample(NamedTuple):
    """Draws of a posterior, and what the chains say of themselves."""

    posterior: Posterior
    diagnostics: Diagnostics


def nuts(
    fit: Fit,
    draws: int = 2000,
    seed: int = 0,
    *,
    chains: int = 4,
    warmup: int = 500,
    adjust: bool = False,
    progress: Progress | None = None,
) -> Sample:
    """Return draws of the posterior by NUTS (Hoffman and Gelman 2014), from several chains side by side.

    **Arguments:**

    - `draws`: of all chains together, behind `warmup` of each.
    - `adjust`: raise a composite likelihood to the power of `power`, as `posterior_of` has it done; without it a
      composite one is refused.

    **Raises:** `InferenceError` without numpyro, for a composite likelihood that is not adjusted, a curvature at the
    maximum that is not positive, fewer than two chains, or if R-hat passes 1.05.
    """
    numpyro = _numpyro()
    if chains < 2 or draws < 4 * chains:
        raise InferenceError(
            f"{draws} draws of {chains} chains cannot be told to have mixed; take 2 chains or more, and at least 4 "
            "draws of each."
        )
    weight = 1.0
    if fit.problem.composite:
        refuse_composite(not adjust)
        weight = power(fit)
    covariance = np.linalg.inv(checked_curvature(fit))
    if progress is not None:
        progress(0, draws, "NUTS")
    starts = normal_draws(fit.scores, _WIDER**2 * covariance, chains, seed)
    each = -(-draws // chains)
    # Numpyro relies on types and ranks being promoted.
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        found, extra = _run(numpyro, _potential(fit, weight), starts, covariance, each, warmup, seed)
    if progress is not None:
        progress(draws, draws, "NUTS")
    diagnostics = diagnose(fit.problem.layout.coordinates, found, extra["diverging"], extra["energy"])
    if not diagnostics.mixed:
        raise InferenceError(f"Nothing is reported of these chains: {diagnostics} Take more warm-up and more draws.")
    method = "NUTS" if weight == 1.0 else f"NUTS, the composite likelihood to the power {weight:.2g}"
    return Sample(Posterior(fit.problem, found.reshape(-1, found.shape[-1]), method), diagnostics)


def power(fit: Fit) -> float:
    """Return the power p / tr(J H^-1), at most 1, at which a composite likelihood is on average as sure as it may be.

    H is its curvature and J the variance of its gradient, both along the p directions in which it says more than the
    prior (Pauli, Racugno and Ventura 2011). It is right on average over the directions, not along each.
    """
    hessian = checked_curvature(fit) - np.eye(len(fit.scores))
    values, vectors = np.linalg.eigh(hessian)
    learnt = values > 1.0
    if not learnt.any():
        return 1.0
    along = np.einsum("ik,ij,jk->k", vectors[:, learnt], variability(fit), vectors[:, learnt])
    return min(1.0, float(learnt.sum() / (along / values[learnt]).sum()))


def _potential(fit: Fit, weight: float) -> Any:
    problem = fit.problem

    def potential(scores: Float[Array, " size"]) -> Float[Array, ""]:
        return 0.5 * jnp.sum(scores**2) - weight * jnp.sum(problem.log_likelihoods(scores))

    return potential


def _run(
    numpyro: Any, potential: Any, starts: np.ndarray, covariance: np.ndarray, draws: int, warmup: int, seed: int
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    dtype = jnp.result_type(float)
    kernel = numpyro.infer.NUTS(
        potential_fn=potential, dense_mass=True, inverse_mass_matrix=jnp.asarray(covariance, dtype)
    )
    mcmc = numpyro.infer.MCMC(
        kernel,
        num_warmup=warmup,
        num_samples=draws,
        num_chains=len(starts),
        chain_method="vectorized",
        progress_bar=False,
    )
    mcmc.run(jax.random.key(seed), init_params=jnp.asarray(starts, dtype), extra_fields=("diverging", "energy"))
    extra = {name: np.asarray(value) for name, value in mcmc.get_extra_fields(group_by_chain=True).items()}
    return np.asarray(mcmc.get_samples(group_by_chain=True)), extra


def _numpyro() -> Any:
    try:
        import numpyro
    except ImportError:
        raise InferenceError(
            "NUTS needs numpyro, which is not installed; pip install 'entropyjax[bayes]', or take the posterior "
            "'laplace' or 'bootstrap'."
        ) from None
    return numpyro
