"""Normal forms with known bifurcations, each residual written once so that the tests share its compiled code."""

import jax.numpy as jnp
import numpy as np

from entropyjax.stability.continuation import Branch, Problem, StepControl

ZERO = {"const": 0.0, "linear": 0.0, "quadratic": 0.0, "cubic": 0.0}


def polynomial(y, p):
    """One state: y' = const + linear y + quadratic y^2 + cubic y^3."""
    return p["const"] + p["linear"] * y + p["quadratic"] * y**2 + p["cubic"] * y**3


def line(lens, y0, **values):
    return Problem(polynomial, jnp.asarray(y0), ZERO | values, lens)


def hopf_form(z, p):
    """x + i y turns at omega and grows at mu; further states decay."""
    x, y = z[0], z[1]
    radius = x**2 + y**2
    turning = [p["mu"] * x - p["omega"] * y - radius * x, p["omega"] * x + p["mu"] * y - radius * y]
    return jnp.stack([*turning, *(-(2.0 + k) * z[2 + k] + x * y for k in range(z.size - 2))])


def takens(z, p):
    """Bogdanov-Takens: x' = y, y' = b1 + b2 x + x^2 - x y; folds at b1 = b2^2/4, Hopf points at b1 = 0, b2 < 0."""
    return jnp.stack([z[1], p["b1"] + p["b2"] * z[0] + z[0] ** 2 - z[0] * z[1]])


def check_branch(branch: Branch, control: StepControl, bounds: dict) -> None:
    """Assert what holds on every branch: residuals, steps, turns, bounds, and where the stability changes."""
    assert np.all(branch.residuals <= control.tolerance)
    assert np.all(branch.steps <= control.maximum * (1.0 + 1e-12))
    assert np.all(np.diff(branch.arclength) > 0.0)
    turns = np.sum(branch.tangents[1:] * branch.tangents[:-1], axis=1)
    assert np.all(turns >= np.cos(control.angle) - 1e-12)
    for name, (lower, upper) in bounds.items():
        values = branch.parameters[name]
        assert np.all((values >= lower * (1.0 - 1e-9)) & (values <= upper * (1.0 + 1e-9)))
    changes = {(int(place), int(place) + 1) for place in np.flatnonzero(np.diff(branch.unstable))}
    assert changes == {point.between for point in branch.special}
    for point in branch.special:
        low, high = point.interval
        first, second = branch.arclength[list(point.between)]
        assert first <= low < high <= second
