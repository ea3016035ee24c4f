"""Axes of cases: each names what it changes, and what is wrong with one is said as of any other axis."""

import json
from pathlib import Path

import pytest

from entropyjax.io.config import ConfigError, load
from entropyjax.jobs.variants import variants

ROOT = Path(__file__).parents[1]
CASES = {
    "star": {},
    "a tree": {"model": {"name": "tree", "own_turn_clock": True}, "params": {"branching": 2, "evidence": 6.0}},
    "a mesh": {"model": {"name": "mesh"}, "params": {"sharing": 0.25}},
}


def config(cases=CASES, path="topology", more=(), **tables):
    return {"axes": [{"path": path, "cases": cases}, *more], "params": {"evidence": 5.0}, **tables}


def test_each_case_is_a_variant_of_its_own():
    sweep = load(config(more=[{"path": "params.n_agents", "values": [2, 9]}]))
    assert sweep.shape == (3, 2)
    found = list(variants(sweep))
    assert [item.model.name for item in found] == ["star", "tree", "mesh"]
    assert found[1].model.build().own_turn_clock
    assert [dict(item.params) for item in found] == [
        {"evidence": 5.0},
        {"evidence": 6.0, "branching": 2.0},
        {"evidence": 5.0, "sharing": 0.25},
    ]
    assert all([axis.path for axis in item.axes] == ["params.n_agents"] for item in found)


def test_a_stored_sweep_is_the_same_sweep_and_other_axes_are_stored_as_before():
    sweep = load(config(more=[{"path": "params.n_agents", "values": [2, 9]}]))
    again = load(json.loads(json.dumps(sweep.to_dict())))
    assert again == sweep and again.run_id == sweep.run_id
    assert sweep.to_dict()["axes"][1] == {"path": "params.n_agents", "values": [2, 9]}


def test_values_choose_among_the_cases_and_order_them():
    data = config()
    data["axes"][0]["values"] = ["a mesh", "star"]
    chosen = load(data)
    assert chosen.axes[0].values == ("a mesh", "star")
    assert chosen.run_id != load(config()).run_id
    assert chosen.with_values({"topology": "a tree"}).model.name == "tree"


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (config(path="params.x"), "'params.x' cannot name an axis of cases; choose a word such as 'topology'"),
        (config(path="time"), "'time' cannot name an axis of cases"),
        (config({"a": {"run": {}}}), "'run' is not a key of axes[0].cases.a; valid names are model, params, criteria"),
        (config({"a": {"params": {"branching": 2}}}), "With topology = 'a': 'branching' is not a parameter of this"),
        (
            config({"a": {"model": {"name": "tree", "k": 2}}}),
            "With topology = 'a': 'k' is not an option of model 'tree'",
        ),
        (config({}), "has no values; give at least one, or remove the axis"),
        (
            config({"a": {"params": {"n_agents": 3}}}, more=[{"path": "params.n_agents", "values": [2, 9]}]),
            "axes[0]: the case 'a' sets params.n_agents, which axes[1] varies; remove one of them.",
        ),
        (
            config(
                {"a": {"params": {"n_agents": 3}}},
                population={"n_agents": {"distribution": "uniform", "low": 2.0, "high": 4.0}},
            ),
            "axes[0]: the case 'a' sets params.n_agents, which [population] draws; remove one of them.",
        ),
        (
            config(
                {"a": {"params": {"evidence": 3}}},
                more=[{"path": "other", "cases": {"b": {"params": {"evidence": 2}}}}],
            ),
            "axes[1]: the case 'b' sets params.evidence, which a case of axes[0] sets too; remove one of them.",
        ),
    ],
)
def test_what_is_wrong_is_said(data, sentence):
    with pytest.raises(ConfigError) as error:
        load(data)
    assert sentence in str(error.value)


def test_an_unknown_case_is_met_with_the_nearest():
    data = config()
    data["axes"][0]["values"] = ["stars"]
    with pytest.raises(ConfigError, match="'stars' is not one of its cases; did you mean 'star'"):
        load(data)
    with pytest.raises(ConfigError, match="'mesh' is not a case of 'topology'; did you mean 'a mesh'"):
        load(config()).with_values({"topology": "mesh"})


def test_the_sweep_over_topologies_is_one():
    sweep = load(ROOT / "sweeps" / "topologies.toml")
    assert sweep.axes[0].name == "topology" and len(sweep.axes) == 3
