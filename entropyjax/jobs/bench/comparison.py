"""The comparison of tools on one workload, and on all."""

import contextlib
import os
from collections.abc import Callable
from typing import Any

from entropyjax.jobs.bench import gradient, reference
from entropyjax.jobs.bench.contestant import Contestant, ToolProcess
from entropyjax.jobs.bench.machine import describe
from entropyjax.jobs.bench.measure import choose, in_turns, points_of, rates, scaling, sized
from entropyjax.jobs.bench.options import Options
from entropyjax.jobs.bench.problem import WORKLOADS
from entropyjax.jobs.bench.tool import TOOLS, AbstractTool, Unsupported

YARDSTICK = "c"
USUAL = {"rk4": 256, "adaptive": 3e-5, "sde": 256, "gradient": 256}
"""Settings that do on the machines of docs/benchmarks.md, for a quick run."""

FIRST = {"scipy": 16}
"""Trajectories of a tool's first run, where 1024 would take too long."""

SMALL = {"scipy": 64}
"""Trajectories that a tool's error is measured on, if it is slow."""

Tell = Callable[[str], None]


def bench(options: Options, tell: Tell = lambda text: None) -> dict[str, Any]:
    """Compare tools at equal error and return the report, a tree of plain values for JSON.

    **Arguments:** `tell`: called with a line on what is happening now.

    **Raises:** `UnknownNameError` for a tool or a workload that does not exist (when the options are made).
    """
    # The reference needs little of a GPU, and the tools the rest.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    before = describe(options.threads)
    workloads = {name: _compare(name, options, tell) for name in options.workloads}
    after = describe(options.threads)
    return {
        "machine": {**before, "load_after": after["load"]},
        "options": {**vars(options), "tools": list(options.tools), "workloads": list(options.workloads)},
        "error": " ".join((reference.errors.__doc__ or "").split()),
        "workloads": workloads,
    }


def _compare(workload: str, options: Options, tell: Tell) -> dict[str, Any]:
    """Return the report of one workload."""
    tools: dict[str, AbstractTool] = {name: TOOLS.get(name)() for name in options.tools}
    report = {name: {"title": tool.title, **_standing(tool, workload)} for name, tool in tools.items()}
    exact = Reference(workload, options.sample, tell)
    with contextlib.ExitStack() as stack:
        contestants: dict[str, Contestant] = {}
        for name in [name for name, entry in report.items() if entry["status"] == "measured"]:
            patience = max(600.0, 10.0 * options.seconds)
            first = min(options.first, FIRST.get(name, options.first))
            process = ToolProcess(name, workload, options.threads, patience, first)
            contestants[name] = stack.enter_context(process)
            if options.quick:
                process.settings = (USUAL[workload],)
        compete(workload, contestants, report, exact, options, tell)
    about = WORKLOADS[workload]
    return {"title": about.title, "setting": about.setting, "reference": exact.facts(), "tools": report}


def _standing(tool: AbstractTool, workload: str) -> dict[str, Any]:
    """Return what is said of a tool before it runs."""
    reason = tool.missing()
    if workload not in tool.workloads:
        return {"status": "does not do this workload"}
    return {"what": tool.workloads[workload], "status": reason or "measured"}


class Reference:
    """The reference of a workload, worked out when it is first asked for, once for each setting that it depends on."""

    def __init__(self, workload: str, sample: int, tell: Tell = lambda text: None):
        self.workload, self.sample, self._tell = workload, sample, tell
        self._found: dict[float, Any] = {}

    def errors(self, name: str, setting: float, found: Any) -> dict[str, Any]:
        """Return the errors of what a tool found; the error is `None` if its noise is its own."""
        about = WORKLOADS[self.workload]
        exact = self._at(setting if about.noisy else 0.0)
        if about.gradient:
            return gradient.errors(found, exact)
        errors = reference.errors(found, type(exact)(*(leaf[: len(found.focus)] for leaf in exact)))
        own_noise = about.noisy and not TOOLS.get(name).same_bits
        return {"error": None} if own_noise else errors

    def facts(self) -> dict[str, Any]:
        """Return how the reference was made and how far it was from an independent one."""
        if WORKLOADS[self.workload].noisy:
            return {"method": "the same steps on the same noise in float64", "trajectories": self.sample}
        exact = self._at(0.0)
        check = gradient.check() if WORKLOADS[self.workload].gradient else reference.check(exact)
        method = f"Tsitouras 5 with {reference.STEPS} steps in float64"
        return {"method": method, "trajectories": self.sample, "difference_from_dop853_at_1e-12": check}

    def _at(self, setting: float) -> Any:
        if setting not in self._found:
            self._tell(f"{self.workload}: reference")
            make = gradient.reference if WORKLOADS[self.workload].gradient else reference.reference
            self._found[setting] = make(self.workload, setting, self.sample)
        return self._found[setting]


def compete(
    workload: str,
    contestants: dict[str, Contestant],
    report: dict[str, Any],
    exact: Reference,
    options: Options,
    tell: Tell,
) -> None:
    """Measure the contestants of a workload and enter what they did into `report`."""
    for name, contestant in contestants.items():
        tell(f"{workload}: {name}: errors")
        sample = min(options.sample, SMALL.get(name, options.sample))
        try:
            points = points_of(contestant, lambda s, found, name=name: exact.errors(name, s, found), sample)
            first = min(options.first, FIRST.get(name, options.first))
            size = first if options.quick else sized(contestant, points[-1]["setting"], options.pilot, first)
        except Unsupported as error:
            report[name]["status"] = str(error)
            continue
        report[name].update(points=points, pilot_trajectories=size)
    running = {name: contestants[name] for name, entry in report.items() if "points" in entry}
    _place(workload, running, report, options.quick, tell)
    chosen = {}
    for name in running:
        best = choose(report[name]["points"], options.target)
        report[name]["chosen"] = best and best["setting"]
        if best is None:
            report[name]["status"] = f"no setting has an error of at most {options.target:g}"
        else:
            chosen[name] = best
    _contest(workload, {name: (running[name], best) for name, best in chosen.items()}, report, options, tell)


def _place(workload: str, running: dict[str, Contestant], report: dict[str, Any], quick: bool, tell: Tell) -> None:
    """Give every point its rate, all points in turns."""
    tell(f"{workload}: speed at every setting, in turns")
    jobs = {
        (name, place): lambda c=contestant, s=point["setting"], n=report[name]["pilot_trajectories"]: c.measure(s, n)
        for name, contestant in running.items()
        for place, point in enumerate(report[name]["points"])
    }
    for (name, place), records in in_turns(jobs, 1 if quick else 3).items():
        best = rates(report[name]["pilot_trajectories"], records).get("best", 0.0)
        report[name]["points"][place]["trajectories_per_s"] = best


def _contest(
    workload: str,
    chosen: dict[str, tuple[Contestant, dict[str, Any]]],
    report: dict[str, Any],
    options: Options,
    tell: Tell,
) -> None:
    """Run the chosen settings in turns, then at growing sizes."""
    jobs, counts = {}, {}
    for name, (contestant, point) in chosen.items():
        tell(f"{workload}: {name}: size of the contest")
        setting, pilot = point["setting"], report[name]["pilot_trajectories"]
        counts[name] = pilot if options.quick else sized(contestant, setting, options.contest, pilot)
        jobs[name] = lambda c=contestant, s=setting, n=counts[name]: c.measure(s, n)
    tell(f"{workload}: the contest, {options.rounds} rounds")
    for name, records in in_turns(jobs, options.rounds).items():
        done = [record for record in records if "failed" not in record]
        report[name].update(trajectories=counts[name], trajectories_per_s=rates(counts[name], records))
        if not done:
            report[name]["status"] = records[-1]["failed"]
            continue
        last = {key: value for key, value in done[-1].items() if key not in ("seconds", "peak_mib", "imports_mib")}
        report[name].update(seconds=[record["seconds"] for record in done], **last)
        report[name].update(imports_mib=done[-1]["imports_mib"], peak_mib=done[-1]["peak_mib"])
        report[name]["facts"] = chosen[name][0].facts(chosen[name][1]["setting"])
    speeds = {name: report[name]["trajectories_per_s"].get("best") for name in chosen}
    for name, speed in speeds.items():
        yard = speeds.get(YARDSTICK)
        report[name]["ratio_to_c"] = speed / yard if speed and yard else None
    still = {name: (c, p["setting"], speeds[name]) for name, (c, p) in chosen.items() if speeds[name]}
    runs = scaling(still, options.sizes, options.seconds, lambda text: tell(f"{workload}: {text}"))
    for name, found in runs.items():
        report[name]["scaling"] = found
