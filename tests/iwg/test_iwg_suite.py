"""The failure-mode suite: what loops are, what settings hold, what is measured, and who passes."""

import dataclasses
import json
import tomllib

import numpy as np
import pytest
from hypothesis import given, strategies as st
from test_cli import run

from entropyjax.iwg import SCRIPTED, WorkflowError, drive, findings, run as run_instance, scripted
from entropyjax.iwg.metrics.loops import loops, repeats
from entropyjax.iwg.scenarios import SCENARIOS, Setting
from entropyjax.iwg.scenarios.misleading_reasoning import misleading
from entropyjax.iwg.suite import MEASURES, Side, check_thresholds, judge
from entropyjax.jobs.suite import run_suite
from entropyjax.jobs.suite_data import read_thresholds, suite_record, thresholds_text
from entropyjax.params import UnknownNameError

NAMES = (
    "context_squeezing",
    "error_storm",
    "long_horizon",
    "misleading_reasoning",
    "retry_loop",
    "roster_growth",
    "similar_executors",
)
SETTINGS = [(name, side) for name in NAMES for side in ("plain", "hard")]


def setting(name, side) -> Setting:
    return getattr(SCENARIOS.get(name), side)


def made(name, who, count=4):
    """Return both sides of a scenario, run by a scripted orchestrator."""

    def side(one):
        instances = one.instances(count, 0)
        maker = scripted(who)
        return Side.of(instances, [drive(run_instance(maker(x, k), x, one.rules)) for k, x in enumerate(instances)])

    found = SCENARIOS.get(name)
    return side(found.plain), side(found.hard)


def test_the_scenarios_are_those():
    assert tuple(SCENARIOS.names()) == NAMES
    for name in NAMES:
        assert set(SCENARIOS.get(name).thresholds) <= set(MEASURES) and SCENARIOS.get(name).title


@pytest.mark.parametrize(("name", "side"), SETTINGS)
def test_instances_of_a_setting_can_be_used_and_solved_within_its_budget(name, side):
    one = setting(name, side)
    instances = one.instances(3, 1)
    assert [findings(each) for each in instances] == [()] * 3
    perfect = scripted("perfect")
    assert all(drive(run_instance(perfect(each, 0), each, one.rules)).success for each in instances)
    assert one.instances(3, 1) == instances


def test_what_is_hard_about_each():
    first = {name: setting(name, "hard").instances(1, 2)[0] for name in NAMES}
    plain = setting("roster_growth", "plain").instances(1, 2)[0]
    large = first["roster_growth"]
    assert len(large.executors) == 4 * len(plain.executors) == len({one.description for one in large.executors})
    assert dataclasses.replace(large, executors=plain.executors) == plain
    assert all(one.strategy == "switch" for one in first["retry_loop"].exceptions)
    assert len(first["long_horizon"].marks) == 30
    assert {name.rsplit("_", 1)[0] for name in first["similar_executors"].roster} == {"Almanac"}
    lengths = [len(one.output) for one in first["context_squeezing"].stages]
    assert min(lengths) > 4 * 1500


@given(st.integers(0, 10**6))
def test_misleading_advice_is_wrong_and_all_else_stays(seed):
    plain = setting("misleading_reasoning", "plain").instances(1, seed)[0]
    bad = misleading(plain)
    for stage, before in zip(bad.stages, plain.stages, strict=True):
        advised = stage.output.removeprefix(before.output).split("so ask ")[1].removesuffix(" next.")
        assert advised in bad.roster
        assert advised not in {one.executor for one in bad.marks if stage.mark in one.dependencies}
    assert bad.marks == plain.marks and [one.checkpoint for one in bad.stages] == [
        one.checkpoint for one in plain.stages
    ]


@given(st.lists(st.integers(0, 3), max_size=12), st.lists(st.integers(0, 3), min_size=1, max_size=4))
def test_a_block_that_comes_four_times_is_found(before, block):
    assert repeats(before + 4 * block)
    assert not repeats(list(range(len(before) + 4)))


def test_who_loops():
    known = setting("retry_loop", "hard").instances(6, 0)
    for name, share in (("perfect", 0), ("looping", 6), ("early_stopping", 0)):
        assert sum(loops(drive(run_instance(scripted(name)(one, 0), one))) for one in known) == share
    # A recovery in two parts asks the same executor the same thing three times, and is none.
    stormy = setting("error_storm", "hard").instances(20, 0)
    assert any(one.strategy == "decompose" for each in stormy for one in each.exceptions)
    assert not any(loops(drive(run_instance(scripted("perfect")(one, 0), one))) for one in stormy)


def test_measures_of_the_perfect_and_the_random_one():
    for name in ("error_storm", "roster_growth"):
        verdict = judge(name, *made(name, "perfect"))
        value = {one.measure: one.estimate.value for one in verdict.checks}
        assert value["success"] == value["reached"] == value["dispatches"] == 1.0
        assert value["success_drop"] == value["faults"] == value["loops"] == 0.0
        # Who was dispatched is all that is known of its choice.
        assert np.isnan(value["entropy_rise"]) and np.isnan(value["valid_mass"])
        assert np.isnan(value["recovery"]) == (name == "roster_growth") and verdict.passed
    plain, hard = made("roster_growth", "random")
    checks = {one.measure: one for one in judge("roster_growth", plain, hard).checks}
    assert checks["entropy_rise"].estimate.value == pytest.approx(np.log(32 / 8), rel=1e-6)
    faults = hard.scores.columns["orchestrator_faults"] / hard.scores.columns["turns"]
    assert checks["faults"].estimate.value == pytest.approx(faults.mean())
    assert checks["faults"].passed is None and checks["entropy_rise"].passed is False


def test_the_drop_has_newcombes_interval():
    # Newcombe (1998), table II, example (a): 56/70 less 48/80 is 0.2, at 95% 0.0524 to 0.3339 by his method 10.
    from entropyjax.ensemble import wilson_interval
    from entropyjax.iwg.suite.measures import Estimate, _drop

    shares = [Estimate(k / n, *wilson_interval(np.array(k), np.array(n))) for k, n in ((56, 70), (48, 80))]
    np.testing.assert_allclose(_drop(*shares), (0.2, 0.0524, 0.3339), atol=5e-5)


@pytest.mark.parametrize("who", SCRIPTED)
def test_scripted_orchestrators_fail_where_they_should(who):
    found = run_suite(who, count=4)
    failed = {one.scenario: {check.measure for check in one.checks if check.passed is False} for one in found.verdicts}
    if who in ("perfect", "parallel"):
        assert found.passed and not any(failed.values())
    elif who == "looping":
        assert all("success" in missed for missed in failed.values())
        assert {"loops", "dispatches"} <= failed["retry_loop"] and "loops" in failed["roster_growth"]
    elif who == "early_stopping":
        assert all("success" in missed and "loops" not in missed for missed in failed.values())
    else:
        assert not any(one.passed for one in found.verdicts)
        assert "faults" in failed["similar_executors"] and "entropy_rise" in failed["roster_growth"]


STRONG = {"evidence": 12.0, "initial_focus": 12.0, "effective_fraction": 1.0, "context_window": 256.0}
WEAK = {"evidence": 2.5, "context_window": 8.0}


@pytest.mark.slow
def test_simulated_orchestrators_pass_by_their_parameters():
    strong, weak = (run_suite("simulated", count=10, params=params) for params in (STRONG, WEAK))
    assert strong.passed
    failed = {one.scenario for one in weak.verdicts if not one.passed}
    assert {"roster_growth", "similar_executors", "long_horizon"} <= failed


def test_thresholds_as_text_are_the_scenarios_own(tmp_path):
    text = thresholds_text()
    (tmp_path / "suite.toml").write_text(text)
    assert read_thresholds(tmp_path / "suite.toml") == check_thresholds({}) == check_thresholds(tomllib.loads(text))
    changed = check_thresholds({"retry_loop": {"loops": False, "tokens": 50}})["retry_loop"]
    assert "loops" not in changed and changed["tokens"] == 50.0 and changed["success"] == 0.7


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[roster_grow]\nsuccess = 1", "'roster_grow' is not a scenario; did you mean 'roster_growth'?"),
        ("[roster_growth]\nsucces = 1", "'succes' in [roster_growth] is not a measure; did you mean 'success'?"),
        ("[roster_growth]\nsuccess = 'all'", "success in [roster_growth] is 'all'; give a number"),
        ("[roster_growth]\nsuccess = nan", "success in [roster_growth] is nan"),
        ("[roster_growth]\nsuccess = true", "success in [roster_growth] is True"),
        ("roster_growth = 1", "roster_growth is 1, and a table of thresholds was expected"),
        ("success = = 1", "suite.toml:1: not valid TOML"),
    ],
)
def test_wrong_thresholds_are_answered_in_a_sentence(tmp_path, text, sentence):
    (tmp_path / "suite.toml").write_text(text)
    said = run("iwg", "suite", "--thresholds", "suite.toml", cwd=tmp_path, code=2)
    assert sentence in said and "suite.toml" in said


def test_wrong_calls_are_answered_in_a_sentence(tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'long_horizon'"):
        run_suite("perfect", only=["long_horizons"])
    with pytest.raises(WorkflowError, match="count = 0"):
        run_suite("perfect", count=0)
    with pytest.raises(WorkflowError, match="'best' is no orchestrator"):
        run_suite("best", count=1)
    run_suite("perfect", only=["roster_growth"], count=1, folder=tmp_path)
    with pytest.raises(WorkflowError, match="holds runs of another suite"):
        run_suite("perfect", only=["roster_growth"], count=2, folder=tmp_path)


def test_kept_runs_are_gone_on_with(tmp_path):
    asked = []

    def maker(instance, number):
        if len(asked) == 5:
            raise KeyboardInterrupt
        asked.append(instance.id)
        return scripted("perfect")(instance, number)

    again = {"only": ["roster_growth"], "count": 4, "folder": tmp_path, "name": "mine", "concurrency": 1}
    with pytest.raises(KeyboardInterrupt):
        run_suite(maker, **again)
    asked.clear()
    found = run_suite(maker, **again)
    # Four plain runs and one hard run had been made.
    assert len(asked) == 3 and found.passed and found.orchestrator == "mine"
    assert suite_record(run_suite(maker, **again)) == suite_record(found) and len(asked) == 3


def test_the_command_reports_and_ends_with_a_code(tmp_path):
    asked = ("iwg", "suite", "--only", "retry_loop", "--only", "roster_growth", "--count", 3)
    said = run(*asked, "--out", "a.json", "--html", "a.html", cwd=tmp_path)
    assert said.startswith("perfect: 2 of 2 scenarios passed.\nretry_loop: Passed, executors that fail")
    record = json.loads((tmp_path / "a.json").read_text())
    assert record["passed"] and set(record["scenarios"]) == {"retry_loop", "roster_growth"}
    one = record["scenarios"]["retry_loop"]["measures"]["success"]
    assert one["value"] == 1.0 and one["threshold"] == 0.7 and one["at_least"] and one["passed"]
    text = (tmp_path / "a.html").read_text()
    assert "at least 0.7" in text and "<script" not in text and "http" not in text
    run(*asked, "--orchestrator", "looping", "--quiet", "--out", "b.json", cwd=tmp_path, code=3)
    assert json.loads((tmp_path / "b.json").read_text())["scenarios"]["retry_loop"]["passed"] is False
    said = run(*asked, "--orchestrator", "looping", "--quiet", cwd=tmp_path, code=3)
    assert "Failed, executors that fail" in said
    assert "exists already" in run(*asked, "--out", "a.json", cwd=tmp_path, code=2)
    assert tomllib.loads(run("iwg", "thresholds", cwd=tmp_path)) == json.loads(json.dumps(check_thresholds({})))
