"""The commands of workflows and their files, as a user meets them."""

import json

import numpy as np
import pytest
from test_cli import run

from entropyjax.io.lines import GrowingLines, LinesError, read_lines, write_lines
from entropyjax.io.settings import SettingsError
from entropyjax.iwg import Instance, Trajectory, decode
from entropyjax.iwg.orchestrators import scripted
from entropyjax.jobs.iwg_run import run_workflows
from entropyjax.traces import read_traces


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("iwg")
    said = run("iwg", "generate", "retrieval", "--count", 6, "--error-rate", 0.5, "--out", "a.jsonl", cwd=path)
    assert said == "6 instances: a.jsonl\n"
    run("iwg", "run", "a.jsonl", "--orchestrator", "random", "--runs", 2, "--out", "r.jsonl.gz", "--quiet", cwd=path)
    return path


def test_instances_and_runs_are_lines(folder):
    instances = [decode(Instance, line) for _, line in read_lines(folder / "a.jsonl")]
    runs = [decode(Trajectory, line) for _, line in read_lines(folder / "r.jsonl.gz")]
    assert len(instances) == 6 and len(runs) == 12
    assert sorted((one.instance, one.trial) for one in runs) == sorted((one.id, k) for one in instances for k in (0, 1))


def test_scores_are_told_and_tabled(folder):
    said = run("iwg", "score", "a.jsonl", "r.jsonl.gz", "--out", "s.csv", cwd=folder)
    assert said.startswith("12 runs\nlcs_f1 ") and "Failures: " in said and "nan" not in said
    record = json.loads(run("iwg", "score", "a.jsonl", "r.jsonl.gz", "--json", cwd=folder))
    table = np.genfromtxt(folder / "s.csv", delimiter=",", names=True)
    for name, mean in record["means"].items():
        assert table[name].mean() == pytest.approx(mean, rel=1e-6)
    assert record["at_risk"][0] == 12 and record["entropy"][0] == pytest.approx(np.log(8))


def test_runs_are_traces(folder):
    found = read_traces(folder / "r.jsonl.gz")
    assert len(found) == 12 and len(found.tasks) == 6 and found.orchestrators == ("random",)
    assert "12 runs of 6 tasks" in run("iwg", "export", "r.jsonl.gz", "--out", "t.jsonl", cwd=folder)
    again = read_traces(folder / "t.jsonl", "normalised")
    np.testing.assert_array_equal(again.error, found.error)
    np.testing.assert_allclose(again.context, found.context, atol=1e-9)
    np.testing.assert_allclose(np.exp(again.log_probability).sum(axis=1), 1.0)


@pytest.mark.slow
def test_simulated_runs_take_parameters(folder):
    asked = (
        "iwg",
        "run",
        "a.jsonl",
        "--orchestrator",
        "simulated",
        "--param",
        "evidence=30",
        "--param",
        "error_tokens=0",
    )
    run(*asked, "--out", "simulated.jsonl", "--quiet", cwd=folder)
    record = json.loads(run("iwg", "score", "a.jsonl", "simulated.jsonl", "--json", cwd=folder))
    assert record["means"]["success"] == 1.0 and record["entropy"][0] == pytest.approx(np.log(8))
    assert record["entropy"][2] < 0.5


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("generate", "retrival", "--out", "x"), "'retrival' is not a family"),
        (("generate", "files", "--out", "a.jsonl"), "a.jsonl exists already"),
        (("generate", "files", "--similarity", "2", "--out", "x"), "similarity is 2; take a number from 0 to 1"),
        (("run", "none.jsonl", "--out", "x"), "There is no file none.jsonl"),
        (("run", "r.jsonl.gz", "--out", "x"), "r.jsonl.gz:1: Instance has the unknown field 'answer'"),
        (("run", "a.jsonl", "--orchestrator", "best", "--out", "x"), "'best' is no orchestrator; take one of perfect"),
        (("run", "a.jsonl", "--param", "evidence=6", "--out", "x"), "Parameters (evidence) are those"),
        (("run", "a.jsonl", "--param", "evidence", "--out", "x"), "evidence is not NAME=VALUE"),
        (("run", "a.jsonl", "--policy", "shrink", "--out", "x"), "'shrink' is no policy"),
        (("run", "a.jsonl", "--turns", "0", "--out", "x"), "The budget of turns is 0"),
        (("run", "a.jsonl", "--orchestrator", "simulated", "--param", "n_agents=3", "--out", "x"), "n_agents is 3"),
        (("score", "a.jsonl", "a.jsonl"), "a.jsonl:1: Trajectory has the unknown field"),
        (("export", "a.jsonl", "--out", "x"), "this is no trajectory"),
    ],
)
def test_mistakes_are_answered_in_a_sentence(folder, arguments, sentence):
    assert sentence in run("iwg", *arguments, cwd=folder, code=2)
    for name in ("x", "x.partial"):
        (folder / name).unlink(missing_ok=True)


def test_interrupted_runs_are_gone_on_with(folder):
    count = iter(range(100))

    def perfect(instance, number):
        if next(count) == 3:
            raise KeyboardInterrupt
        return scripted("perfect")(instance, number)

    with pytest.raises(KeyboardInterrupt):
        run_workflows(folder / "a.jsonl", folder / "c.jsonl", perfect, concurrency=1)
    partial = folder / "c.jsonl.partial"
    assert len(partial.read_text().splitlines()) == 3
    # The last line is cut short, as by a full disk.
    partial.write_text(partial.read_text()[:-20])
    assert "go on with --resume" in run("iwg", "run", "a.jsonl", "--out", "c.jsonl", cwd=folder, code=2)
    for option, sentence in (
        (("--seed", 1), "was begun with seed 0, and now it is 1"),
        (("--policy", "truncate"), 'was begun with rules.policy "keep", and now it is "truncate"'),
        (("--orchestrator", "simulated"), 'was begun with orchestrator "perfect", and now it is "simulated"'),
    ):
        assert sentence in run("iwg", "run", "a.jsonl", "--out", "c.jsonl", "--resume", *option, cwd=folder, code=2)
    assert len(partial.read_text().splitlines()) == 3
    run("iwg", "run", "a.jsonl", "--out", "c.jsonl", "--resume", "--quiet", cwd=folder)
    run("iwg", "run", "a.jsonl", "--out", "d.jsonl", "--quiet", cwd=folder)
    assert (folder / "c.jsonl").read_text() == (folder / "d.jsonl").read_text() and not partial.exists()


def test_files_of_lines(tmp_path):
    assert write_lines(tmp_path / "new" / "a.gz", ["1", "2"]) == 2
    with GrowingLines(tmp_path / "new" / "b.gz", order=int) as file:
        file.write("2")
        file.write("1")
    # Packed, in order, and without a time.
    assert (tmp_path / "new" / "b.gz").read_bytes() == (tmp_path / "new" / "a.gz").read_bytes()
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["a.gz", "b.gz"]
    assert list(read_lines(tmp_path / "new" / "a.gz")) == [(1, "1"), (2, "2")]
    (tmp_path / "b").write_text("1\n\n3\n")
    assert list(read_lines(tmp_path / "b")) == [(1, "1"), (3, "3")]
    (tmp_path / "c").write_bytes(b"\xff\xfe")
    for name, sentence in (("none", "There is no file"), ("c", "cannot be read as text"), ("new", "cannot be read")):
        with pytest.raises(LinesError, match=sentence):
            list(read_lines(tmp_path / name))
    for make in (write_lines, lambda path, lines: GrowingLines(path)):
        with pytest.raises(LinesError, match="exists already"):
            make(tmp_path / "b", [])
        with pytest.raises(LinesError, match="cannot be written"):
            make(tmp_path / "b" / "d", [])

    def lines():
        yield "1"
        raise ValueError

    with pytest.raises(ValueError):
        write_lines(tmp_path / "d", lines())
    assert not list(tmp_path.glob("*d*"))


def test_settings_of_files(tmp_path):
    settings = {"seed": 1, "rules": {"turns": None, "names": ("a",)}}
    begin = lambda resume, changed=settings: GrowingLines(tmp_path / "a", resume, changed)  # noqa: E731
    with pytest.raises(ZeroDivisionError), begin(False):
        raise ZeroDivisionError
    # Nothing came of it, and nothing is left.
    assert not list(tmp_path.iterdir())
    with pytest.raises(ZeroDivisionError), begin(False) as file:
        file.write("1")
        raise ZeroDivisionError
    for changed, sentence in [
        ({**settings, "seed": 2}, "was begun with seed 1, and now it is 2; go on with the same"),
        ({**settings, "rules": {"turns": 3, "names": ("a",)}}, r"rules\.turns null, and now it is 3"),
        ({**settings, "new": ""}, 'new not set, and now it is ""'),
        ({"rules": settings["rules"]}, "seed 1, and now it is not set"),
    ]:
        with pytest.raises(SettingsError, match=sentence):
            begin(True, changed)
    with begin(True) as file:
        assert file.kept == ["1"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "a.settings.json"]
    (tmp_path / "a").rename(tmp_path / "a.partial")
    (tmp_path / "a.settings.json").write_text("{")
    with pytest.raises(SettingsError, match=r"cannot be read from .*begin anew"):
        begin(True)


def test_a_full_disk_is_told_and_keeps_what_is_there(tmp_path):
    with pytest.raises(LinesError, match=r"make room, and go on with --resume"), GrowingLines(tmp_path / "a") as file:
        file.write("1")
        file._file.close()
        file._file = open("/dev/full", "a")  # noqa: SIM115
        file.write("2")
    assert (tmp_path / "a.partial").read_text() == "1\n"
