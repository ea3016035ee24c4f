"""Whether Markov chains have mixed: R-hat, effective sample size, divergences and energy (Vehtari et al. 2021)."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri
from scipy.stats import rankdata

MIXED = 1.05
"""R-hat above which chains have not mixed, so that nothing is reported."""

GOOD, FEW, HEAVY = 1.01, 100.0, 0.3
"""R-hat up to which chains have mixed well; effective draws a chain that are few; BFMI below which tails are missed."""


class Diagnostics(NamedTuple):
    """What a run of several chains says of itself.

    **Attributes:**

    - `names`: of what was drawn; `r_hat`: the larger one of split, rank-normalised draws and of their folded values;
      `ess`: effective number of draws in the bulk.
    - `divergences`: transitions that diverged, of `draws` in `chains` chains.
    - `bfmi`: the least Bayesian fraction of missing information of a chain.
    """

    names: tuple[str, ...]
    r_hat: Float[np.ndarray, " size"]
    ess: Float[np.ndarray, " size"]
    divergences: int
    draws: int
    chains: int
    bfmi: float

    @property
    def mixed(self) -> bool:
        """Whether no R-hat passes `MIXED`."""
        return bool(np.all(self.r_hat <= MIXED))

    def __str__(self) -> str:
        worst, least = int(np.argmax(self.r_hat)), int(np.argmin(self.ess))
        lines = [
            f"{self.chains} chains, {self.draws:,} draws: R-hat at most {self.r_hat[worst]:.3f} ({self.names[worst]}), "
            f"effective draws at least {self.ess[least]:,.0f} ({self.names[least]}), "
            f"{self.divergences} divergences, BFMI at least {self.bfmi:.2f}."
        ]
        if not self.mixed:
            lines.append(f"The chains have not mixed (R-hat above {MIXED:g}).")
        elif self.r_hat[worst] > GOOD:
            lines.append(f"The chains have nearly mixed; R-hat above {GOOD:g} asks for more draws.")
        if self.ess[least] < FEW * self.chains:
            lines.append(f"Fewer than {FEW:g} effective draws a chain: ends of intervals are rough; take more draws.")
        if self.divergences:
            lines.append("Transitions diverged: a corner of the posterior may be missing; compare with the bootstrap.")
        if self.bfmi < HEAVY:
            lines.append(f"BFMI below {HEAVY:g}: the tails were hardly reached; take more draws.")
        return " ".join(lines)


def diagnose(
    names: tuple[str, ...],
    draws: Float[np.ndarray, "chains draws size"],
    diverging: np.ndarray,
    energy: Float[np.ndarray, "chains draws"],
) -> Diagnostics:
    """Return the diagnostics of several chains."""
    columns = np.moveaxis(draws, -1, 0)
    return Diagnostics(
        names=names,
        r_hat=np.array([split_r_hat(one) for one in columns]),
        ess=np.array([bulk_ess(one) for one in columns]),
        divergences=int(np.sum(diverging)),
        draws=draws.shape[0] * draws.shape[1],
        chains=draws.shape[0],
        bfmi=float(np.min(np.sum(np.diff(energy, axis=1) ** 2, axis=1) / energy.shape[1] / np.var(energy, axis=1))),
    )


def split_r_hat(draws: Float[np.ndarray, "chains draws"]) -> float:
    """Return R-hat of the split chains: of normalised ranks, or of the folded draws' where it is larger."""
    halves = _split(draws)
    return max(_r_hat(_normal_scores(x)) for x in (halves, np.abs(halves - np.median(halves))))


def bulk_ess(draws: Float[np.ndarray, "chains draws"]) -> float:
    """Return the effective number of draws, of normalised ranks of the split chains."""
    return _ess(_normal_scores(_split(draws)))


def _split(draws: np.ndarray) -> np.ndarray:
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, -half:]])


def _normal_scores(draws: np.ndarray) -> np.ndarray:
    ranks = rankdata(draws).reshape(draws.shape)
    return ndtri((ranks - 0.375) / (draws.size + 0.25))


def _variances(draws: np.ndarray) -> tuple[float, float]:
    """Return the mean variance within chains, and the pooled one that counts the spread between them as well."""
    number = draws.shape[1]
    within = float(draws.var(axis=1, ddof=1).mean())
    return within, within * (number - 1.0) / number + float(draws.mean(axis=1).var(ddof=1))


def _r_hat(draws: np.ndarray) -> float:
    within, pooled = _variances(draws)
    return float(np.sqrt(pooled / within)) if within > 0.0 else np.inf


def _ess(draws: np.ndarray) -> float:
    """Return the effective number by Geyer's initial monotone sequence of sums of two autocorrelations."""
    chains, number = draws.shape
    within, pooled = _variances(draws)
    covariance = _autocovariance(draws).mean(axis=0)
    correlation = 1.0 - (within - covariance * number / (number - 1.0)) / pooled
    correlation[0] = 1.0
    pairs = correlation[: 2 * (number // 2)].reshape(-1, 2).sum(axis=1)
    stop = int(np.argmax(np.append(pairs, -1.0) < 0.0))
    tau = -1.0 + 2.0 * float(np.minimum.accumulate(pairs[:stop]).sum())
    # Chains that alternate have more than their draws, which is not believed without limit.
    return chains * number / max(tau, 1.0 / np.log10(chains * number))


def _autocovariance(draws: np.ndarray) -> np.ndarray:
    number = draws.shape[1]
    spectrum = np.fft.rfft(draws - draws.mean(axis=1, keepdims=True), 2 * number, axis=1)
    return np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, :number] / number
