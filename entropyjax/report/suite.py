"""The failure-mode suite as a page."""

from entropyjax.io import provenance
from entropyjax.iwg.suite import MEASURES, Check, Verdict
from entropyjax.jobs.suite_data import Suite
from entropyjax.report.page import Page, Section, Table


def page(suite: Suite) -> Page:
    """Return the verdicts on an orchestrator as a page."""
    missed = [one.scenario for one in suite.verdicts if not one.passed]
    verdict = (
        str(suite).split("\n", maxsplit=1)[0],
        f"Failed: {', '.join(missed)}." if missed else "No threshold is missed.",
    )
    made = (
        f"{suite.count} instances of each setting, {suite.runs} runs of each, seed {suite.seed}. "
        "Brackets hold 90% by the number of runs.",
        f"Versions {provenance.versions()}; commit {provenance.git_commit()}.",
    )
    sections = (_overview(suite), *map(_section, suite.verdicts), _measures())
    return Page("Failure modes of an orchestrator", verdict, sections, made)


def _overview(suite: Suite) -> Section:
    rows = tuple((one.scenario, _word(one.passed), one.title) for one in suite.verdicts)
    return Section("Scenarios", tables=(Table(("scenario", "verdict", "what is made hard"), rows),))


def _section(verdict: Verdict) -> Section:
    rows = tuple(map(_row, verdict.checks))
    table = Table(("measure", "value", "90% interval", "asked", "verdict"), rows)
    return Section(verdict.scenario, (verdict.sentence,), tables=(table,))


def _row(check: Check) -> tuple[str, ...]:
    value, low, high = check.estimate.texts
    unit = MEASURES[check.measure].unit
    number = f"{value}{'' if unit == '-' else f' {unit}'}" if check.known else "not known"
    asked = ""
    if check.threshold is not None:
        asked = f"at {'least' if MEASURES[check.measure].at_least else 'most'} {check.threshold:g}"
    interval = f"{low} to {high}" if check.estimate.bounded else ""
    return check.measure, number, interval, asked, _word(check.passed)


def _word(passed: bool | None) -> str:
    return {True: "passed", False: "failed", None: ""}[passed]


def _measures() -> Section:
    rows = tuple((name, one.unit, one.doc) for name, one in MEASURES.items())
    return Section("Measures", tables=(Table(("measure", "unit", "meaning"), rows),))
