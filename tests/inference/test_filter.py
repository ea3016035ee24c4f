"""The filter of the noise of a gap, against Bayes' rule on a fine grid."""

import jax.numpy as jnp
import numpy as np
import pytest

from entropyjax.inference.filter import Noise, foresee

GAP = np.array([0.5, 1.5, 2.5, 2.0, 1.0, 3.0])
WRONG = np.array([0.0, 1.0, np.nan, 1.0, 0.0, 0.0])
RIVALS, MEMORY = 5.0, 0.6


def by_grid(kick):
    """Mean and deviation of the noise before each decision, and the chance to be right then."""
    n = np.linspace(-8.0, 8.0, 4001) * kick
    density = np.zeros_like(n)
    density[len(n) // 2] = 1.0
    out = []
    for x, missed in zip(GAP, WRONG, strict=True):
        mean = density @ n
        right = 1.0 / (1.0 + RIVALS * np.exp(-(x + n)))
        out.append((mean, np.sqrt(max(density @ n**2 - mean**2, 0.0)), density @ right))
        seen = density * (1.0 if np.isnan(missed) else 1.0 - right if missed else right)
        move = np.exp(-0.5 * ((n[:, None] - MEMORY * n[None, :]) / kick) ** 2)
        density = move @ (seen / seen.sum())
        density /= density.sum()
    return np.array(out).T


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("kick", "within"), [(0.2, 3e-5), (0.8, 1e-2)])
def test_the_filter_is_bayes_rule(kick, within, dtype):
    mean, deviation, right = by_grid(kick)
    noise = Noise(jnp.asarray(MEMORY, dtype), jnp.asarray(kick, dtype))
    gap = jnp.asarray(GAP, dtype)[:, None]
    seen = foresee(gap, jnp.asarray(RIVALS, dtype), jnp.asarray(WRONG, dtype), noise)
    found, spread = (np.asarray(each, float)[:, 0] for each in seen)
    # The posterior is kept normal on three points: measured 1.5e-5 and 8e-3.
    np.testing.assert_allclose(found - GAP, mean, atol=within + 1e-6)
    np.testing.assert_allclose(spread, deviation, atol=within + 1e-6)
    points, weights = np.polynomial.hermite_e.hermegauss(30)
    ours = 1.0 / (1.0 + RIVALS * np.exp(-(found[:, None] + spread[:, None] * points))) @ weights / weights.sum()
    np.testing.assert_allclose(ours, right, atol=within + 1e-6)
    # What is not told changes nothing, and errors lower what is foreseen.
    assert found[1] == GAP[1] and found[2] < GAP[2]
