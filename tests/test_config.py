"""Configurations that are right: what they mean, what they inherit, and how they change."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from entropyjax.io.config import Axis, ConfigError, LogNormal, Normal, Samples, SweepConfig, Uniform, load

ROOT = Path(__file__).parents[1]
FULL = """\
title = "Collapse over agents and window"
description = "All that a file may hold."

[model]
name = "replicator"
affinities = [0.6, 0.2]

[params]
context_window = "64 ktok"
n_agents = 8
step_size = 0.5

[criteria]
collapse_threshold = 0.6
progress_tolerance = 0.02
dwell = 2
hysteresis = 0.2

[run]
dynamics = "sde"
method = "euler_maruyama"
horizon = 64
step = 0.125
save_intervals = 32
replicates = 16
seed = 9223372036854775807
precision = "float64"
tolerance = 0.02
check_share = 0
max_refinements = 0
memory_mb = 64

[population]
evidence = { distribution = "normal", mean = 8, sd = 1.0 }
focus_rate = { distribution = "lognormal", median = 1.0, sigma = 0.3 }
compaction_rate = { distribution = "uniform", low = 0.05, high = 0.1 }
executor_tokens = { distribution = "samples", file = "tokens.csv", column = "ktok" }

[[axes]]
path = "params.n_agents"
integers = { start = 2, stop = 128, num = 7, spacing = "log" }

[[axes]]
path = "params.context_window"
logspace = { start = 16.0, stop = 256.0, num = 5 }

[[axes]]
path = "criteria.dwell"
values = [0.0, 1.5]

[[axes]]
path = "params.reasoning_tokens"
linspace = { start = 0, stop = 2, num = 3 }

[[axes]]
path = "run.seed"
values = [0, 1]

[sources]
n_agents = "assumption"
"""


@pytest.fixture
def full(tmp_path: Path) -> Path:
    (tmp_path / "tokens.csv").write_text("run,ktok\na,1.5\nb,0.25\n\n", encoding="utf-8")
    path = tmp_path / "full.toml"
    path.write_text(FULL, encoding="utf-8")
    return path


def test_full_file(full: Path) -> None:
    config = load(full)
    assert config.model.name == "replicator"
    assert config.model.build().affinities == (0.6, 0.2)
    assert config.params == {"context_window": 64.0, "n_agents": 8.0, "step_size": 0.5}
    assert config.criteria.build().hysteresis == 0.2
    assert config.run.method == "euler_maruyama" and config.run.seed == 2**63 - 1
    assert config.population == {
        "evidence": Normal(mean=8.0, sd=1.0),
        "focus_rate": LogNormal(median=1.0, sigma=0.3),
        "compaction_rate": Uniform(low=0.05, high=0.1),
        "executor_tokens": Samples(values=(1.5, 0.25)),
    }
    assert config.axes[0].values == (2, 4, 8, 16, 32, 64, 128)
    assert all(isinstance(value, int) for value in config.axes[0].values)
    assert config.axes[1].values == pytest.approx((16.0, 32.0, 64.0, 128.0, 256.0), rel=1e-14)
    assert (config.axes[1].values[0], config.axes[1].values[-1]) == (16.0, 256.0)
    assert config.axes[3].values == (0.0, 1.0, 2.0)
    assert config.shape == (7, 5, 2, 3, 2)
    assert [axis.name for axis in config.variant_axes] == ["seed"]
    assert [axis.name for axis in config.parameter_axes] == [
        "n_agents",
        "context_window",
        "dwell",
        "reasoning_tokens",
    ]
    assert config.sources == {"n_agents": "assumption"}


def test_empty_mapping_is_the_default() -> None:
    config = load({})
    assert config.model.name == "star" and config.run.dynamics == "sde" and config.run.method == "ri6"
    assert (config.run.replicates, config.run.step, config.shape) == (1024, 0.25, ())
    with pytest.raises(ValueError, match="frozen"):
        config.run.seed = 1  # pyright: ignore


@pytest.mark.parametrize(
    ("run", "method", "replicates", "step"),
    [
        ({"dynamics": "ode"}, "rk4", 1, 0.25),
        ({"dynamics": "ode", "replicates": 1, "method": None}, "rk4", 1, 0.25),
        ({"dynamics": "agents"}, "agents", 1024, None),
        ({"dynamics": "sde", "step": 1}, "ri6", 1024, 1.0),
    ],
)
def test_defaults_follow_the_dynamics(run, method, replicates, step) -> None:
    config = load({"run": run})
    assert (config.run.method, config.run.replicates, config.run.step) == (method, replicates, step)


def test_population_gives_an_ode_replicates() -> None:
    drawn = {"evidence": {"distribution": "normal", "mean": 8.0, "sd": 1.0}}
    assert load({"run": {"dynamics": "ode"}, "population": drawn}).run.replicates == 1024


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.toml")), ids=lambda path: path.stem)
def test_every_preset_loads(path: Path) -> None:
    config = load(path)
    assert set(config.sources) == set(config.params)
    assert load(config.to_dict()) == config


@pytest.mark.parametrize("path", sorted((ROOT / "sweeps").glob("*.toml")), ids=lambda path: path.stem)
def test_every_sweep_loads(path: Path) -> None:
    config = load(path)
    assert load(config.to_dict()) == config


def test_round_trip_and_run_id(full: Path) -> None:
    config = load(full)
    text = json.dumps(config.to_dict(), allow_nan=False)
    again = load(json.loads(text))
    assert again == config and again.run_id == config.run_id and again.to_dict() == config.to_dict()
    assert len(config.run_id) == 12 and int(config.run_id, 16) >= 0
    shuffled = {key: item for key, item in reversed(config.to_dict().items())}
    shuffled["params"] = dict(reversed(shuffled["params"].items()))
    assert load(shuffled).run_id == config.run_id
    same = {"title": "x", "description": "y", "run.memory_mb": 128, "sources.step_size": "z"}
    assert config.with_values(same).run_id == config.run_id
    for path, value in {"run.replicates": 17, "params.n_agents": 9, "criteria.dwell": 3.0}.items():
        assert config.with_values({path: value}).run_id != config.run_id


def test_run_id_does_not_tell_64_from_64_0() -> None:
    whole, real = (load({"axes": [{"path": "params.n_agents", "values": [n]}]}) for n in (64, 64.0))
    assert whole == real and whole.run_id == real.run_id
    assert load({"run": {"seed": 1}}).run_id != load({"run": {"seed": 2}}).run_id


def test_samples_change_the_run_id(full: Path) -> None:
    before = load(full).run_id
    (full.parent / "tokens.csv").write_text("ktok\n1.5\n0.26\n", encoding="utf-8")
    assert load(full).run_id != before


def test_overrides(full: Path) -> None:
    config = load(
        full,
        [
            "params.n_agents=16",
            "run.dynamics=ode",
            "run.method = tsit5",
            'params.evidence="7 nat"',
            "axes[0].integers.num=3",
            "axes.4.values=[5]",
            "title=no toml, just text",
            'model={ name = "star" }',
        ],
    )
    assert config.params["n_agents"] == 16.0 and config.params["evidence"] == 7.0
    assert (config.run.dynamics, config.run.method) == ("ode", "tsit5")
    assert len(config.axes[0].values) == 3 and config.axes[4].values == (5,)
    assert config.title == "no toml, just text" and not config.model.options


def test_override_cannot_smuggle_keys() -> None:
    assert load({}, ["title=1\nbase = 2"]).title == "1\nbase = 2"


def test_bases_are_merged_under(tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "sweeps").mkdir()
    (tmp_path / "configs" / "t.csv").write_text("x\n1\n", encoding="utf-8")
    (tmp_path / "configs" / "root.toml").write_text(
        'title = "root"\n[params]\nn_agents = 3\nevidence = 5\n'
        '[population]\nexecutor_tokens = { distribution = "samples", file = "t.csv", column = "x" }\n'
        'focus_rate = { distribution = "uniform", low = 1, high = 2 }\n',
        encoding="utf-8",
    )
    (tmp_path / "configs" / "middle.toml").write_text(
        'base = "root.toml"\n[params]\nn_agents = 4\nfocus_noise = 0.1\n', encoding="utf-8"
    )
    sweep = tmp_path / "sweeps" / "sweep.toml"
    sweep.write_text(
        'base = "../configs/middle.toml"\nparams.focus_noise = 0.2\n'
        '[population.focus_rate]\ndistribution = "normal"\nmean = 1\nsd = 2\n',
        encoding="utf-8",
    )
    config = load(sweep)
    assert config.title == "root"
    assert config.params == {"n_agents": 4.0, "evidence": 5.0, "focus_noise": 0.2}
    assert config.population["executor_tokens"] == Samples(values=(1.0,))
    assert config.population["focus_rate"] == Normal(mean=1.0, sd=2.0)
    mapping = {"base": os.path.relpath(sweep), "params": {"evidence": 6}}
    assert load(mapping).params["evidence"] == 6.0


def test_with_values_drops_the_axis_and_follows_the_dynamics() -> None:
    config = load(
        {
            "run": {"replicates": 10, "step": 0.5},
            "axes": [
                {"path": "run.dynamics", "values": ["sde", "ode", "agents"]},
                {"path": "params.n_agents", "values": [2, 4]},
            ],
        }
    )
    assert config.shape == (3, 2)
    ode = config.with_values({"run.dynamics": "ode"})
    assert ode.shape == (2,) and not ode.variant_axes
    assert (ode.run.method, ode.run.replicates, ode.run.step) == ("rk4", 1, 0.5)
    agents = config.with_values({"run.dynamics": "agents", "run.replicates": 7})
    assert (agents.run.method, agents.run.replicates, agents.run.step) == ("agents", 7, None)
    assert agents.with_values({"run.dynamics": "sde"}).run.step == 0.25
    assert config.with_values({"run.dynamics": "sde"}).run == config.run
    assert config.with_values({"model.name": "replicator", "model.affinities": [0.5]}).model.options == {
        "affinities": (0.5,)
    }
    with pytest.raises(ConfigError, match=r"^config: 'stra' is not a model; did you mean 'star'"):
        config.with_values({"model.name": "stra"})
    with pytest.raises(ConfigError, match=r"^config: 'x' cannot be set inside 128.0, which is not a table"):
        config.with_values({"run.horizon.x": 1})


def test_axis_over_models_gives_the_model_its_default() -> None:
    config = load(
        {
            "params": {"rival_evidence": 0.5},
            "axes": [
                {"path": "model.name", "values": ["replicator"]},
                {"path": "params.rival_decay", "linspace": {"start": 0.0, "stop": 1.0, "num": 3}},
            ],
        }
    )
    assert config.model.name == "replicator" and config.axes[0].name == "model"
    options = load({"model": {"name": "replicator"}, "axes": [{"path": "model.affinities", "values": [[0.1], []]}]})
    assert options.axes[0] == Axis(path="model.affinities", values=((0.1,), ()))
    assert load(options.to_dict()) == options


def test_numpy_values_are_plain() -> None:
    config = load(
        {
            "params": {"evidence": np.float64(2.0)},
            "run": {"seed": np.int64(3)},
            "axes": [{"path": "params.n_agents", "values": np.arange(2, 5)}],
        }
    )
    assert config.run.seed == 3 and config.axes[0].values == (2, 3, 4)
    assert isinstance(config, SweepConfig)


def test_logspace_spans_the_floating_range() -> None:
    spread = {"start": 1e-300, "stop": 1e300, "num": 5}
    values = load({"axes": [{"path": "params.error_tokens", "logspace": spread}]}).axes[0].values
    assert np.all(np.diff(np.log(values)) > 0.0) and np.all(np.isfinite(values))
    assert (values[0], values[-1]) == (1e-300, 1e300)


def test_sample_files_are_relative_to_the_file_that_names_them(full: Path, monkeypatch) -> None:
    (full.parent / "other").mkdir()
    (full.parent / "other" / "more.csv").write_text("ktok\n3\n", encoding="utf-8")
    (full.parent / "other" / "child.toml").write_text('base = "../full.toml"\n', encoding="utf-8")
    monkeypatch.chdir(full.parent)
    assert load("other/child.toml") == load("full.toml") == load(full)
    swapped = load("other/child.toml", ["population.executor_tokens.file=more.csv"])
    assert swapped.population["executor_tokens"] == Samples(values=(3.0,))
    table = 'population.evidence={ distribution = "samples", file = "more.csv", column = "ktok" }'
    assert load("other/child.toml", [table]).population["evidence"] == Samples(values=(3.0,))


def test_new_dynamics_by_override_drop_what_belongs_to_the_old_ones():
    source = {"run": {"dynamics": "sde", "method": "ri6", "step": 0.25, "replicates": 8}}
    agents = load(source, ["run.dynamics=agents"])
    assert (agents.run.method, agents.run.step, agents.run.replicates) == ("agents", None, 8)
    lone = load(source, ["run.dynamics=ode"])
    assert (lone.run.method, lone.run.step, lone.run.replicates) == ("rk4", 0.25, 1)
    kept = load(source, ["run.dynamics=ode", "run.method=tsit5"])
    assert kept.run.method == "tsit5"
    same = load(source, ["run.dynamics=sde"])
    assert (same.run.method, same.run.step) == ("ri6", 0.25)


@pytest.mark.parametrize(("horizon", "intervals"), [(128.0, 128), (100, 100), (0.5, 1), (2000.0, 1000), (1025.0, 513)])
def test_save_times_follow_the_horizon(horizon, intervals):
    assert load({"run": {"horizon": horizon}}).run.save_intervals == intervals
    assert load({"run": {"horizon": horizon, "save_intervals": 7}}).run.save_intervals == 7
