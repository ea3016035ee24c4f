"""Smooth quantiles and their derivatives, against roots of the same kernel over samples known in closed form."""

import jax
import numpy as np
import pytest
from scipy.optimize import brentq
from test_ensemble_gradient import DT, STEPS, close, drawn, fast, line, starts

import entropyjax as ej
from entropyjax.ensemble import EnsembleError

RATES = np.array([0.2, 0.5])
VALUES = {"start.low": 0.4, "start.high": 1.0}


def request(**changes):
    """Two cells of the line without noise, each with draws of its own."""
    return line("rk4", cells={"rate": RATES}, population=starts(0.4, 1.0), replicates=257, **changes)


def places(one):
    """Where in their range the starts lie, by cell."""
    whole = drawn(line("rk4", population=one.population, replicates=2 * 257), "start").reshape(2, 257)
    return (np.asarray(whole) - 0.4) / 0.6


def solved(quantity, level, width):
    """The quantile, and its derivatives by all values."""

    def run(values):
        found = ej.ensemble_quantile(request(), quantity, level, width, values, path="scan", mode="forward")
        return found.value, found

    slopes, found = fast(jax.jacfwd(run, has_aux=True))(VALUES)
    return found, slopes


def exact(samples, slopes, level, width):
    """The root q of mean sigmoid((q - x) / w) = level, and its derivative where those of the samples are `slopes`."""

    def share(q):
        return 1.0 / (1.0 + np.exp(-(q - samples) / width))

    q = brentq(lambda q: np.mean(share(q)) - level, samples.min() - 40 * width, samples.max() + 40 * width, xtol=1e-14)
    weight = share(q) * (1.0 - share(q))
    return q, {name: np.sum(weight * slope) / np.sum(weight) for name, slope in slopes.items()}


def compare(found, slopes, expected, tolerance):
    for cell, (value, derivatives) in enumerate(expected):
        close(found.value[cell], value, tolerance)
        close({name: slopes[name][cell] for name in VALUES}, derivatives, 10 * tolerance)


@pytest.mark.parametrize("level", [0.05, pytest.param(0.5, marks=pytest.mark.slow)])
def test_quantiles_of_an_observable_are_roots_over_its_samples(level):
    found, slopes = solved(ej.Observed("x"), level, 0.02)
    expected = []
    for rate, place in zip(RATES, places(request()), strict=True):
        z = -rate * DT
        shrink = (1.0 + z + z**2 / 2 + z**3 / 6 + z**4 / 24) ** STEPS
        by = {"start.low": shrink * (1.0 - place), "start.high": shrink * place}
        expected.append(exact(shrink * (0.4 + 0.6 * place), by, level, 0.02))
    # Newton's second step squares an error of at most a 4096th of the bracket, in widths.
    compare(found, slopes, expected, 1e-6)
    assert np.all(found.count == 257) and np.all(found.failures == 0)


@pytest.mark.slow
def test_quantiles_of_a_time_are_roots_over_its_samples():
    found, slopes = solved(ej.TimeOf("focus"), 0.6, 0.1)
    expected = []
    for rate, place in zip(RATES, places(request()), strict=True):
        start = 0.4 + 0.6 * place
        after = start > 0.5
        by = {"start.low": after * (1.0 - place) / (rate * start), "start.high": after * place / (rate * start)}
        expected.append(exact(np.where(after, np.log(start / 0.5) / rate, 0.0), by, 0.6, 0.1))
    # The error of the cubic between steps, as for the times themselves.
    compare(found, slopes, expected, 5e-5)


def test_a_quantile_that_too_few_reach_is_infinite():
    found = fast(lambda: ej.ensemble_quantile(request(), ej.TimeOf("collapse"), 0.5, 0.1))()
    np.testing.assert_array_equal(found.value, [np.inf, np.inf])


@pytest.mark.parametrize(
    ("level", "width", "message"),
    [
        (0.0, 0.1, r"level = 0 must be in \(0, 1\)"),
        (1.5, 0.1, "level = 1.5"),
        (0.5, -1.0, "width = -1 must be positive"),
    ],
)
def test_wrong_requests_are_refused(level, width, message):
    with pytest.raises(EnsembleError, match=message):
        ej.ensemble_quantile(request(), ej.Observed("x"), level, width)
