"""The gradient workload: tools against the reference, and the reference against differences of another solver."""

import numpy as np
import pytest

from entropyjax.jobs.bench import gradient
from entropyjax.jobs.bench.tool import Unsupported


def test_errors_are_relative_to_the_gradient_by_relative_changes():
    lows = np.array(list(gradient.LOWS.values()))
    exact = gradient.Gradients(1.0, 1.0 / lows)
    off = gradient.Gradients(1.1, exact.by_parameter * np.array([1.06, 1.0, 1.0, 1.0, 1.0, 1.0]))
    found = gradient.errors(off, exact)
    assert found["error"] == pytest.approx(0.06 / np.sqrt(6.0)) and found["loss"] == pytest.approx(0.1)


@pytest.mark.slow
def test_reference_is_that_of_differences_of_dop853():
    # The differences have an error of 1e-8 of the value's share.
    assert gradient.check()["gradient"] < 1e-5


@pytest.mark.slow
def test_tools_give_the_gradient_of_the_reference():
    exact = gradient.reference("gradient", 256, 8)
    runs = [gradient.EnsembleGradientRun(256, "scan"), gradient.GradientRun(gradient.scan_entropies(256))]
    try:
        runs.append(gradient.EnsembleGradientRun(256, "native"))
    except Unsupported as error:
        assert "native path" in str(error)
    for run in runs:
        # RK4 with steps of one half, over so few trajectories that one of them counts.
        assert gradient.errors(run.lanes(8), exact)["error"] < 1e-3
