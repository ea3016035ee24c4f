"""Figures of a small made-up sweep: what they show, what they refuse, what they write."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from entropyjax.plots import (
    PlotError,
    entropy_panels,
    figures,
    house_style,
    line_diagram,
    outcome_diagram,
    phase_diagram,
    save_figure,
)
from entropyjax.plots.label import symbol_text
from entropyjax.plots.scale import edges, is_log
from entropyjax.plots.style import OUTCOMES

AGENTS = np.array([2, 4, 8, 16, 32, 64])
WINDOWS = np.geomspace(16.0, 256.0, 7)
RUNS = 50


def made_up(models=None) -> xr.Dataset:
    """A sweep whose collapse probability rises with N/W, and where nothing focuses at the largest of it."""
    ratio = np.log(AGENTS[:, None] / WINDOWS[None, :]) - np.log(8.0 / 64.0)
    collapsed = np.round(RUNS / (1.0 + np.exp(-3.0 * ratio))) / RUNS
    never = np.where(ratio > 2.0, collapsed, 0.0)
    collapsed = collapsed - never
    shares = np.stack([1.0 - collapsed - never, collapsed, never, 0.0 * never], axis=-1)
    time = np.linspace(0.0, 128.0, 33)
    entropy = np.log(AGENTS)[:, None, None] * np.exp(-time) + ratio[..., None] ** 2 * time / 128.0
    cells = ("n_agents", "context_window")
    interval = np.stack([shares - 0.05, shares + 0.05], -1).clip(0.0, 1.0)
    margin = np.where(AGENTS == 2, 0.0, np.where(AGENTS == 64, np.inf, 10.0 * AGENTS**0.6))
    steps = (*cells, "time")
    data = {
        "trajectories": (cells, np.full(collapsed.shape, RUNS)),
        "outcome_probability": ((*cells, "outcome"), shares),
        "outcome_interval": ((*cells, "outcome", "bound"), interval),
        "collapse_probability": (cells, collapsed),
        "cognitive_horizon": (cells, np.where(ratio > 0.0, 20.0, np.inf), {"units": "step"}),
        "margin_window": ("n_agents", margin, {"units": "ktok"}),
        "mean_entropy": (steps, entropy, {"units": "nat"}),
        "variance_entropy": (steps, 0.01 + 0.0 * entropy),
        "mean_resolution": (steps, np.exp(-time) + 0.0 * entropy),
        "mean_loading": (steps, 0.1 + 0.0 * entropy),
    }
    coords = {
        "n_agents": ("n_agents", AGENTS, {"path": "params.n_agents", "units": "-", "symbol": "N"}),
        "context_window": (
            "context_window",
            WINDOWS,
            {"path": "params.context_window", "units": "ktok", "symbol": "W"},
        ),
        "time": ("time", time, {"units": "step"}),
        "outcome": ("outcome", list(OUTCOMES)),
        "bound": ("bound", ["lower", "upper"]),
    }
    out = xr.Dataset(data, coords)
    if models:
        out = xr.concat([out] * len(models), xr.Variable("model", models, {"path": "model.name"}), data_vars="all")
    return out


@pytest.fixture(scope="module")
def sweep():
    return made_up()


@pytest.fixture(scope="module")
def models():
    return made_up(["star", "tree", "mesh"])


def texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_phase_diagram_names_its_axes_with_units(sweep):
    ax = phase_diagram(sweep)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("executors N", "context window W (ktok)")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    bar = ax.figure.axes[1]
    assert bar.get_ylabel() == "collapse probability"
    mesh = ax.collections[0]
    assert mesh.get_clim() == (0.0, 1.0) and mesh.cmap.name == "cividis"
    np.testing.assert_array_equal(mesh.get_array(), sweep.collapse_probability.transpose("context_window", ...))


def test_phase_diagram_draws_labelled_contours(sweep):
    lines = next(c for c in phase_diagram(sweep).collections if list(getattr(c, "levels", ())) == [0.1, 0.5, 0.9])
    assert sorted(text.get_text() for text in lines.labelTexts) == ["0.1", "0.5", "0.9"]


@pytest.mark.parametrize("with_windows", [False, True])
@pytest.mark.parametrize("swapped", [False, True])
def test_the_margin_curve_is_margin_window(sweep, with_windows, swapped):
    curve = sweep.margin_window
    if with_windows:
        sweep = sweep.assign(margin_window=curve.expand_dims(context_window=WINDOWS, axis=1))
    ax = phase_diagram(sweep, **({"x": "context_window", "y": "n_agents"} if swapped else {}))
    (line,) = ax.get_lines()
    agents, windows = line.get_data()[::-1] if swapped else line.get_data()
    np.testing.assert_array_equal(agents, AGENTS)
    np.testing.assert_array_equal(windows, np.where(np.isfinite(curve) & (curve > 0), curve, np.nan))
    assert line.get_linestyle() == "--"
    assert texts(ax) == ["M = 0 on the fixed points (q = 1/2),\nnot the collapse boundary", "most runs never focused"]


@pytest.mark.parametrize("value", [0.0, np.inf])
def test_no_curve_and_no_legend_without_a_window(sweep, value):
    none = sweep.assign(margin_window=xr.full_like(sweep.margin_window, value)).drop_vars("outcome_probability")
    ax = phase_diagram(none)
    assert not ax.get_lines() and ax.get_legend() is None


def test_cells_without_runs_are_not_safe_cells(sweep):
    trajectories = sweep.trajectories.copy()
    trajectories[1, 2] = 0
    mesh = phase_diagram(sweep.assign(trajectories=trajectories)).collections[0]
    assert np.argwhere(np.ma.getmaskarray(mesh.get_array())).tolist() == [[2, 1]]


def test_other_values_have_their_own_range_and_no_contours(sweep):
    ax = phase_diagram(sweep, value="cognitive_horizon")
    assert ax.figure.axes[1].get_ylabel() == "cognitive horizon (steps)"
    assert not any(hasattr(item, "levels") for item in ax.collections)


def test_unsorted_values_are_drawn_in_order(sweep):
    shuffled = sweep.isel(n_agents=[3, 0, 5, 1, 4, 2])
    np.testing.assert_array_equal(
        phase_diagram(shuffled).collections[0].get_array(), phase_diagram(sweep).collections[0].get_array()
    )


def test_one_run_a_cell_has_one_contour(sweep):
    rounded = sweep.assign(collapse_probability=sweep.collapse_probability.round())
    levels = [list(c.levels) for c in phase_diagram(rounded).collections if hasattr(c, "labelTexts")]
    assert [0.5] in levels and [0.1, 0.5, 0.9] not in levels


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"x": "evidence"}, ["'evidence'", "'model', 'n_agents', 'context_window'", "x="]),
        ({}, ["'model'", "star, tree, mesh", "select={'model': 'star'}"]),
        ({"select": {"model": "ring"}}, ["'ring'", "star, tree, mesh"]),
        ({"select": {"models": "star"}}, ["'models'", "'model'"]),
        ({"x": "model", "select": {"n_agents": 8}}, ["'model'", "words"]),
        ({"y": "n_agents", "x": "model", "select": {"context_window": 60}}, ["no value 60", "from 16 to 256"]),
        ({"value": "colapse_probability"}, ["did you mean 'collapse_probability'"]),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(models, arguments, words):
    with pytest.raises(PlotError) as error:
        phase_diagram(models, **arguments)
    message = str(error.value)
    assert all(word in message for word in words), message


def test_one_axis_is_no_phase_diagram(sweep):
    with pytest.raises(PlotError, match=r"needs the axis 'context_window'.*line_diagram"):
        phase_diagram(sweep.isel(context_window=0, drop=True))


def test_selected_values_stand_in_the_title(models):
    assert phase_diagram(models, select={"model": "tree"}).get_title() == "model: tree"


def test_line_diagram_shows_four_outcomes_with_bands(sweep):
    ax = line_diagram(sweep, select={"context_window": 64})
    assert ax.get_title() == "W = 64 ktok" and ax.get_xlabel() == "executors N"
    assert texts(ax) == ["resolved", "collapsed", "never focused", "unresolved"]
    lines, at = ax.get_lines(), sweep.isel(context_window=3)
    assert len({line.get_color() for line in lines}) == len({line.get_linestyle() for line in lines}) == 4
    np.testing.assert_array_equal(lines[1].get_ydata(), at.collapse_probability)
    band = ax.collections[1].get_paths()[0].vertices[:, 1]
    interval = at.outcome_interval.sel(outcome="collapsed")
    assert (band.min(), band.max()) == (interval.min(), interval.max())


def test_words_are_points_with_bars(models):
    ax = line_diagram(models, select={"n_agents": 8, "context_window": 64})
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["star", "tree", "mesh"]
    assert ax.get_title() == "N = 8, W = 64 ktok"


def test_line_diagram_asks_for_one_axis(sweep):
    with pytest.raises(PlotError, match=r"'n_agents', 'context_window'; choose one"):
        line_diagram(sweep)
    with pytest.raises(PlotError, match="no axis left"):
        line_diagram(sweep.isel(n_agents=0, context_window=0))


def test_outcomes_share_one_colour_bar(sweep):
    *panels, bar = outcome_diagram(sweep).axes
    assert [ax.get_title() for ax in panels] == ["resolved", "collapsed", "never focused", "unresolved"]
    assert bar.get_ylabel() == "probability"
    assert [ax.get_ylabel() for ax in panels] == ["context window W (ktok)", "", "", ""]


def test_entropy_panels_span_the_plane(sweep):
    axes = entropy_panels(sweep).axes
    upper, lower = axes[::2], axes[1::2]
    assert len(upper) == 9 and upper[0].get_title() == "N = 2, W = 256 ktok"
    assert upper[8].get_title() == "N = 64, W = 16 ktok"
    assert lower[8].get_xlabel() == "t (steps)" and upper[0].get_ylabel() == "H (nat)"
    assert lower[0].get_ylabel() == "forces\n(nat/step)"
    assert upper[4].get_shared_y_axes().joined(upper[4], upper[0])
    # Horizon: infinite at the top left, finite at the bottom right.
    assert [len(upper[i].get_lines()) for i in (0, 8)] == [1, 2]
    np.testing.assert_array_equal(upper[8].get_lines()[0].get_ydata(), sweep.mean_entropy[5, 0])


def test_entropy_of_one_cell_shows_its_paths(sweep):
    one = sweep.isel(n_agents=2, context_window=3, drop=True)
    paths = xr.DataArray(np.stack([one.mean_entropy.values] * 5), dims=("path", "time"))
    fig = entropy_panels(one.assign(path_entropy=paths))
    upper, _ = fig.axes
    assert len(upper.get_lines()) == 6 and to_hex(upper.get_lines()[-1].get_color()) == "#000000"
    assert "single runs" in [text.get_text() for text in fig.legends[0].get_texts()]


def test_entropy_without_forces_has_no_strip(sweep):
    assert len(entropy_panels(sweep.drop_vars(["mean_resolution", "mean_loading"])).axes) == 9


def test_entropy_of_named_cells(models):
    cells = [{"n_agents": 8, "context_window": 64.0}, {"n_agents": 16, "context_window": 64.0}]
    fig = entropy_panels(models, cells=cells, select={"model": "star"})
    assert [ax.get_title() for ax in fig.axes[::2]] == ["N = 8, W = 64 ktok", "N = 16, W = 64 ktok"]
    assert fig.legends[0].get_title().get_text() == "model: star"
    with pytest.raises(PlotError, match=r"not one cell.*'context_window'"):
        entropy_panels(models, cells=[{"model": "star", "n_agents": 8}])
    with pytest.raises(PlotError, match=r"'model'.*cells="):
        entropy_panels(models)
    with pytest.raises(PlotError, match="empty"):
        entropy_panels(models, cells=[])


def test_given_figures_and_axes_are_filled(sweep):
    ax = Figure().add_subplot()
    assert phase_diagram(sweep, ax) is ax
    fig = Figure()
    assert entropy_panels(sweep, fig) is fig
    fig.draw_without_rendering()


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda d: d, {"phase", "outcomes", "entropy"}),
        (lambda d: d.isel(context_window=0, drop=True), {"outcomes", "entropy"}),
        (lambda d: d.isel(context_window=0, n_agents=0, drop=True), {"entropy"}),
        (lambda d: d.drop_vars("mean_entropy"), {"phase", "outcomes"}),
    ],
)
def test_figures_suit_the_axes(sweep, change, names):
    assert set(figures(change(sweep))) == names


def test_axes_left_over_become_panels(models):
    found = figures(models)
    titles = ["model: star", "model: tree", "model: mesh"]
    assert [ax.get_title() for ax in found["phase"].axes[:3]] == titles
    assert len(found["outcomes"].axes) == 3 * 4 + 1
    assert [ax.get_title() for ax in found["entropy"].axes[::2]] == titles
    lines = figures(models.isel(context_window=[2]))["outcomes"]
    assert [ax.get_title() for ax in lines.axes] == [f"{title}, W = 40.3 ktok" for title in titles]


def test_at_most_six_panels_and_the_figure_says_so():
    many = made_up([f"m{i}" for i in range(8)])
    phase = figures(many.drop_vars("mean_entropy"))["phase"]
    assert len(phase.axes) == 6 + 1
    assert phase.legends[0].get_title().get_text() == "6 of the 8 values of model"


def one_cell(sweep):
    return entropy_panels(sweep, cells=[{"n_agents": 8, "context_window": 64}])


@pytest.mark.parametrize("draw", [phase_diagram, outcome_diagram, one_cell])
def test_files_are_valid_and_the_same_every_time(sweep, tmp_path, draw):
    figure = draw(sweep)
    paths = save_figure(figure, tmp_path / "new" / "phase_0.5")
    assert [path.name for path in paths] == ["phase_0.5.png", "phase_0.5.svg"]
    first = [path.read_bytes() for path in paths]
    assert first[0].startswith(b"\x89PNG") and b"matplotlib" not in first[0]
    assert [path.read_bytes() for path in save_figure(figure, tmp_path / "new" / "phase_0.5")] == first
    assert [path.read_bytes() for path in save_figure(draw(sweep), tmp_path / "again")] == first
    root = ET.fromstring(first[1])
    said = ["".join(item.itertext()).strip() for item in root.iter("{http://www.w3.org/2000/svg}text")]
    assert any("W" in text for text in said) and b"dc:date" not in first[1]
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [path.name for path in paths]


def test_a_file_in_the_way_is_a_sentence(sweep, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(PlotError, match="cannot be written"):
        save_figure(line_diagram(sweep.isel(n_agents=0, drop=True)), tmp_path / "file" / "line")


def test_the_style_ends_with_its_block():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    with house_style():
        assert mpl.rcParams["svg.fonttype"] == "none"
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("values", "log", "expected"),
    [
        ([1.0, 2.0, 4.0], False, [0.5, 1.5, 3.0, 5.0]),
        ([1.0, 4.0, 16.0], True, [0.5, 2.0, 8.0, 32.0]),
        ([0.0, 100.0], False, [-50.0, 50.0, 150.0]),
        ([4.0], False, [2.0, 6.0]),
        ([0.0], False, [-0.5, 0.5]),
    ],
)
def test_cell_edges(values, log, expected):
    assert is_log(np.array(values)) == log
    np.testing.assert_allclose(edges(np.array(values)), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("symbol", "text"),
    [
        ("N", "N"),
        ("W", "W"),
        ("alpha", r"$\mathregular{\alpha}$"),
        ("tau_sys", r"$\mathregular{\tau_{sys}}$"),
        ("delta0", r"$\mathregular{\delta_{0}}$"),
        ("sigma_tau", r"$\mathregular{\sigma_{\tau}}$"),
        ("x0", r"$\mathregular{x_{0}}$"),
        ("c(0)", "c(0)"),
        ("", ""),
    ],
)
def test_symbols(symbol, text):
    assert symbol_text(symbol) == text


def test_a_real_sweep_has_what_the_figures_need():
    from entropyjax.jobs import sweep as run

    axes = [{"path": "params.n_agents", "values": [4, 32]}, {"path": "params.context_window", "values": [16.0, 256.0]}]
    table = {"dynamics": "ode", "horizon": 4.0, "save_intervals": 4, "step": 0.5, "check_share": 0.0}
    found = figures(run({"model": {"name": "star"}, "run": table, "axes": axes}))
    assert set(found) == {"phase", "outcomes", "entropy"}
    assert found["phase"].axes[0].get_ylabel() == "context window W (ktok)"
    assert len(found["entropy"].axes) == 2 * 4
