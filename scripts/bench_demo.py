"""Measure the demo sweep: wall time, trajectories per second and peak memory, at several sizes.

    python scripts/bench_demo.py                     # the demo itself, about 1e6 trajectories
    python scripts/bench_demo.py --replicates 1024 9776   # and about 1e7

Each size is one process of the command line, so that its peak memory is its own; the peak of a process that
only imports what the sweep imports is given beside it. Figures are for the machine that is named, on which other
work may have run at the same time.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
IMPORTS = "import entropyjax.jobs, entropyjax.plots, rich.progress, jax; jax.devices()"


def run(arguments: list[str]) -> dict[str, Any]:
    """Run a process to its end; return its wall time in s, processor time in s and peak memory in MiB."""
    began = time.perf_counter()
    child = os.posix_spawn(sys.executable, [sys.executable, *arguments], os.environ)
    _, status, usage = os.wait4(child, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"The measured process failed: python {' '.join(arguments)}")
    return {
        "wall_s": round(time.perf_counter() - began, 2),
        "processor_s": round(usage.ru_utime + usage.ru_stime, 2),
        "peak_mib": round(usage.ru_maxrss / 1024, 1),
    }


def machine() -> dict[str, Any]:
    """Return what the figures depend on: processor, cores, operating system and versions."""
    from entropyjax.io import provenance

    model = next((line for line in _cpuinfo() if line.startswith("model name")), platform.processor())
    return {
        "processor": model.split(":")[-1].strip(),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.platform(),
        "load_before": os.getloadavg()[0],
        "versions": provenance.versions(),
        "devices": provenance.devices(),
    }


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []


def measure(sweep: Path, replicates: int, overrides: list[str], folder: Path) -> dict[str, Any]:
    """Return the figures of one size of the sweep."""
    out = folder / f"bench-{replicates}.zarr"
    options = ["--out", str(out), "--set", f"run.replicates={replicates}", "--quiet"]
    options += [part for text in overrides for part in ("--set", text)]
    figures = run(["-m", "entropyjax", "sweep", str(sweep), *options])
    from entropyjax.io.store import open_result

    with open_result(out) as dataset:
        trajectories = int(dataset.failure_count.sum())
        checks = json.loads(dataset.attrs["step_checks"])
    rate = round(trajectories / figures["wall_s"])
    return {"trajectories": trajectories, "trajectories_per_s": rate, **figures, "step_checks": checks}


def main() -> None:
    """Measure and print; --json writes the figures to a file too."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweep", type=Path, default=ROOT / "sweeps" / "agents_by_window.toml")
    parser.add_argument("--replicates", type=int, nargs="+", default=[1024])
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", help="as for entropyjax sweep")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    record: dict[str, Any] = {"machine": machine(), "imports": run(["-c", IMPORTS]), "runs": []}
    about = record["machine"]
    print(f"{about['processor']}, {about['cores']} cores, load {about['load_before']:.1f} before the run")
    print(f"jax {about['versions']['jax']}, Python {about['versions']['python']}")
    print(f"imports alone: {record['imports']['peak_mib']:.0f} MiB")
    with tempfile.TemporaryDirectory() as folder:
        for replicates in options.replicates:
            result = measure(options.sweep, replicates, options.set, Path(folder))
            record["runs"].append(result)
            print(
                f"{result['trajectories']:>12,} trajectories: {result['wall_s']:.1f} s wall, "
                f"{result['processor_s']:.1f} s processor, {result['trajectories_per_s']:,}/s, peak "
                f"{result['peak_mib']:.0f} MiB ({result['peak_mib'] - record['imports']['peak_mib']:.0f} above imports)"
            )
    if options.json:
        options.json.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
