"""A report as text."""

from typing import Any


def table(report: dict[str, Any]) -> str:
    """Return the report's figures as a table for each workload, and how the errors are defined."""
    machine, options = report["machine"], report["options"]
    lines = [
        f"{machine['processor']}, {machine['threads']} thread(s) of {machine['cores']}, "
        f"load {_number(machine['load'])} before and {_number(machine['load_after'])} after; "
        f"jax {machine['versions']['jax']}, Python {machine['versions']['python']}",
    ]
    for name, workload in report["workloads"].items():
        about = f"{name}: {workload['title']}; error at most {options['target']:g} on {options['sample']} trajectories"
        lines += ["", about, *_rows(workload)]
        lines += [f"  {entry['title']}: {entry['status']}" for entry in workload["tools"].values() if _said(entry)]
    return "\n".join(lines)


_HEADINGS = ("tool", "setting", "error", "best/s", "median/s", "worst/s", "of C", "first s", "MiB", "above imports")


def _rows(workload: dict[str, Any]) -> list[str]:
    rows: list[tuple[str, ...]] = [_HEADINGS]
    for entry in workload["tools"].values():
        rate = entry.get("trajectories_per_s")
        if not rate:
            continue
        point = next(point for point in entry["points"] if point["setting"] == entry["chosen"])
        rows.append(
            (
                entry["title"],
                f"{workload['setting']} {point['setting']:g}",
                "own noise" if point["error"] is None else f"{point['error']:.1e}",
                *(f"{rate[which]:,.0f}" for which in ("best", "median", "worst")),
                _number(entry["ratio_to_c"], 3),
                f"{point['first_result_s']:.1f}",
                f"{entry['peak_mib']:.0f}",
                f"{entry['peak_mib'] - entry['imports_mib']:.0f}",
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(_HEADINGS))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  " + "  ".join(cells).rstrip())
    return [*lines, *_extra(workload)] if len(rows) > 1 else []


def _extra(workload: dict[str, Any]) -> list[str]:
    """Return lines on what only some tools tell."""
    lines = []
    for entry in workload["tools"].values():
        cost = entry.get("facts", {}).get("ns_per_step_one_thread")
        if cost:
            lines.append(f"  {entry['title']}: {cost:.2f} ns per trajectory and step on one thread")
        if entry.get("forward_seconds") and entry.get("seconds"):
            ratio = min(entry["seconds"]) / entry["forward_seconds"]
            lines.append(f"  {entry['title']}: a gradient costs {ratio:.1f} forward passes")
    return lines


def _said(entry: dict[str, Any]) -> bool:
    return entry["status"] not in ("measured", "does not do this workload")


def _number(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
