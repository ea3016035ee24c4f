"""The job of the failure-mode suite: scenarios run on an orchestrator, each judged against its thresholds."""

import json
import math
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from entropyjax.io.lines import write_lines
from entropyjax.iwg import ChatSettings, Instance, Maker, Trajectory, WorkflowError, encode
from entropyjax.iwg.scenarios import SCENARIOS, Setting
from entropyjax.iwg.suite import Side, judge
from entropyjax.jobs.asked import Asked
from entropyjax.jobs.iwg_files import read_objects
from entropyjax.jobs.iwg_run import SIMULATED, run_workflows
from entropyjax.jobs.suite_data import Suite, read_thresholds

Progress = Callable[[int, int, str], None]
"""Called as progress(done, total, what)."""

_MANIFEST = "suite.json"


def run_suite(
    orchestrator: str | Maker | Asked,
    thresholds: str | os.PathLike | Mapping[str, Mapping[str, Any]] | None = None,
    *,
    only: Sequence[str] = (),
    count: int = 20,
    runs: int = 1,
    seed: int = 0,
    params: Mapping[str, float] | None = None,
    chat: ChatSettings = ChatSettings(),
    concurrency: int = 8,
    folder: str | os.PathLike | None = None,
    name: str = "",
    progress: Progress | None = None,
) -> Suite:
    """Run an orchestrator in the scenarios, and judge it.

    **Arguments:**

    - `orchestrator`: what `run_workflows` takes. The simulated one reads its context off the run, and can take for the
      right executor those that look like it.
    - `thresholds`: a TOML file with a table for each scenario, or the same as a mapping; what it leaves out stays at
      the scenario's own, as does all of it by default.
    - `only`: names of scenarios, all of them by default.
    - `count`: instances of each setting; `runs` of each instance; `seed` of instances and runs.
    - `params`: of the simulated one; `chat`: how a chat model is asked.
    - `folder`: where instances and runs are kept; the same call goes on with what is there.
    - `name`: of the orchestrator, by default what its runs say.

    **Raises:** `WorkflowError`, `ConfigError` or `UnknownNameError` with a sentence each, before anything is run;
    `JobError` if an endpoint fails, or its model never names an executor.
    """
    asked = read_thresholds({} if thresholds is None else thresholds)
    chosen = {each: SCENARIOS.get(each) for each in (only or SCENARIOS.names())}
    if count < 1 or runs < 1:
        raise WorkflowError(f"count = {count} and runs = {runs} must be at least 1.")
    label = name or _label(orchestrator)
    kept = {"orchestrator": label, "params": dict(params or {}), "count": count, "runs": runs, "seed": seed}
    how = {"runs": runs, "seed": seed, "params": params, "chat": chat, "concurrency": concurrency}
    settings = dict.fromkeys(each for one in chosen.values() for each in (one.plain, one.hard))
    with ExitStack() as stack:
        place = Path(folder or stack.enter_context(tempfile.TemporaryDirectory()))
        _check_folder(place, kept)
        sides = {each: _side(each, place, orchestrator, count, how, progress) for each in settings}
    verdicts = tuple(judge(each, sides[one.plain], sides[one.hard], asked[each]) for each, one in chosen.items())
    label = label or next(iter(sides.values())).runs[0].orchestrator
    return Suite(label, verdicts, count, runs, seed)


def _label(orchestrator: str | Maker | Asked) -> str:
    if isinstance(orchestrator, Asked):
        return orchestrator.endpoint.model
    return orchestrator if isinstance(orchestrator, str) else ""


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
    place: Path,
    orchestrator: str | Maker | Asked,
    count: int,
    how: Mapping[str, Any],
    progress: Progress | None,
) -> Side:
    """Return a setting's runs: those that are kept, and the missing ones made now."""
    name = _names()[setting]
    workflows, done = place / f"{name}.jsonl", place / f"{name}-runs.jsonl"
    if not workflows.exists():
        write_lines(workflows, map(encode, setting.instances(count, how["seed"])))
    instances = read_objects(Instance, workflows)
    if not done.exists():
        more: dict[str, Any] = {}
        if orchestrator == SIMULATED:
            similarity = {"roster_similarity": _similarity(setting, len(instances[0].executors))}
            more = {"params": similarity | dict(how["params"] or {}), "measured": True}
        if progress is not None:
            more["progress"] = lambda finished, total, what: progress(finished, total, f"{what} of {name}")
        run_workflows(workflows, done, orchestrator, rules=setting.rules, resume=True, **{**how, **more})
    return Side.of(instances, read_objects(Trajectory, done))


def _similarity(setting: Setting, executors: int) -> float:
    """Return phi_s with a whole number of executors, one at least, that look like the right one."""
    if executors < 2:
        return 1.0
    return max(1, math.floor(setting.difficulty.similarity * (executors - 1) + 0.5)) / (executors - 1)
