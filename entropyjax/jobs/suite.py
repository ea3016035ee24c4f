"""The job of the failure-mode suite: scenarios run on an orchestrator, each judged against its thresholds."""

import dataclasses
import json
import math
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from entropyjax.io.config.layers import read_toml
from entropyjax.io.lines import write_lines
from entropyjax.iwg import Instance, Maker, Trajectory, WorkflowError, encode
from entropyjax.iwg.scenarios import SCENARIOS, Setting
from entropyjax.iwg.suite import MEASURES, Side, Verdict, check_thresholds, judge
from entropyjax.jobs.iwg import SIMULATED, read_objects, run_workflows

Progress = Callable[[int, int, str], None]
"""Called as progress(done, total, what)."""

_MANIFEST = "suite.json"


@dataclasses.dataclass(frozen=True)
class Suite:
    """The verdicts on an orchestrator, and what they rest on: instances of each setting, runs of each, and the seed."""

    orchestrator: str
    verdicts: tuple[Verdict, ...]
    count: int
    runs: int
    seed: int

    @property
    def passed(self) -> bool:
        """Whether every scenario is passed."""
        return all(one.passed for one in self.verdicts)

    def __str__(self) -> str:
        passed = sum(one.passed for one in self.verdicts)
        first = f"{self.orchestrator}: {passed} of {len(self.verdicts)} scenarios passed."
        return "\n".join([first, *(f"{one.scenario}: {one.sentence}" for one in self.verdicts)])


def run_suite(
    orchestrator: str | Maker,
    thresholds: str | os.PathLike | Mapping[str, Mapping[str, Any]] | None = None,
    *,
    only: Sequence[str] = (),
    count: int = 20,
    runs: int = 1,
    seed: int = 0,
    params: Mapping[str, float] | None = None,
    concurrency: int = 8,
    folder: str | os.PathLike | None = None,
    name: str = "",
    progress: Progress | None = None,
) -> Suite:
    """Run an orchestrator in the scenarios, and judge it.

    **Arguments:**

    - `orchestrator`: as in `run_workflows`. The simulated one reads its context off the run, and can take for the right
      executor those that look like it.
    - `thresholds`: a TOML file with a table for each scenario, or the same as a mapping; what it leaves out stays at
      the scenario's own, as does all of it by default.
    - `only`: names of scenarios, all of them by default.
    - `count`: instances of each setting; `runs` of each instance; `seed` of instances and runs.
    - `params`: of the simulated one.
    - `folder`: where instances and runs are kept; the same call goes on with what is there.
    - `name`: of the orchestrator, by default what its runs say.

    **Raises:** `WorkflowError`, `ConfigError` or `UnknownNameError` with a sentence each, before anything is run.
    """
    asked = read_thresholds({} if thresholds is None else thresholds)
    chosen = {each: SCENARIOS.get(each) for each in (only or SCENARIOS.names())}
    if count < 1 or runs < 1:
        raise WorkflowError(f"count = {count} and runs = {runs} must be at least 1.")
    with ExitStack() as stack:
        place = Path(folder or stack.enter_context(tempfile.TemporaryDirectory()))
        label = name or (orchestrator if isinstance(orchestrator, str) else "")
        kept = {"orchestrator": label, "params": dict(params or {}), "count": count, "runs": runs, "seed": seed}
        _check_folder(place, kept)
        sides: dict[Setting, Side] = {}
        for scenario in chosen.values():
            for setting in (scenario.plain, scenario.hard):
                if setting not in sides:
                    base = place / _names()[setting]
                    how = {"runs": runs, "seed": seed, "params": params, "concurrency": concurrency}
                    sides[setting] = _side(setting, base, orchestrator, count, how, progress)
        verdicts = tuple(judge(each, sides[one.plain], sides[one.hard], asked[each]) for each, one in chosen.items())
    label = label or next(iter(sides.values())).runs[0].orchestrator
    return Suite(label, verdicts, count, runs, seed)


def read_thresholds(source: str | os.PathLike | Mapping[str, Mapping[str, Any]]) -> Mapping[str, Mapping[str, float]]:
    """Return the thresholds of every scenario from a TOML file or a mapping.

    **Raises:** `ConfigError` for a file that is no TOML; `WorkflowError` for what is not known, with file and sentence.
    """
    if isinstance(source, Mapping):
        return check_thresholds(source)
    try:
        return check_thresholds(read_toml(Path(source)).data)
    except WorkflowError as error:
        raise WorkflowError(f"{source}: {error}") from None


def thresholds_text() -> str:
    """Return the scenarios' own thresholds as the text of a TOML file, with what each measure means."""
    lines = ["# Thresholds of the failure-mode suite. What is left out stays as here; false asks nothing of a measure."]
    for name in SCENARIOS.names():
        scenario = SCENARIOS.get(name)
        lines += ["", f"[{name}]  # {scenario.title}"]
        for measure, value in scenario.thresholds.items():
            found = MEASURES[measure]
            lines.append(f"{measure} = {value}  # at {'least' if found.at_least else 'most'}: {found.doc}")
    return "\n".join(lines)


def suite_record(suite: Suite) -> dict[str, Any]:
    """Return a suite as JSON values; `null` where nothing is known or asked."""
    return {
        "passed": suite.passed,
        "orchestrator": suite.orchestrator,
        "count": suite.count,
        "runs": suite.runs,
        "seed": suite.seed,
        "scenarios": {
            one.scenario: {
                "passed": one.passed,
                "title": one.title,
                "sentence": one.sentence,
                "runs": one.runs,
                "without_reply": one.silent,
                "measures": {
                    check.measure: {
                        "value": _known(check.estimate.value),
                        "interval": [_known(check.estimate.low), _known(check.estimate.high)],
                        "threshold": check.threshold,
                        "at_least": MEASURES[check.measure].at_least,
                        "passed": check.passed,
                    }
                    for check in one.checks
                },
            }
            for one in suite.verdicts
        },
    }


def _names() -> dict[Setting, str]:
    """Return a name for the files of each setting; settings that scenarios share have the first one's."""
    out: dict[Setting, str] = {}
    for name in SCENARIOS.names():
        scenario = SCENARIOS.get(name)
        for side, setting in (("plain", scenario.plain), ("hard", scenario.hard)):
            out.setdefault(setting, f"{name}-{side}")
    return out


def _check_folder(place: Path, kept: dict[str, Any]) -> None:
    """Note what the runs in a folder are of; raise `WorkflowError` if they are of something else."""
    manifest, text = place / _MANIFEST, json.dumps(kept, sort_keys=True)
    if not manifest.exists():
        write_lines(manifest, [text])
    elif manifest.read_text(encoding="utf-8").strip() != text:
        raise WorkflowError(f"{place} holds runs of another suite ({manifest} says which); choose another folder.")


def _side(
    setting: Setting,
    base: Path,
    orchestrator: str | Maker,
    count: int,
    how: Mapping[str, Any],
    progress: Progress | None,
) -> Side:
    """Return a setting's runs: those that are kept, and the missing ones made now."""
    workflows, done = base.with_name(f"{base.name}.jsonl"), base.with_name(f"{base.name}-runs.jsonl")
    if not workflows.exists():
        write_lines(workflows, map(encode, setting.instances(count, how["seed"])))
    instances = read_objects(Instance, workflows)
    if not done.exists():
        more: dict[str, Any] = {}
        if orchestrator == SIMULATED:
            similarity = {"roster_similarity": _similarity(setting, len(instances[0].executors))}
            more = {"params": similarity | dict(how["params"] or {}), "measured": True}

        def tell(finished: int, total: int, what: str) -> None:
            if progress is not None:
                progress(finished, total, f"{what} of {base.name}")

        run_workflows(workflows, done, orchestrator, rules=setting.rules, resume=True, progress=tell, **{**how, **more})
    return Side.of(instances, read_objects(Trajectory, done))


def _similarity(setting: Setting, executors: int) -> float:
    """Return phi_s with a whole number of executors, one at least, that look like the right one."""
    if executors < 2:
        return 1.0
    return max(1, math.floor(setting.difficulty.similarity * (executors - 1) + 0.5)) / (executors - 1)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
