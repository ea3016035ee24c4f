"""The presets of configs/: the fit behind them, its stored result, and a source for every number."""

import json
import shutil
import statistics
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.optimize import curve_fit, minimize_scalar

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))

from context_decay.fit import accuracy, accuracy_jacobian, fit_curve, fit_tables
from context_decay.presets import update_presets
from context_decay.tables import read_tables
from fit_context_decay import main

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
PRESETS = {path.stem: path for path in sorted(CONFIGS.glob("*.toml"))}
WINDOW = 128.0

TABLES = read_tables(CONFIGS / "data" / "context_decay.toml")
FITS = fit_tables(TABLES)
FREE = [key for key, table in TABLES.items() if table.order_from is None]
ASSUMED = [key for key, table in TABLES.items() if table.order_from is not None]
CARRIED = {table.preset: key for key, table in TABLES.items() if table.preset is not None}
FITTED = {"context_window", "effective_fraction", "dilution_order"}


def preset(name):
    return tomllib.loads(PRESETS[name].read_text(encoding="utf-8"))


def points(truth, length, window=WINDOW):
    return np.stack([length, accuracy(length, window, np.array(truth))], axis=1)


def interpolate(table, order):
    """(A, eta) of the curve through two points at a given n, in closed form."""
    (near, high), (far, low) = table.points
    load = (high - low) / (low * (far / near) ** order - high)  # L^n at the nearer point
    return high * (1.0 + load), near / (table.context_window * load ** (1.0 / order))


# -- the fit ----------------------------------------------------------------------------------------


@given(
    ceiling=st.floats(20.0, 99.0),
    fraction=st.floats(0.03, 3.0),
    order=st.floats(0.6, 3.0),
    window=st.sampled_from([8.0, 128.0, 1000.0]),
)
def test_fit_recovers_known_parameters(ceiling, fraction, order, window):
    truth = (ceiling, fraction, order)
    measured = points(truth, window * np.geomspace(0.01, 1.0, 7), window)
    fit = fit_curve(measured, window)
    np.testing.assert_allclose(fit.values, truth, rtol=1e-6)
    assert not any(fit.on_bound)
    np.testing.assert_allclose(fit_curve(measured, window, order).values, truth, rtol=1e-6)


@given(ceiling=st.floats(20.0, 99.0), fraction=st.floats(0.05, 6.0), order=st.floats(0.5, 3.0))
def test_two_points_are_interpolated_without_standard_errors(ceiling, fraction, order):
    truth = (ceiling, fraction, order)
    fit = fit_curve(points(truth, np.array([4.0, 128.0])), WINDOW, order)
    np.testing.assert_allclose(fit.values, truth, rtol=1e-6)
    assert fit.degrees_of_freedom == 0
    assert np.isnan(fit.standard_errors).all()


def test_jacobian_is_the_derivative():
    length, values = np.geomspace(1.0, 128.0, 6), np.array([93.0, 0.2, 1.3])
    jacobian = accuracy_jacobian(length, WINDOW, values)
    for i, step in enumerate(1e-6 * values):
        shift = step * np.eye(3)[i]
        rise = accuracy(length, WINDOW, values + shift) - accuracy(length, WINDOW, values - shift)
        np.testing.assert_allclose(jacobian[:, i], rise / (2.0 * step), rtol=1e-6, atol=1e-8)


def test_standard_errors_match_the_scatter_of_repeated_fits():
    exact = points((90.0, 0.1, 1.2), np.geomspace(1.0, 64.0, 12))
    noise = np.zeros((60, 12, 2))
    noise[..., 1] = np.random.default_rng(0).normal(0.0, 0.5, (60, 12))
    repeated = [fit_curve(exact + one, WINDOW) for one in noise]
    scatter = np.std([fit.values for fit in repeated], axis=0, ddof=1)
    claimed = np.sqrt(np.mean([np.square(fit.standard_errors) for fit in repeated], axis=0))
    np.testing.assert_allclose(claimed, scatter, rtol=0.3)  # 60 fits: the scatter is known to about 9%


def test_the_ceiling_stops_on_its_bound():
    fit = fit_curve(points((110.0, 0.2, 1.0), np.geomspace(1.0, 32.0, 6)), WINDOW)
    assert fit.values[0] == 100.0
    assert fit.on_bound == (True, False, False)
    assert np.isnan(fit.standard_errors).tolist() == [True, False, False]
    assert fit.degrees_of_freedom == 3


def test_too_few_points_are_refused():
    with pytest.raises(ValueError, match="2 points cannot determine 3 parameters"):
        fit_curve(np.array([[4.0, 96.0], [128.0, 60.0]]), WINDOW)


# -- the tables -------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", FREE)
def test_fit_agrees_with_curve_fit(key):
    """Another algorithm (trf, numerical Jacobian, another start), another covariance routine."""
    fit, (length, measured) = FITS[key], TABLES[key].points.T
    free_ceiling = not fit.on_bound[0]

    def curve(x, fraction, order, ceiling=100.0):
        return ceiling / (1.0 + (x / (fraction * TABLES[key].context_window)) ** order)

    start = [0.3, 1.4] + ([95.0] if free_ceiling else [])
    bounds = (1e-3, [np.inf, 20.0] + [100.0] * free_ceiling)
    found, covariance = curve_fit(curve, length, measured, p0=start, bounds=bounds)
    np.testing.assert_allclose(found[:2], fit.values[1:], rtol=1e-4)
    # A ceiling on its bound was still estimated, so the script divides by one degree of freedom less.
    errors = np.sqrt(np.diag(covariance) * (len(length) - len(found)) / fit.degrees_of_freedom)
    np.testing.assert_allclose(errors[:2], fit.standard_errors[1:], rtol=1e-3)


@pytest.mark.parametrize("key", FREE)
def test_no_grid_point_is_better(key):
    """Brute force over (eta, n) with the best ceiling in closed form: a global check, bounds included."""
    fit, (length, measured) = FITS[key], TABLES[key].points.T

    def cost(fraction, order):
        attention = 1.0 / (1.0 + (length / (fraction * TABLES[key].context_window)) ** order)
        ceiling = np.clip(attention @ measured / (attention @ attention), 0.0, 100.0)
        return float(np.sum((ceiling * attention - measured) ** 2))

    best = float(np.sum(fit.residuals**2))
    fractions, orders = np.geomspace(0.01, 10.0, 60), np.geomspace(0.2, 6.0, 60)
    assert best <= min(cost(fraction, order) for fraction in fractions for order in orders)
    at_order = minimize_scalar(
        lambda fraction: cost(fraction, fit.values[2]),
        bounds=(1e-3, 1.0),
        method="bounded",
        options={"xatol": 1e-10},
    )
    assert best == pytest.approx(at_order.fun, rel=1e-6)


@pytest.mark.parametrize("key", ASSUMED)
def test_two_point_fit_is_the_closed_form(key):
    table, fit = TABLES[key], FITS[key]
    order = FITS[table.order_from].values[2]
    assert fit.values[2] == order
    np.testing.assert_allclose(fit.values[:2], interpolate(table, order), rtol=1e-8)
    np.testing.assert_allclose(fit.residuals, 0.0, atol=1e-9)
    assert fit.values[0] < 100.0
    assert fit.values[1] > 1.0


def test_the_assumed_orders_are_what_their_sentences_say():
    three = {key: FITS[key].values[2] for key in ("gpt-4o", "llama-3.3-70b", "claude-3.5-sonnet")}
    assert three["gpt-4o"] == statistics.median(three.values())
    said = {key: (TABLES[key].order_from, TABLES[key].order_assumption.partition(", ")[0]) for key in ASSUMED}
    assert said == {
        "gpt-4": ("gpt-4o", "n is that of the NoLiMa fit of GPT-4o"),
        "llama-3.1-70b": ("llama-3.3-70b", "n is that of the NoLiMa fit of Llama-3.3-70B"),
        "qwen2-72b": ("gpt-4o", "n is that of the NoLiMa fit of GPT-4o"),
    }


def test_every_table_has_a_source():
    for table in TABLES.values():
        assert table.source and table.context_window_source
        assert table.benchmark.source and table.benchmark.arxiv in table.benchmark.source


# -- the files --------------------------------------------------------------------------------------


def numbers_apart(value):
    """A JSON value as text without its fractional numbers, and these: they may differ between machines."""
    found = []

    def take(text):
        found.append(float(text))
        return "number"

    return json.loads(value, parse_float=take), found


def test_files_are_those_of_a_fresh_fit_and_reproduced_byte_for_byte(tmp_path):
    configs = tmp_path / "configs"
    shutil.copytree(CONFIGS, configs)
    runs = []
    for _ in range(2):
        main(configs)
        runs.append({path.name: path.read_bytes() for path in configs.rglob("*") if path.is_file()})
    assert runs[0] == runs[1]
    for name, path in PRESETS.items():
        assert runs[0][f"{name}.toml"] == path.read_bytes()
    name = "context_decay_fit.json"
    stored, held = numbers_apart((CONFIGS / "data" / name).read_bytes())
    fresh, found = numbers_apart(runs[0][name])
    assert fresh == stored
    np.testing.assert_allclose(found, held, rtol=1e-5, atol=2e-4)


def test_a_preset_without_a_line_to_refresh_is_refused(tmp_path):
    shutil.copytree(CONFIGS, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "gpt-4o.toml"
    path.write_text(path.read_text(encoding="utf-8").replace("dilution_order = 0", "order = 0"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"has 0 lines like \^dilution_order"):
        update_presets(tmp_path, TABLES, FITS)


@pytest.mark.parametrize("key", TABLES)
def test_json_says_what_to_beware_of(key):
    report = json.loads((CONFIGS / "data" / "context_decay_fit.json").read_text(encoding="utf-8"))["fits"][key]
    parameters, remarks = report["parameters"], "; ".join(report["remarks"])
    two_points = key in ASSUMED
    assert two_points == (report["degrees_of_freedom"] == 0)
    assert two_points == all(parameter["standard_error"] is None for parameter in parameters.values())
    assert two_points == parameters["dilution_order"]["origin"].startswith("assumption:")
    assert two_points == ("zero degrees of freedom" in remarks)
    assert two_points == ([point["length"] for point in report["check_points"]] == [8.0, 16.0, 32.0, 64.0])
    assert (parameters["effective_fraction"]["value"] > 1.0) == ("extrapolates beyond" in remarks)
    assert parameters["ceiling"]["on_bound"] == ("on its bound of 100%" in remarks)


# -- the presets ------------------------------------------------------------------------------------


def test_there_is_a_default_and_a_preset_per_fit():
    assert set(PRESETS) == {"default", *CARRIED}


@pytest.mark.parametrize("name", PRESETS)
def test_preset_loads(name):
    from entropyjax.io.config import load

    load(PRESETS[name])


@pytest.mark.parametrize("name", PRESETS)
def test_every_parameter_has_a_source(name):
    held = preset(name)
    assert held["title"] and held["description"]
    assert list(held["params"]) == list(held["sources"])
    assert all(len(source) > 10 for source in held["sources"].values())
    assert ("run" in held) == (name == "default")


@pytest.mark.parametrize("name", CARRIED)
def test_preset_carries_the_fit(name):
    held, table, fit = preset(name), TABLES[CARRIED[name]], FITS[CARRIED[name]]
    assert held["params"]["context_window"] == table.context_window
    for i, key in ((1, "effective_fraction"), (2, "dilution_order")):
        assert held["params"][key] == pytest.approx(fit.values[i], rel=6e-4)
        assert "scripts/fit_context_decay.py" in held["sources"][key]
        assert ("NoLiMa fit of the same model" in held["sources"][key]) == (name == "llama-3.1-70b")
    fraction = held["sources"]["effective_fraction"]
    for sign in ("no standard errors", "extrapolates beyond", "left out of the fit"):
        assert (sign in fraction) == (name in ASSUMED)
    assert held["sources"]["dilution_order"].startswith("assumption:") == (name in ASSUMED)


@pytest.mark.parametrize("name", CARRIED)
def test_preset_takes_the_rest_from_the_default(name):
    """An unpublished number is the model page's and says that it is an assumption."""
    held, default = preset(name), preset("default")
    assert held["model"] == default["model"]
    for key in held["params"].keys() - FITTED:
        assert held["params"][key] == default["params"][key]
        assert held["sources"][key].startswith("assumption:")
    assert set(default["sources"].values()) == {"assumption: illustrative default of the model page"}
