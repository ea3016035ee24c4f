"""Sweeps over models: the table, the summary's lines, and the figure of survival."""

import csv
import json

import numpy as np
import pytest
import xarray as xr

from entropyjax.ensemble import wilson_interval
from entropyjax.jobs.contest import contest_rows, is_contest, summarise_contest, write_contest
from entropyjax.plots import PlotError, survival_diagram

AXES = ("topology", "resolution_rate", "n_agents", "context_window")


def contest(rates=(0.2, 0.05), models=("star", "tree"), trials=100):
    """A made-up sweep: the star survives from W = 64 on, the tree from W = 32 on; all resolve from W = 128 on."""
    windows = np.array([16.0, 32.0, 64.0, 128.0])
    share = {"star": [0.0, 0.1, 0.6, 1.0], "tree": [0.2, 0.7, 1.0, 1.0]}
    resolved = np.array([share[name.split()[0]] for name in models])[:, None, None, :] * trials
    resolved = np.broadcast_to(resolved, (len(models), len(rates), 3, 4)).astype(int)
    counts = np.stack([resolved, trials - resolved, 0 * resolved, 0 * resolved], axis=-1)
    total = np.full(resolved.shape, trials)
    data = {
        "trajectories": (AXES, total),
        "outcome_count": ((*AXES, "outcome"), counts),
        "outcome_probability": ((*AXES, "outcome"), counts / trials),
        "outcome_interval": ((*AXES, "outcome", "bound"), wilson_interval(counts, np.full(counts.shape, trials))),
        "collapse_probability": (AXES, counts[..., 1] / trials),
    }
    coords = {
        "topology": list(models),
        "resolution_rate": list(rates),
        "n_agents": [4, 8, 64],
        "context_window": windows,
        "task_length": ("resolution_rate", -np.log(0.01) / np.array(rates)),
        "outcome": ["resolved", "collapsed", "never_focused", "unresolved"],
        "bound": ["lower", "upper"],
    }
    config = json.dumps({"criteria": {"progress_tolerance": 0.01}})
    return xr.Dataset(data, coords=coords, attrs={"model_axis": "topology", "sigmas": 3.0, "config": config})


def test_rows_name_the_best_or_none_and_who_is_not_told_apart(tmp_path):
    rows = contest_rows(contest())
    assert len(rows) == 2 * 3 * 4
    narrow, tree, wide, all_alike = rows[:4]
    assert narrow["best"] == "" and narrow["resolved"] == 0.2
    assert (tree["best"], tree["resolved"], tree["not_told_apart"]) == ("tree", 0.7, "")
    assert wide["best"] == "tree" and (all_alike["best"], all_alike["not_told_apart"]) == ("star", "tree")
    assert tree["lower"] < 0.7 < tree["upper"]
    np.testing.assert_allclose([rows[0]["task_length"], rows[-1]["task_length"]], -np.log(0.01) / np.array([0.2, 0.05]))
    with write_contest(contest(), tmp_path / "new" / "best.csv").open(encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    assert [row["best"] for row in read] == [row["best"] for row in rows] and read[0]["n_agents"] == "4"


def test_lines_for_each_length_of_the_task():
    lines = summarise_contest(contest())
    assert len(lines) == 2 and lines[0].startswith("Tasks of 23 steps: cells of 12 in which it survives / is the best")
    assert "star 6 / 0 / 3; tree 9 / 6 / 9. In 3 several may be the best, in 3 none survives." in lines[1]
    assert not is_contest(xr.Dataset())
    assert summarise_contest(contest().isel(resolution_rate=0))[0].startswith("cells of 12")


def test_figure_of_survival():
    fig = survival_diagram(contest())
    assert [ax.get_title() for ax in fig.axes[:2]] == ["task of 23 steps", "task of 92.1 steps"]
    shown = {text.get_text() for text in fig.legends[0].get_texts()}
    assert shown == {"star", "tree", "tree is the best", "several may be the best", "none survives"}
    alone = survival_diagram(contest().isel(resolution_rate=0, drop=True))
    assert len(alone.axes) == 2 and alone.get_figwidth() < fig.get_figwidth()


def test_mistakes_of_the_figure():
    with pytest.raises(PlotError, match="has no axis over models"):
        survival_diagram(xr.Dataset())
    with pytest.raises(PlotError, match="has 8 models, and 7 can be told apart"):
        survival_diagram(contest(models=[f"star {i}" for i in range(8)]))
    with pytest.raises(PlotError, match="also has the axes resolution_rate, more"):
        survival_diagram(contest().expand_dims({"more": [0, 1]}, axis=2))
