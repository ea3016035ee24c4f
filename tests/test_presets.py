"""The presets of configs/: the fit behind them, its stored result, and a source for every number."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import curve_fit, minimize_scalar

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = ROOT / "configs"
PRESETS = sorted(CONFIGS.glob("*.toml"))
WINDOW = 128.0


def _load_script() -> ModuleType:
    name = "fit_context_decay"
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up here
    spec.loader.exec_module(module)
    return module


decay = _load_script()
TABLES = decay.read_tables(CONFIGS / "data" / "context_decay.toml")
STORED = json.loads((CONFIGS / "data" / "context_decay_fit.json").read_text(encoding="utf-8"))
MODELS = {model["name"]: model for model in STORED["models"]}
FREE = [model["name"] for model in TABLES["models"] if "order_from" not in model]
ASSUMED = [model["name"] for model in TABLES["models"] if "order_from" in model]


@pytest.fixture(scope="module")
def fits() -> dict[str, Any]:
    return decay.fit_tables(TABLES)


def _preset(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _table(name: str) -> tuple[Any, Any, float]:
    model = next(model for model in TABLES["models"] if model["name"] == name)
    return *decay.columns(model["points"]), model["context_window"]


# -- the fit ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "truth", [(98.0, 0.12, 1.2), (60.0, 0.5, 3.0), (85.4, 0.03, 0.6), (99.9, 0.9, 1.0), (40.0, 0.25, 2.0)]
)
def test_fit_recovers_known_parameters(truth: tuple[float, float, float]) -> None:
    length = np.geomspace(1.0, 128.0, 8)
    fit = decay.fit_curve(length, decay.accuracy(length, WINDOW, np.array(truth)), WINDOW)
    np.testing.assert_allclose(fit.values, truth, rtol=1e-6)
    assert fit.rmse < 1e-6
    assert fit.at_bound == (None, None, None)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    ceiling=st.floats(20.0, 99.0),
    fraction=st.floats(0.03, 0.9),
    order=st.floats(0.6, 3.0),
    window=st.sampled_from([8.0, 128.0, 1000.0]),
)
def test_fit_recovers_any_parameters(ceiling: float, fraction: float, order: float, window: float) -> None:
    truth = np.array([ceiling, fraction, order])
    length = window * np.geomspace(0.01, 1.0, 7)
    measured = decay.accuracy(length, window, truth)
    np.testing.assert_allclose(decay.fit_curve(length, measured, window).values, truth, rtol=1e-6)
    np.testing.assert_allclose(decay.fit_curve(length, measured, window, order).values, truth, rtol=1e-6)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(ceiling=st.floats(20.0, 99.0), fraction=st.floats(0.05, 0.95), order=st.floats(0.5, 3.0))
def test_two_points_are_interpolated(ceiling: float, fraction: float, order: float) -> None:
    truth = np.array([ceiling, fraction, order])
    length = np.array([4.0, 128.0])
    exact = decay.exact_interpolation(length, decay.accuracy(length, WINDOW, truth), WINDOW, order)
    np.testing.assert_allclose(exact, truth[:2], rtol=1e-8)


def test_two_points_give_no_standard_errors() -> None:
    length, truth = np.array([4.0, 128.0]), np.array([96.0, 0.6, 1.1])
    fit = decay.fit_curve(length, decay.accuracy(length, WINDOW, truth), WINDOW, order=1.1)
    np.testing.assert_allclose(fit.values, truth, rtol=1e-6)
    assert fit.degrees_of_freedom == 0
    assert fit.standard_errors == (None, None, None)


def test_jacobian_is_the_derivative() -> None:
    length, values = np.geomspace(1.0, 128.0, 6), np.array([93.0, 0.2, 1.3])
    for i, step in enumerate(1e-6 * values):
        shift = step * np.eye(3)[i]
        secant = decay.accuracy(length, WINDOW, values + shift) - decay.accuracy(
            length, WINDOW, values - shift
        )
        jacobian = decay.accuracy_jacobian(length, WINDOW, values)[:, i]
        np.testing.assert_allclose(jacobian, secant / (2.0 * step), rtol=1e-6, atol=1e-8)


def test_standard_errors_match_the_scatter_of_repeated_fits() -> None:
    truth, length = np.array([90.0, 0.1, 1.2]), np.geomspace(1.0, 64.0, 12)
    noise = np.random.default_rng(0).normal(0.0, 0.5, (60, length.size))
    repeated = [decay.fit_curve(length, decay.accuracy(length, WINDOW, truth) + row, WINDOW) for row in noise]
    scatter = np.std([fit.values for fit in repeated], axis=0, ddof=1)
    claimed = np.sqrt(np.mean([np.square(fit.standard_errors) for fit in repeated], axis=0))
    np.testing.assert_allclose(claimed, scatter, rtol=0.3)  # 60 fits: the scatter is known to about 9%


def test_bounds_are_reported() -> None:
    length = np.geomspace(1.0, 32.0, 6)
    beyond = decay.accuracy(length, WINDOW, np.array([80.0, 1.6, 1.0]))
    fit = decay.fit_curve(length, beyond, WINDOW)
    assert fit.values[1] == 1.0
    assert fit.at_bound[1] == "upper"
    assert fit.standard_errors[1] is None


def test_too_few_points_are_refused() -> None:
    with pytest.raises(ValueError, match="2 points cannot determine 3 parameters"):
        decay.fit_curve(np.array([4.0, 128.0]), np.array([96.0, 60.0]), WINDOW)
    with pytest.raises(ValueError, match="no curve of order"):
        decay.exact_interpolation(np.array([4.0, 128.0]), np.array([60.0, 96.0]), WINDOW, 1.0)


# -- the tables -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FREE)
def test_fit_agrees_with_curve_fit(name: str, fits: dict[str, Any]) -> None:
    """Another algorithm (trf, numerical Jacobian, another start), another covariance routine."""
    length, measured, window = _table(name)
    free_ceiling = fits[name].at_bound[0] is None

    def curve(x: Any, fraction: float, order: float, ceiling: float = 100.0) -> Any:
        return ceiling / (1.0 + (x / (fraction * window)) ** order)

    start = [0.3, 1.4] + ([95.0] if free_ceiling else [])
    found, covariance = curve_fit(
        curve, length, measured, p0=start, bounds=(1e-3, [1.0, 20.0] + [100.0] * free_ceiling)
    )
    np.testing.assert_allclose(found[:2], fits[name].values[1:], rtol=1e-4)
    # A ceiling on its bound was still estimated, so the script divides by one degree of freedom less.
    freedom = (len(length) - len(found)) / fits[name].degrees_of_freedom
    errors = np.sqrt(np.diag(covariance) * freedom)
    np.testing.assert_allclose(errors[:2], fits[name].standard_errors[1:], rtol=1e-3)


@pytest.mark.parametrize("name", [*FREE, *ASSUMED])
def test_no_grid_point_is_better(name: str, fits: dict[str, Any]) -> None:
    """Brute force over (eta, n) with the best ceiling in closed form: a global check, bounds included."""
    length, measured, window = _table(name)
    fit = fits[name]

    def cost(fraction: float, order: float) -> float:
        attention = 1.0 / (1.0 + (length / (fraction * window)) ** order)
        ceiling = np.clip(attention @ measured / (attention @ attention), 0.0, 100.0)
        return float(np.sum((ceiling * attention - measured) ** 2))

    best = float(np.sum(fit.residuals**2))
    orders = np.geomspace(0.2, 6.0, 60) if 2 in fit.estimated else [fit.values[2]]
    grid = min(cost(fraction, order) for fraction in np.geomspace(0.01, 1.0, 60) for order in orders)
    refined = minimize_scalar(
        lambda fraction: cost(fraction, fit.values[2]),
        bounds=(1e-3, 1.0),
        method="bounded",
        options={"xatol": 1e-10},
    )
    assert best <= grid * (1.0 + 1e-12)
    assert best == pytest.approx(min(refined.fun, cost(1.0, fit.values[2])), rel=1e-6)


def test_json_and_presets_agree_with_a_fresh_fit(fits: dict[str, Any]) -> None:
    assert decay.check(CONFIGS, decay.make_report(TABLES, fits)) == []


def test_every_number_of_the_tables_has_a_source() -> None:
    for model in TABLES["models"]:
        assert model["context_window_source"]
        assert TABLES["benchmarks"][model["benchmark"]]["source"]
        assert all(point["source"] for point in decay.published(model))


@pytest.mark.parametrize("name", ASSUMED)
def test_two_point_fits_claim_no_uncertainty(name: str) -> None:
    model = MODELS[name]
    assert model["degrees_of_freedom"] == 0
    assert all(parameter["standard_error"] is None for parameter in model["parameters"].values())
    assert model["parameters"]["dilution_order"]["origin"].startswith("assumption:")
    assert any("zero degrees of freedom" in remark for remark in model["remarks"])
    exact = model["exact_interpolation"]
    on_bound = model["parameters"]["effective_fraction"]["bound_hit"] == "upper"
    assert on_bound == (exact["effective_fraction"] > 1.0) == (not exact["within_bounds"])


def test_files_are_reproduced_byte_for_byte(tmp_path: Path) -> None:
    configs = tmp_path / "configs"
    shutil.copytree(CONFIGS, configs)
    written = ("context_decay_fit.json", "context_decay_fit.svg", "context_decay_fit.png")
    runs = []
    for _ in range(2):
        assert decay.main(["--configs", str(configs), "--update-presets"]) == 0
        runs.append([(configs / "data" / name).read_bytes() for name in written])
    assert runs[0] == runs[1]
    assert decay.main(["--configs", str(configs), "--check"]) == 0
    for path in PRESETS:
        assert (configs / path.name).read_text(encoding="utf-8") == path.read_text(encoding="utf-8")


def test_check_names_what_disagrees(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configs = tmp_path / "configs"
    shutil.copytree(CONFIGS, configs)
    path = configs / "gpt-4o.toml"
    original = path.read_text(encoding="utf-8")
    value = f"effective_fraction = {_preset(path)['params']['effective_fraction']}"
    path.write_text(original.replace(value, "effective_fraction = 0.7"), encoding="utf-8")
    stored = configs / "data" / "context_decay_fit.json"
    stored.write_text(
        stored.read_text(encoding="utf-8").replace('"rmse": 0.6531', '"rmse": 0.7'), encoding="utf-8"
    )
    assert decay.main(["--configs", str(configs), "--check"]) == 1
    said = capsys.readouterr().err
    assert "gpt-4o.toml has params.effective_fraction = 0.7, a fresh fit gives 0.5711" in said
    assert "context_decay_fit.json.models[0].rmse is 0.7" in said
    assert decay.main(["--configs", str(configs), "--update-presets"]) == 0
    assert path.read_text(encoding="utf-8") == original


# -- the presets ------------------------------------------------------------------------------------


def test_there_is_a_default_and_a_preset_per_fit() -> None:
    assert {path.stem for path in PRESETS} == {"default", *(model["preset"] for model in STORED["models"])}


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_every_parameter_has_a_source(path: Path) -> None:
    preset = _preset(path)
    assert preset["title"] and preset["description"]
    assert preset["model"] == {"name": "star"}
    assert list(preset["params"]) == list(preset["sources"])
    assert all(isinstance(value, int | float) for value in preset["params"].values())
    assert all(len(source) > 10 for source in preset["sources"].values())
    assert ("run" in preset) == (path.stem == "default")


@pytest.mark.parametrize("name", MODELS)
def test_preset_carries_the_fit(name: str) -> None:
    model = MODELS[name]
    preset = _preset(CONFIGS / f"{model['preset']}.toml")
    assert preset["params"]["context_window"] == model["context_window"]
    for key in ("effective_fraction", "dilution_order"):
        assert preset["params"][key] == pytest.approx(model["parameters"][key]["value"], rel=6e-4)
        assert "scripts/fit_context_decay.py" in preset["sources"][key]
    assumes_order = preset["sources"]["dilution_order"].startswith("assumption:")
    assert assumes_order == (name in ASSUMED)
    assert ("no standard error" in preset["sources"]["effective_fraction"]) == (name in ASSUMED)


@pytest.mark.parametrize("name", MODELS)
def test_preset_takes_the_rest_from_the_default(name: str) -> None:
    """An unpublished number is the model page's and says that it is an assumption."""
    preset, default = (_preset(CONFIGS / f"{stem}.toml") for stem in (MODELS[name]["preset"], "default"))
    for key in preset["params"].keys() - {"context_window", "effective_fraction", "dilution_order"}:
        assert preset["params"][key] == default["params"][key]
        assert preset["sources"][key].startswith("assumption:")
    assert set(default["sources"].values()) == {"assumption: illustrative default of the model page"}
