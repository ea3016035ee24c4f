"""The comparison of tools: every tool solves the problem, the C program does the same work, the turns are fair."""

import contextlib
import json
import sys

import jax
import numpy as np
import pytest

from entropyjax.jobs.bench import QUICK, Options, table
from entropyjax.jobs.bench.comparison import Reference, compete
from entropyjax.jobs.bench.contestant import ToolProcess
from entropyjax.jobs.bench.measure import choose, in_turns, rates, scaling, sized
from entropyjax.jobs.bench.problem import HORIZON, WORKLOADS, Lanes, parameters
from entropyjax.jobs.bench.reference import check, errors, reference
from entropyjax.jobs.bench.summary import combine, from_sums, moments, pooled, summarise
from entropyjax.jobs.bench.tool import TOOLS, Unsupported
from entropyjax.jobs.bench.tools.c_program import CProgram, compiler
from entropyjax.jobs.bench.tools.ensemble_paths import lanes_of, request
from entropyjax.jobs.bench.worker import Worker
from entropyjax.params import UnknownNameError
from entropyjax.plots import PlotError
from entropyjax.plots.bench import scaling as draw_scaling, work_precision
from entropyjax.results import Outcome

COUNT = 96

needs_compiler = pytest.mark.skipif(compiler() is None, reason="there is no C compiler here")


@pytest.fixture(autouse=True)
def single_precision():
    """The tools run as in a user's process, not as in a test's."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(jax.enable_x64(False))
        stack.enter_context(jax.numpy_dtype_promotion("standard"))
        stack.enter_context(jax.numpy_rank_promotion("allow"))
        yield


@pytest.fixture(scope="module")
def exact():
    return reference("rk4", 0.0, COUNT)


@pytest.fixture(scope="module")
def program():
    # One vector at a time compiles fastest.
    return CProgram(groups=(1,))


def head(lanes, count):
    return Lanes(*(leaf[:count] for leaf in lanes))


def test_the_problem_has_every_outcome_but_one_in_good_number(exact):
    share = np.bincount(exact.outcome, minlength=len(Outcome)) / COUNT
    assert share[Outcome.RESOLVED] > 0.3
    assert min(share[Outcome.COLLAPSED], share[Outcome.NEVER_FOCUSED]) > 0.08


def test_the_reference_is_that_of_dop853(exact):
    # The states agree to 1e-9; a cubic of steps of 1/32 places an event within 1e-7 of T.
    difference = check(exact, 2)
    assert difference["state"] < 1e-8
    assert difference["collapse_time"] < 1e-7


# RK4 with 512 steps is within 1e-5 of the solution, so that C's own mistakes would show.
@needs_compiler
def test_c_solves_the_problem(program, exact):
    run = program.prepare("rk4", 512, 2)
    found = run.lanes(COUNT)
    assert errors(found, exact)["error"] < 1e-5
    for ours, theirs in zip(found[3:7], exact[3:7], strict=True):
        # Where a crossing is slow, rounding of the state in float32 moves its time.
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-4)
    np.testing.assert_array_equal(found.outcome, exact.outcome)
    measured = run.measure(COUNT)
    summary = measured["summary"]
    assert measured["steps"] == 512 * COUNT and summary.failures == 0
    np.testing.assert_array_equal(summary.outcomes, np.bincount(exact.outcome, minlength=len(Outcome)))
    times = exact.collapse_time[np.isfinite(exact.collapse_time)]
    assert summary.collapse.count == summary.histogram.sum() == len(times)
    assert summary.collapse.mean == pytest.approx(times.mean(), rel=1e-4)
    assert summary.collapse.variance == pytest.approx(times.var(ddof=1), rel=1e-3)


# The same method with the same steps: the paths differ by rounding of float32 alone.
@needs_compiler
@pytest.mark.slow
@pytest.mark.parametrize("group", [1, 2, 4])
def test_c_does_the_same_as_the_scan(group):
    found = CProgram(groups=(group,)).prepare("rk4", 128, 2).lanes(COUNT)
    scan = lanes_of(request("rk4", 128, 1), COUNT, "scan")
    for ours, theirs in zip(scan[:3], found[:3], strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=2e-5, atol=2e-5)
    for ours, theirs in zip(scan[3:7], found[3:7], strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(found.outcome, scan.outcome)


@needs_compiler
@pytest.mark.parametrize("count", [1, 63, 1025])
def test_c_counts_every_trajectory_once(program, count):
    summary = program.prepare("rk4", 32, 2).measure(count)["summary"]
    assert summary.outcomes.sum() + summary.failures == count


@needs_compiler
def test_c_keeps_to_a_tolerance(program, exact):
    run = program.prepare("adaptive", 1e-5, 2)
    assert errors(run.lanes(COUNT), exact)["error"] < 1e-4
    summary = run.measure(COUNT)["summary"]
    np.testing.assert_array_equal(summary.outcomes, np.bincount(exact.outcome, minlength=len(Outcome)))
    cost = [program.prepare("adaptive", rtol, 2).measure(COUNT)["steps"] for rtol in (1e-3, 1e-5)]
    # The fifth-order method takes 100^(1/5) = 2.5 times the steps, less those that stability dictates.
    assert 1.05 < cost[1] / cost[0] < 3.0


@needs_compiler
def test_c_has_the_package_noise(program):
    found = program.prepare("sde", 64, 2).lanes(COUNT)
    exact = reference("sde", 64, COUNT)
    # The same bits in single and double precision: other noise would differ by order 1.
    assert errors(found, exact)["state"] < 1e-5
    assert errors(found, exact)["outcomes_changed"] == 0.0


def test_scipy_is_exact_enough(exact):
    found = TOOLS.get("scipy")().prepare("adaptive", 1e-5, 1).lanes(4)
    assert errors(found, head(exact, 4))["error"] < 1e-4
    np.testing.assert_array_equal(found.outcome, exact.outcome[:4])


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["diffrax-tuple", "diffrax-stacked", "numba", "torchode", "entropyjax-native"])
def test_every_tool_is_exact_enough_on_every_workload(exact, tool):
    with ToolProcess(tool, "adaptive", 2, 300.0, 64) as process:
        made = TOOLS.get(tool)()
        if made.missing():
            pytest.skip(made.missing())
        for workload, setting in (("rk4", 256), ("adaptive", 1e-5)):
            if workload not in made.workloads:
                continue
            process._workload = workload
            try:
                process.prepare(setting)
            except Unsupported as error:
                assert tool == "entropyjax-native", error
                continue
            assert errors(process.lanes(setting, COUNT), exact)["error"] < 1e-4


def test_worker_answers_and_says_what_it_cannot(tmp_path):
    worker = Worker(TOOLS.get("scipy")(), 1)

    def ask(call, **arguments):
        whole = {"call": call, "arguments": {"workload": "adaptive", "setting": 1e-3, **arguments}}
        return json.loads(json.dumps(worker.answer(json.dumps(whole))))

    ready = ask("prepare", first=1)["answer"]
    assert ready["first_result_s"] >= ready["compile_s"] >= 0.0
    record = ask("measure", count=2)["answer"]
    assert record["seconds"] > 0.0 and record["peak_mib"] >= record["imports_mib"] > 50.0
    assert record["statistics"]["trajectories"] == 2
    ask("lanes", count=3, file=str(tmp_path / "lanes.npz"))
    with np.load(tmp_path / "lanes.npz") as found:
        assert set(found) == set(Lanes._fields) and len(found["outcome"]) == 3
    assert "KeyError" in ask("measure", setting=1e-9, count=1)["unsupported"]


SAYS = "import sys, json\nfor line in sys.stdin: print(json.dumps({!r}), flush=True)"


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (SAYS.format({"unsupported": "It cannot."}), "It cannot"),
        ("import sys; print('out of luck', file=sys.stderr)", "out of luck"),
        ("import time; time.sleep(60)", "did not answer within 1 s"),
    ],
)
def test_a_process_that_fails_is_a_sentence(program, expected):
    with (
        ToolProcess("c", "rk4", 1, 1.0, 8, (sys.executable, "-c", program)) as process,
        pytest.raises(Unsupported, match=expected),
    ):
        process.measure(256, 8)


def test_a_process_that_answers_is_heard():
    with ToolProcess(
        "c", "rk4", 1, 60.0, 8, (sys.executable, "-c", SAYS.format({"answer": {"seconds": 2.0}}))
    ) as process:
        assert process.measure(256, 8) == {"seconds": 2.0} == process.prepare(256)
        assert process.settings == TOOLS.get("c")().settings_of("rk4")


class Fake:
    """A tool that takes `cost` seconds a trajectory, and as long as that to start."""

    def __init__(self, name, cost, error=None, log=None, dies_at=None):
        self.name, self.settings, self._cost, self._dies_at = name, (1.0, 2.0), cost, dies_at
        self._error, self.log = {1.0: 1e-3, 2.0: 1e-5} if error is None else error, [] if log is None else log

    def prepare(self, setting):
        return {"first_result_s": 0.1, "compile_s": 0.05}

    def measure(self, setting, count):
        self.log.append((self.name, setting, count))
        if self._dies_at and count >= self._dies_at:
            raise Unsupported("It ran out of memory.")
        return {"seconds": self._cost * setting * (1 + count), "peak_mib": 10.0, "imports_mib": 5.0}

    def lanes(self, setting, count):
        return self._error[setting]

    def facts(self, setting):
        return {"group": 4}


def test_the_fastest_exact_setting_is_chosen():
    points = [
        {"setting": 1.0, "error": 1e-3, "outcomes_changed": 0.0, "trajectories_per_s": 9.0},
        {"setting": 2.0, "error": 9e-5, "outcomes_changed": 0.0, "trajectories_per_s": 5.0},
        {"setting": 3.0, "error": 1e-6, "outcomes_changed": 0.0, "trajectories_per_s": 7.0},
        {"setting": 4.0, "error": 1e-6, "outcomes_changed": 0.1, "trajectories_per_s": 8.0},
    ]
    assert choose(points, 1e-4)["setting"] == 3.0
    assert choose(points[:1], 1e-4) is None
    assert choose([{"setting": 1.0, "error": None, "trajectories_per_s": 1.0}], 1e-4)["setting"] == 1.0


def test_tools_take_turns_and_a_failing_one_drops_out():
    log = []
    fakes = [Fake("a", 1.0, log=log), Fake("b", 2.0, log=log, dies_at=3), Fake("c", 3.0, log=log)]
    found = in_turns({fake.name: lambda fake=fake: fake.measure(1.0, 4) for fake in fakes}, 3)
    assert [name for name, *_ in log] == ["a", "b", "c", "a", "c", "a", "c"]
    assert found["b"] == [{"failed": "It ran out of memory."}]
    assert rates(4, found["a"]) == {"best": 0.8, "median": 0.8, "worst": 0.8} and rates(4, found["b"]) == {}


def test_a_size_takes_about_the_time_that_is_wanted():
    count = sized(Fake("a", 1e-6), 1.0, 2.0, 1024)
    assert 1.0 < count * 1e-6 <= 2.0
    assert sized(Fake("a", 1.0), 1.0, 2.0, 1024) == 1024


def test_sizes_stop_before_the_time_is_up():
    log = []
    fakes = {"fast": (Fake("fast", 1e-6, log=log), 1.0, 1e6), "slow": (Fake("slow", 1e-3, log=log), 1.0, 1e3)}
    found = scaling(fakes, [1000, 10000, 100000], 20.0)
    assert [run["count"] for run in found["fast"]] == [1000, 10000, 100000]
    assert [run["count"] for run in found["slow"]] == [1000, 10000]
    # In turns: every size before the next one.
    assert [name for name, *_ in log] == ["fast", "slow", "fast", "slow", "fast"]
    dying = {"fast": (Fake("fast", 1e-6, dies_at=10000), 1.0, 1e6)}
    assert [run["count"] for run in scaling(dying, [1000, 10000, 100000], 20.0)["fast"]] == [1000]


@pytest.fixture(scope="module")
def report():
    """A report of a comparison of fake tools."""
    titles = {"c": "C", "entropyjax-scan": "entropyjax scan", "diffrax-tuple": "diffrax, tuple", "torchode": "torchode"}
    entries = {name: {"title": title, "what": "Counts.", "status": "measured"} for name, title in titles.items()}
    rough = Fake("diffrax-tuple", 1e-5, {1.0: 1e-3, 2.0: 1e-2})
    contestants = {"c": Fake("c", 1e-6), "entropyjax-scan": Fake("entropyjax-scan", 4e-6), "diffrax-tuple": rough}
    entries["torchode"]["status"] = "torch is not installed"
    exact = Reference("rk4", 8)
    exact.errors = lambda name, setting, error: {"error": error, "outcomes_changed": 0.0}
    options = Options(seconds=1.0, rounds=3, largest=10**4, threads=1)
    compete("rk4", contestants, entries, exact, options, lambda text: None)
    about = WORKLOADS["rk4"]
    machine = {"processor": "P", "cores": 2, "threads": 1, "load": 0.1, "load_after": 0.2}
    machine["versions"] = {"jax": "0", "python": "3"}
    workload = {"title": about.title, "setting": about.setting, "tools": entries}
    return {"machine": machine, "options": vars(options), "workloads": {"rk4": workload}}


def test_report_has_its_fields_and_is_plain(report):
    again = json.loads(json.dumps(report))
    tools = again["workloads"]["rk4"]["tools"]
    fields = {"title", "what", "status", "points", "pilot_trajectories", "chosen", "trajectories", "seconds"}
    fields |= {"trajectories_per_s", "ratio_to_c", "peak_mib", "imports_mib", "facts", "scaling"}
    assert set(tools["c"]) == set(tools["entropyjax-scan"]) == fields
    assert tools["c"]["ratio_to_c"] == 1.0 and tools["c"]["chosen"] == 2.0
    assert tools["entropyjax-scan"]["ratio_to_c"] == pytest.approx(0.25, rel=1e-3)
    assert len(tools["c"]["seconds"]) == 3
    point = {"setting", "error", "outcomes_changed", "first_result_s", "compile_s", "trajectories_per_s"}
    assert all(set(entry) == point for entry in tools["c"]["points"])
    assert [set(run) for run in tools["c"]["scaling"]] == [{"count", "seconds", "trajectories_per_s", "peak_mib"}] * 2
    assert tools["diffrax-tuple"]["chosen"] is None and "no setting" in tools["diffrax-tuple"]["status"]


def test_table_shows_what_was_measured_and_says_what_was_not(report):
    text = table(report)
    lines = {line.split("  ")[1]: line for line in text.splitlines() if line.startswith("  ")}
    assert "1.000" in lines["C"] and "0.250" in lines["entropyjax scan"]
    assert "  torchode: torch is not installed" in text.splitlines()
    assert "no setting has an error of at most 0.0001" in text


def test_figures_show_every_tool_with_units(report):
    for draw, names in ((work_precision, 3), (draw_scaling, 2)):
        figure = draw(report)
        (ax,) = figure.axes
        assert ax.get_xscale() == ax.get_yscale() == "log"
        assert ax.get_xlabel() and ("/s" in ax.get_ylabel() or "(s)" in ax.get_ylabel())
        assert len(figure.legends[0].get_texts()) == names
    bare = {**report, "workloads": {"rk4": {**report["workloads"]["rk4"], "tools": {}}}}
    with pytest.raises(PlotError, match="nothing to draw"):
        work_precision(bare)


def test_options_know_tools_and_workloads_by_name():
    assert Options().tools[0] == "c" and Options().workloads == tuple(WORKLOADS)
    assert Options(tools=("scipy", "c")).tools == ("c", "scipy")
    assert Options(largest=10**5).sizes == [1000, 10000, 100000] and Options(**QUICK).sizes == []
    with pytest.raises(UnknownNameError, match="did you mean 'scipy'"):
        Options(tools=("scippy",))
    with pytest.raises(UnknownNameError, match="did you mean 'adaptive'"):
        Options(workloads=("adaptve",))


def test_statistics_of_parts_are_those_of_the_whole():
    rng = np.random.default_rng(3)
    h, t = rng.uniform(size=50), np.where(rng.uniform(size=50) < 0.5, rng.uniform(0, HORIZON, 50), np.inf)
    outcome = rng.integers(0, 4, 50)
    h[7] = np.nan
    whole = summarise(h, t, outcome)
    parts = combine([summarise(h[:20], t[:20], outcome[:20]), summarise(h[20:], t[20:], outcome[20:])])
    good = np.isfinite(h)
    assert whole.failures == parts.failures == 1
    for found in (whole, parts, parts._replace(entropy=from_sums(49, h[good].sum(), (h[good] ** 2).sum()))):
        assert found.entropy.mean == pytest.approx(h[good].mean(), rel=1e-12)
        assert found.entropy.variance == pytest.approx(h[good].var(ddof=1), rel=1e-10)
    np.testing.assert_array_equal(whole.histogram, parts.histogram)
    np.testing.assert_array_equal(whole.outcomes, parts.outcomes)
    assert pooled(moments(h[good])).count == 49


def test_all_tools_get_the_same_trajectories():
    whole = parameters(0, 8)
    for name in ("n_agents", "compaction_rate"):
        np.testing.assert_array_equal(getattr(parameters(5, 3), name), getattr(whole, name)[5:])
        np.testing.assert_array_equal(getattr(parameters(0, 8, np.float64), name), getattr(whole, name))
