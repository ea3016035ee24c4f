"""The command `bench`: wrong input gives a sentence, and a quick run gives a report."""

import json
import subprocess
import sys

import pytest

from entropyjax.cli import main


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--tools", "difrax-tuple"), "did you mean 'diffrax-tuple'?"),
        (("--tools", "c,scippy"), "did you mean 'scipy'?"),
        (("--workloads", "rk5"), "did you mean 'rk4'?"),
        (("--seconds", "0"), "--seconds"),
        (("--seconds", "soon"), "--seconds"),
        (("--rounds", "0"), "--rounds"),
        (("--threads", "100000"), "more than the"),
        (("--error", "-1"), "--error"),
        (("--sample", "1"), "--sample"),
        (("--fast",), "--fast"),
    ],
)
def test_wrong_usage_exits_with_2_and_a_sentence(arguments, expected, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["bench", *arguments])
    said = capsys.readouterr()
    assert stop.value.code == 2 and expected in said.err and not said.out


@pytest.mark.slow
def test_quick_run_writes_its_report(tmp_path):
    command = [sys.executable, "-m", "entropyjax", "bench", "--quick", "--out", str(tmp_path / "quick")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    report = json.loads((tmp_path / "quick.json").read_text(encoding="utf-8"))
    scan = report["workloads"]["rk4"]["tools"]["entropyjax-scan"]
    assert scan["status"] == "measured" and scan["trajectories_per_s"]["best"] > 0.0
    assert "entropyjax scan" in done.stdout and "error at most 0.0001" in done.stdout
