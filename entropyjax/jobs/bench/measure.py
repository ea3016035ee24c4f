"""How contestants are measured: error, then speed in turns, then size."""

import statistics
from collections.abc import Callable, Sequence
from typing import Any

from entropyjax.jobs.bench.contestant import Contestant
from entropyjax.jobs.bench.tool import Unsupported

CHANGED = 2e-3
"""Most trajectories whose outcome may differ from the reference's, as a share, at a setting that counts as exact."""

_MOST = 2**27


def points_of(contestant: Contestant, error_of: Callable[[float, Any], dict[str, Any]], sample: int) -> list[dict]:
    """Return the settings that a contestant could run, each with its errors and the time until it was ready."""
    points = []
    for setting in contestant.settings:
        ready = contestant.prepare(setting)
        errors = error_of(setting, contestant.lanes(setting, sample))
        points.append({"setting": setting, **errors, **ready})
    return points


def passes(point: dict[str, Any], target: float) -> bool:
    """Return whether a point is exact enough; one without an error (its noise is its own) is."""
    if point.get("error") is None:
        return True
    return point["error"] <= target and point.get("outcomes_changed", 0.0) <= CHANGED


def choose(points: Sequence[dict[str, Any]], target: float) -> dict[str, Any] | None:
    """Return the fastest of the points that are exact enough, or `None`."""
    good = [point for point in points if passes(point, target)]
    return max(good, key=lambda point: point["trajectories_per_s"], default=None)


def sized(contestant: Contestant, setting: float, seconds: float, first: int) -> int:
    """Return a number of trajectories that takes about `seconds`, a power of two."""
    count = first
    took = contestant.measure(setting, count)["seconds"]
    # A small run tells little of a large one, so the size is approached in two strides.
    for stride in (64.0, float("inf")):
        wanted = min(max(seconds / max(took, 1e-9), 1.0), stride) * count
        larger = min(2 ** max(int(wanted).bit_length() - 1, 0), _MOST)
        if larger <= count:
            return count
        count, took = larger, contestant.measure(setting, larger)["seconds"]
    return count


def in_turns(jobs: dict[Any, Callable[[], dict[str, Any]]], rounds: int) -> dict[Any, list[dict[str, Any]]]:
    """Return the records of every job: each runs once in a round, so that all see the same disturbances.

    A job that fails drops out; its sentence stays as the last record, under `failed`.
    """
    records: dict[Any, list[dict[str, Any]]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            if records[name] and "failed" in records[name][-1]:
                continue
            try:
                records[name].append(job())
            except Unsupported as error:
                records[name].append({"failed": str(error)})
    return records


def rates(count: int, records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the best, median and worst rate of the runs of one size, in trajectories/s."""
    found = sorted(count / record["seconds"] for record in records if "failed" not in record)
    if not found:
        return {}
    return {"best": found[-1], "median": statistics.median(found), "worst": found[0]}


def scaling(
    contestants: dict[str, tuple[Contestant, float, float]],
    sizes: Sequence[int],
    seconds: float,
    tell: Callable[[str], None] = lambda text: None,
) -> dict[str, list[dict[str, Any]]]:
    """Return for every contestant its time at each size, up to the one that takes `seconds`.

    **Arguments:** `contestants`: by name, with their setting and the rate that is expected of them; `sizes`:
    increasing.
    """
    out: dict[str, list[dict[str, Any]]] = {name: [] for name in contestants}
    for size in sizes:
        for name, (contestant, setting, rate) in contestants.items():
            runs = out[name]
            expected = size / (runs[-1]["trajectories_per_s"] if runs and runs[-1]["seconds"] > 1.0 else rate)
            if expected > seconds or (runs and runs[-1]["count"] < size and "failed" in runs[-1]):
                continue
            tell(f"{name}: {size:,} trajectories")
            try:
                record = contestant.measure(setting, size)
            except Unsupported as error:
                runs.append({"count": size, "seconds": 0.0, "trajectories_per_s": rate, "failed": str(error)})
                continue
            kept = {"count": size, "seconds": record["seconds"], "trajectories_per_s": size / record["seconds"]}
            runs.append(kept | {"peak_mib": record["peak_mib"]})
    return {name: [run for run in runs if "failed" not in run] for name, runs in out.items()}
