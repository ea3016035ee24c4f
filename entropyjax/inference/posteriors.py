"""Posteriors of a fit by the name of their method."""

from typing import Literal

from entropyjax.inference.errors import InferenceError
from entropyjax.inference.fit import Fit
from entropyjax.inference.godambe import godambe
from entropyjax.inference.laplace import laplace
from entropyjax.inference.nuts import nuts
from entropyjax.inference.posterior import Posterior
from entropyjax.inference.refits import Progress, bootstrap_fit
from entropyjax.inference.smc import smc
from entropyjax.params import nearest

Method = Literal["auto", "laplace", "godambe", "bootstrap", "nuts", "smc"]

METHODS: tuple[str, ...] = ("auto", "laplace", "godambe", "bootstrap", "nuts", "smc")
"""Names of the methods."""


def posterior_of(
    fit: Fit, method: Method = "auto", draws: int = 1000, seed: int = 0, progress: Progress | None = None
) -> Posterior:
    """Return draws of the posterior of a fit.

    **Arguments:** `method`: `auto` is sequential Monte Carlo, or for a composite likelihood the Godambe sandwich.

    **Raises:** `InferenceError` for a name that is not known, or where the method does not apply.
    """
    if method == "auto":
        method = "godambe" if fit.problem.composite else "smc"
    if method == "laplace":
        return laplace(fit, draws, seed)
    if method == "godambe":
        return godambe(fit, draws, seed)
    if method == "bootstrap":
        return bootstrap_fit(fit, draws, seed, progress=progress)
    if method == "nuts":
        return nuts(fit, draws, seed, adjust=True, progress=progress).posterior
    if method == "smc":
        return smc(fit.problem, draws, seed).posterior
    raise InferenceError(f"'{method}' is not a method of the posterior; {nearest(method, METHODS)}")
