"""Configurations that are wrong: every problem is a sentence at its line, and nothing else is ever raised."""

from pathlib import Path

import pytest

from entropyjax.io.config import ConfigError, load

TITLE = 'title = "t"\n'


def _message(tmp_path: Path, text: str, overrides: tuple[str, ...] = ()) -> str:
    path = tmp_path / "bad.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path, overrides)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return str(caught.value).replace(f"{tmp_path}/", "")


def _axis(text: str, path: str = "params.evidence") -> str:
    return f'[[axes]]\npath = "{path}"\n{text}\n'


def _drawn(text: str, name: str = "evidence") -> str:
    return f"[population]\n{name} = {{ {text} }}\n"


def _run(text: str) -> str:
    return f"[run]\n{text}\n"


CASES = {
    # -- keys and types
    "top key": ('titel = "x"', ["bad.toml:1: 'titel' is not a key of the top level; did you mean 'title'?"]),
    "run key": (_run("horizn = 1"), ["bad.toml:2: 'horizn' is not a key of [run]; did you mean 'horizon'?"]),
    "criteria key": (
        "criteria.dwel = 1",
        ["bad.toml:1: 'dwel' is not a key of [criteria]; did you mean 'dwell'?"],
    ),
    "table": ("run = 5", ["bad.toml:1: [run] must be a table, not 5."]),
    "params table": ("params = []", ["bad.toml:1: [params] must be a table, not []."]),
    "population table": ("population = 5", ["bad.toml:1: [population] must be a table, not 5."]),
    "sources table": ("sources = 5", ["bad.toml:1: [sources] must be a table, not 5."]),
    "axes array": ("axes = 5", ["bad.toml:1: axes must be an array, not 5."]),
    "axes table": ("[axes]\npath = 1", ["bad.toml:1: axes must be an array, not {'path': 1}."]),
    "axes entry": ("axes = [\n3]", ["bad.toml:1: axes[0] must be a table, not 3."]),
    "title": ("title = 5", ["bad.toml:1: title must be text in quotes, not 5."]),
    "number": (_run('horizon = "long"'), ["bad.toml:2: horizon must be a number in step, not 'long'."]),
    "bool": (_run("horizon = true"), ["bad.toml:2: horizon must be a number in step, not True."]),
    "nan": (_run("horizon = nan"), ["bad.toml:2: horizon must be a finite number in step, not nan."]),
    "inf": (_run("tolerance = inf"), ["bad.toml:2: tolerance must be a finite number, not inf."]),
    "whole": (_run("seed = 1.0"), ["bad.toml:2: seed must be a whole number, not 1.0."]),
    "whole bool": (_run("seed = false"), ["bad.toml:2: seed must be a whole number, not False."]),
    "huge": (_run(f"horizon = 1{'0' * 400}"), ["bad.toml: run.horizon is a whole number beyond 2^1000"]),
    "beyond ints": (
        _run(f"horizon = 1{'0' * 5000}"),
        ["bad.toml: It holds a whole number of thousands of"],
    ),
    "choice": (_run('dynamics = "od"'), ["bad.toml:2: dynamics = 'od' is not possible; did you mean 'ode'?"]),
    "choice type": (
        _run("precision = 32"),
        ["precision = 32 is not possible; valid names are float32, float64."],
    ),
    # -- bounds
    "horizon": (
        _run("horizon = -1"),
        [
            "bad.toml:2: horizon = -1 step is outside (0, inf): Time up to which trajectories run. "
            "Choose a value in (0, inf); the default is 128."
        ],
    ),
    "save_intervals": (_run("save_intervals = 100001"), ["save_intervals = 100001 is outside [1, 100000]"]),
    "step": (_run("step = 0"), ["bad.toml:2: step = 0 step is outside (0, inf)"]),
    "check_share": (_run("check_share = 1.5"), ["check_share = 1.5 is outside [0, 1]"]),
    "memory": (_run("memory_mb = 63"), ["memory_mb = 63 MB is outside [64, inf)"]),
    "seed": (_run("seed = -1"), ["seed = -1 is outside [0, 9223372036854775807]"]),
    "threshold": ("[criteria]\ncollapse_threshold = 1", ["collapse_threshold = 1 is outside (0, 1)"]),
    "hysteresis": (
        "[criteria]\ncollapse_threshold = 0.05",
        ["bad.toml:1: hysteresis = 0.1 must be below collapse_threshold = 0.05"],
    ),
    "hysteresis in a cell": (
        "[criteria]\nhysteresis = 0.3\n" + _axis("values = [0.5, 0.3]", "criteria.collapse_threshold"),
        ["bad.toml:2: hysteresis = 0.3 must be below collapse_threshold = 0.3"],
    ),
    # -- run
    "method": (_run('method = "ri7"'), ["bad.toml:2: 'ri7' is not a method; did you mean 'ri6'?"]),
    "method's dynamics": (
        _run('dynamics = "agents"\nmethod = "rk4"'),
        ["bad.toml:3: method 'rk4' solves dynamics 'ode', not 'agents'; choose agents, or leave it out for"],
    ),
    "replicates": (
        _run('dynamics = "ode"\nreplicates = 2'),
        ["bad.toml:3: replicates = 2 would be that many times the same trajectory: an ODE without"],
    ),
    "agents' step": (
        _run('dynamics = "agents"\nstep = 0.5'),
        ["bad.toml:3: step = 0.5 does not apply to agents: params.step_size is their micro-step"],
    ),
    "agents' interval": (
        "[params]\nstep_size = 0.3\n" + _run('dynamics = "agents"'),
        ["bad.toml:3: horizon / save_intervals = 1 step is not a whole multiple of step_size = 0.3 step"],
    ),
    "agents' axis": (
        _run('dynamics = "agents"\nsave_intervals = 64') + _axis("values = [2, 4]", "params.step_size"),
        ["bad.toml:3: horizon / save_intervals = 2 step is not a whole multiple of step_size = 4 step"],
    ),
    "agents' rates": (
        '[params]\ncompaction_rate = 1.5\n[run]\ndynamics = "agents"',
        ["step_size * (compaction_rate + reflexion_rate) = 1.5 must stay below 1 for agents"],
    ),
    "agents' drawn step": (
        '[run]\ndynamics = "agents"\n' + _drawn('distribution = "uniform", low = 0.5, high = 1', "step_size"),
        ["bad.toml:4: step_size is the micro-step of agents and cannot be drawn"],
    ),
    "steps": (_run("step = 1e-300"), ["bad.toml:2: step = 1e-300 step is too short for horizon = 128 step"]),
    # -- model and parameters
    "model": ('[model]\nname = "stra"', ["bad.toml:2: 'stra' is not a model; did you mean 'star'?"]),
    "model name type": ("[model]\nname = 3", ["bad.toml:2: name must be text in quotes, not 3."]),
    "model option": (
        '[model]\nname = "replicator"\naffinites = [0.1]',
        ["bad.toml:3: 'affinites' is not an option of model 'replicator'; did you mean 'affinities'?"],
    ),
    "model option type": (
        '[model]\nname = "replicator"\naffinities = [\n  0.1,\n  "a"]\nmax_agents = 2.5',
        [
            "bad.toml:3: affinities[1] must be a number, not 'a'.",
            "bad.toml:6: max_agents must be a whole number, not 2.5",
        ],
    ),
    "model option value": (
        '[model]\nname = "replicator"\naffinities = [1.5]',
        ["bad.toml:3: affinities holds 1.5: each is the share of the evidence"],
    ),
    "model option nan": (
        '[model]\nname = "replicator"\naffinities = [nan]',
        ["bad.toml:3: affinities must hold finite numbers only, not [nan]."],
    ),
    "parameter": (
        "[params]\nn_agent = 3",
        ["bad.toml:2: 'n_agent' is not a parameter of this model; did you mean 'n_agents'?"],
    ),
    "parameter value": ("[params]\nn_agents = 1", ["bad.toml:2: n_agents = 1 is outside [2, inf)"]),
    "parameter bool": (
        "[params]\nevidence = true",
        ["bad.toml:2: evidence must be a number in nat, not True."],
    ),
    "parameter nan": ("[params]\nevidence = nan", ["bad.toml:2: evidence = nan nat is outside [0, inf)"]),
    "parameter array": (
        "[params]\nevidence = [1]",
        ["bad.toml:2: evidence must be one number in nat, not [1]"],
    ),
    "parameter date": (
        "[params]\nevidence = 2020-01-01",
        ["evidence must be a number in nat, not datetime.date"],
    ),
    "unit": (
        '[params]\ncontext_window = "64 tok"',
        ["context_window = '64 tok' is given in 'tok', but context_window is in ktok; write 64 or"],
    ),
    "no unit": ('[params]\ncontext_window = "64"', ["context_window = '64' is given without a unit"]),
    "text": (
        '[params]\ncontext_window = "big"',
        ["context_window must be a number in ktok, not 'big'; write it as 64"],
    ),
    "pure number": (
        '[params]\nn_agents = "8 agents"',
        ["is given in 'agents', but n_agents is a pure number; write 64."],
    ),
    "source": (
        '[params]\nn_agents = 3\n[sources]\nn_agent = "x"',
        ["bad.toml:4: 'n_agent' in [sources] is not a key"],
    ),
    "source without": (
        '[sources]\nn_agents = "x"',
        ["bad.toml:2: 'n_agents' in [sources] is not a key of [params]"],
    ),
    # -- populations
    "tag": (
        _drawn('distribution = "norm"'),
        ["bad.toml:2: population.evidence.distribution = 'norm' is not possible"],
    ),
    "no tag": (
        _drawn("mean = 1"),
        ["population.evidence lacks 'distribution'; choose one of normal, lognormal"],
    ),
    "tag type": (
        "population.evidence = 5",
        ["bad.toml:1: population.evidence must be a table, not 5."],
    ),
    "missing": (_drawn('distribution = "normal", mean = 1'), ["bad.toml:2: population.evidence lacks 'sd'"]),
    "extra": (
        _drawn('distribution = "normal", mean = 1, sd = 1, sdd = 1'),
        ["bad.toml:2: 'sdd' is not a key of population.evidence; did you mean 'sd'?"],
    ),
    "sd": (
        _drawn('distribution = "normal", mean = 1, sd = 0'),
        ["population.evidence.sd = 0 is outside (0, inf)"],
    ),
    "mean": (
        _drawn('distribution = "normal", mean = -1, sd = 1'),
        ["bad.toml:2: population.evidence.mean: evidence = -1 nat is outside [0, inf)"],
    ),
    "median": (
        _drawn('distribution = "lognormal", median = 2, sigma = 1', "initial_progress"),
        ["population.initial_progress.median: initial_progress = 2 is outside [0, 1]"],
    ),
    "low": (
        _drawn('distribution = "uniform", low = 0, high = 1', "focus_rate"),
        ["population.focus_rate.low: focus_rate = 0 1/step is outside (0, inf)"],
    ),
    "order": (
        _drawn('distribution = "uniform", low = 2, high = 1'),
        ["low = 2 must be below high = 1; exchange them."],
    ),
    "drawn name": (
        _drawn('distribution = "normal", mean = 1, sd = 1', "evidenc"),
        ["bad.toml:2: 'evidenc' is not a para"],
    ),
    "samples": (
        _drawn('distribution = "samples", values = []'),
        ["population.evidence.values is empty; give at least one"],
    ),
    "drawn and varied": (
        _drawn('distribution = "normal", mean = 1, sd = 1') + _axis("values = [1]"),
        ["bad.toml:4: axes[0] varies params.evidence, which [population] draws; remove one of them."],
    ),
    # -- axes
    "no path": ("[[axes]]\nvalues = [1]", ["bad.toml:1: axes[0] lacks 'path': dotted path of what varies."]),
    "two ways": (
        _axis("values = [1]\nlinspace = { start = 1, stop = 2, num = 2 }"),
        ["bad.toml:1: axes[0] (params.evidence) gives values and linspace; give exactly one of"],
    ),
    "no way": (_axis(""), ["bad.toml:1: axes[0] (params.evidence) gives no values; give exactly one"]),
    "empty": (
        _axis("values = []"),
        ["bad.toml:3: axes[0] (params.evidence) has no values; give at least one"],
    ),
    "scalar": (_axis("values = 3"), ["bad.toml:3: axes[0].values must be an array, not 3."]),
    "twice": (_axis("values = [1, 2, 1.0]"), ["bad.toml:3: axes[0] (params.evidence) holds 1.0 twice"]),
    "num": (
        _axis("values = [1]") + _axis("linspace = { start = 1, stop = 2, num = 0 }", "params.n_agents"),
        ["bad.toml:6: axes[1].linspace.num = 0 is outside [1, 1000000]"],
    ),
    "num type": (
        _axis("linspace = { start = 1, stop = 2, num = 2.0 }"),
        ["axes[0].linspace.num must be a whole number"],
    ),
    "stop": (
        _axis("linspace = { start = 1, num = 2 }"),
        ["bad.toml:3: axes[0].linspace lacks 'stop': last value."],
    ),
    "log zero": (
        _axis("logspace = { start = 0, stop = 2, num = 2 }"),
        ["axes[0].logspace.start = 0 is outside (0, inf)"],
    ),
    "range": (_axis("integers = { start = 3, stop = 2 }"), ["start = 3 is above stop = 2; exchange them."]),
    "log range": (
        _axis('integers = { start = 0, stop = 2, spacing = "log" }'),
        ["start = 0 has no logarithm"],
    ),
    "long range": (
        _axis("integers = { start = 0, stop = 2000000 }"),
        ["2000001 whole numbers are too many; give num"],
    ),
    "spacing": (
        _axis('integers = { start = 0, stop = 2, spacing = "lin" }'),
        ["spacing = 'lin' is not possible"],
    ),
    "axis key": (
        _axis("value = [1]"),
        ["bad.toml:3: 'value' is not a key of axes[0]; did you mean 'values'?"],
    ),
    "path": (
        _axis("values = [1]", "params.evidenc"),
        ["bad.toml:2: axes[0]: nothing stands at 'params.evidenc'; did you mean 'params.evidence'?"],
    ),
    "path of prose": (_axis('values = ["a"]', "title"), ["bad.toml:2: axes[0]: nothing stands at 'title'"]),
    "axis value": (
        _axis("values = [-1, 1, -2]"),
        [
            "bad.toml:3: axes[0]: evidence = -1 nat is outside [0, inf)",
        ],
    ),
    "axis number": (
        _axis('values = ["a"]'),
        ["bad.toml:3: axes[0]: evidence must be a number in nat, not 'a'"],
    ),
    "axis bool": (
        _axis("values = [true]"),
        ["bad.toml:3: axes[0]: evidence must be a number in nat, not True"],
    ),
    "axis criterion": (
        _axis("values = [-1.0]", "criteria.dwell"),
        ["axes[0]: dwell = -1.0 step is outside [0, inf)"],
    ),
    "same path": (_axis("values = [1]") * 2, ["bad.toml:5: axes[1] varies params.evidence, as axes[0] does"]),
    "same name": (
        '[model]\nname = "replicator"\n'
        + _drawn('distribution = "normal", mean = 1, sd = 1')
        + _drawn('distribution = "normal", mean = 1, sd = 1', "focus_rate").removeprefix("[population]\n")
        + _axis("values = [1]", "population.evidence.sd")
        + _axis("values = [1]", "population.focus_rate.sd"),
        ["bad.toml:10: axes[1]: population.focus_rate.sd and population.evidence.sd would both be"],
    ),
    "variant value": (
        _axis("values = [128, -1]", "run.horizon"),
        ["bad.toml:3: axes[0]: horizon = -1 step is outside"],
    ),
    "variant model": (
        '[params]\nrival_evidence = 0.5\n[model]\nname = "replicator"\n'
        + _axis('values = ["replicator", "star"]', "model.name"),
        ["bad.toml:2: With model.name = 'star': 'rival_evidence' is not a parameter of this model"],
    ),
    "variant axis": (
        _axis('values = ["replicator", "star"]', "model.name") + _axis("values = [0.5]", "params.rival_evidence"),
        ["bad.toml:5: With model.name = 'star': axes[1]: nothing stands at 'params.rival_evidence'"],
    ),
    "variants": (_axis("integers = { start = 0, stop = 1000 }", "run.seed"), ["run.seed make 1001 variants"]),
    "cells": (
        _axis("linspace = { start = 1, stop = 2, num = 100000 }") + _run("replicates = 100000"),
        ["bad.toml:1: The sweep has 10000000000 trajectories (cells times replicates)"],
    ),
    "variant cells": (
        _axis("values = [4294967295, 1]", "run.replicates"),
        ["bad.toml:1: The sweep has 4294967296 trajectories"],
    ),
    # -- files
    "syntax": ("a = \n", ["bad.toml:1: not valid TOML: invalid value at line 1, column 5."]),
    "syntax at end": ("a = [1", ["bad.toml: not valid TOML: unclosed array at end of document."]),
    "depth": ("a = " + "[" * 40 + "]" * 40, ["bad.toml: a[0][0] is nested more than 32 levels deep"]),
    "recursion": ("a = " + "[" * 5000, ["bad.toml: Its arrays are nested too deeply; flatten them."]),
    "base": ('\nbase = "none.toml"', ["bad.toml:2: base = 'none.toml' is not a file (none.toml)"]),
    "base type": ("base = 3", ["bad.toml:1: base must be the name of a TOML file in quotes, not 3."]),
    "base circle": (
        'base = "./bad.toml"',
        ["bad.toml:1: base = './bad.toml' leads back to a file that builds on it"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_sentence(tmp_path: Path, case: str) -> None:
    text, wanted = CASES[case]
    message = _message(tmp_path, text)
    for sentence in wanted:
        assert sentence in message
    assert len(message.splitlines()) == max(1, sum("bad.toml" in sentence for sentence in wanted))


def test_all_problems_are_found_at_once(tmp_path: Path) -> None:
    text = (
        TITLE
        + '[params]\nevidence = -1\nn_agent = 3\n[run]\nhorizon = "long"\nmethod = "rk5"\nstepp = 1\n'
        + _drawn('distribution = "normal", mean = -8, sd = 0')
        + _axis("values = []", "params.focus_noise")
        + _axis("", "params.n_agents")
        + _axis('linspace = "x"', "params.error_tokens")
        + _axis("values = [-1]", "params.system_tokens")
        + '[sources]\nnope = "x"\n'
    )
    lines = _message(tmp_path, text).splitlines()
    starts = [3, 4, 6, 8, 10, 13, 14, 19, 22, 24]
    assert sorted(int(line.split(":")[1]) for line in lines) == starts
    assert any("axes[3]: system_tokens = -1" in line for line in lines)


def test_problem_of_a_base_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text("[params]\n\nevidence = -1\n", encoding="utf-8")
    message = _message(tmp_path, 'base = "base.toml"\n[params]\nn_agents = 1\n')
    assert "base.toml:3: evidence = -1" in message and "bad.toml:3: n_agents = 1" in message
    (tmp_path / "base.toml").write_text("[run\n", encoding="utf-8")
    assert "base.toml:1: not valid TOML" in _message(tmp_path, 'base = "base.toml"\n')


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("params.evidence=-1", "--set params.evidence=-1: evidence = -1 nat is outside"),
        ("params.evidense=1", "--set params.evidense=1: 'evidense' is not a parameter"),
        ("run={horizon = -1}", "--set run={horizon = -1}: horizon = -1 step is outside"),
        ("params.evidence", "--set params.evidence: no '=' in it; write it as dotted.path=value."),
        ("params..x=1", "--set params..x=1: 'params..x' is no dotted path"),
        ("=1", "--set =1: '' is no dotted path"),
        ("title.x=1", "--set title.x=1: 'x' cannot be set inside 't', which is not a table."),
        (
            "axes[3].path=x",
            "--set axes[3].path=x: '3' is not the index of one of the 1 entries; count from 0.",
        ),
        ("axes[0].path=params.x", "--set axes[0].path=params.x: axes[0]: nothing stands at 'params.x'"),
        ("base=x.toml", "--set base=x.toml: base is read before overrides; write it in the file."),
        ("model.name=stra", "--set model.name=stra: 'stra' is not a model"),
    ],
)
def test_overrides(tmp_path: Path, override: str, said: str) -> None:
    text = TITLE + "[params]\nevidence = 3\n" + _axis("values = [2]", "params.n_agents")
    assert said in _message(tmp_path, text, (override,))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "tokens.csv does not exist; check the name"),
        ("", "tokens.csv is empty; its first line must name the columns."),
        ("ktok\n", "has no rows below its header"),
        ("ktoks\n1\n", "has no column 'ktok'; did you mean 'ktoks'?"),
        ("a,ktok\n1,2\n\n3,x\n", "row 4: 'x' in column 'ktok' is not a finite number."),
        ("a,ktok\n1\n", "row 2: '' in column 'ktok' is not a finite number."),
        ("ktok\nnan\n", "row 2: 'nan' in column 'ktok' is not a finite number."),
        ("ktok\n1\n-2\n", "executor_tokens = -2 ktok/step is outside [0, inf)"),
        (b"ktok\n\xff\n", "tokens.csv is not UTF-8 text (byte 5); save it as UTF-8."),
    ],
)
def test_samples(tmp_path: Path, content: str | bytes | None, said: str) -> None:
    if content is not None:
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / "tokens.csv").write_bytes(data)
    text = _drawn('distribution = "samples", file = "tokens.csv", column = "ktok"', "executor_tokens")
    message = _message(tmp_path, text)
    assert message.startswith("bad.toml:2: population.executor_tokens") and said in message


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ('file = "t.csv"', "column must name a column of"),
        ('file = 3, column = "x"', "file must be the name of a CSV file, not 3."),
        ('file = "t.csv", values = [1]', "it gives both values and file; give one of them."),
    ],
)
def test_samples_tables(tmp_path: Path, entry: str, said: str) -> None:
    assert said in _message(tmp_path, _drawn(f'distribution = "samples", {entry}'))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none.toml does not exist; check the name"):
        load(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="is a folder; name a file in it"):
        load(tmp_path)
    with pytest.raises(ConfigError, match="cannot be read"):
        load("a\0b")
    (tmp_path / "latin.toml").write_bytes(b'title = "\xe9"')
    with pytest.raises(ConfigError, match="is not UTF-8 text"):
        load(tmp_path / "latin.toml")


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ({"run": {"horizon": "long"}}, "config: horizon must be a number in step, not 'long'."),
        ({1: 2}, "config: The key 1 at the top level must be text."),
        ({"params": {None: 2}}, "config: The key None in params must be text."),
        ({"params": {"evidence": 1j}}, "config: evidence must be a number in nat, not 1j."),
        ({"base": "none.toml"}, "config: base = 'none.toml' is not a file"),
        ({"base": "a\0"}, "config: base = "),
        ({"model": None}, "config: [model] must be a table, not None."),
        (
            {"axes": [{"path": "model.name", "values": [["x"], {"y": 1}]}]},
            "config: axes[0]: name must be text",
        ),
    ],
)
def test_mappings(mapping: dict, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(mapping)
    assert said in str(caught.value)


def test_a_mapping_that_holds_itself() -> None:
    loop: dict = {}
    loop["run"] = loop
    with pytest.raises(ConfigError, match="nested more than 32 levels deep"):
        load(loop)
