"""Entropies of traces against the same by hand: loops over runs and pairs, in plain Python."""

import itertools
import os
from collections import Counter, defaultdict
from pathlib import Path

import jax
import numpy as np
import pytest
from hypothesis import given, strategies as st
from inference.agents import simulate, trace

from entropyjax.inference import SERIES, InferenceError, tallies, trace_entropy
from entropyjax.traces import RunRecord, StepRecord, read_traces, trace_set


def shannon(counts, corrected=False):
    n = sum(counts)
    plain = -sum(k / n * np.log(k / n) for k in counts if k)
    return plain + (sum(k > 0 for k in counts) - 1) / (2 * n) * corrected


def by_hand(traces, free, weights=None):
    """Every series without NSB and Chao-Shen, one run and one pair at a time."""
    runs = defaultdict(list)
    for row, (task, path) in enumerate(zip(traces.task, traces.dispatches(), strict=True)):
        condition = (int(task), traces.system[row], traces.orchestrator[row], traces.roster[row])
        for _ in range(1 if weights is None else int(weights[task])):
            runs[condition].append([a for a in path.tolist() if a >= 0])
    out = defaultdict(list)
    for t in range(int(traces.lengths.max())):
        here = {c: [r for r in rows if len(r) > t] for c, rows in runs.items()}
        flat = [r for rows in here.values() for r in rows]
        pooled = list(Counter(r[t] for r in flat).values())
        # The lists of a run that is weighed twice are one object a copy: repeats of their task here.
        several = {c: rows for c, rows in here.items() if len(rows) > 1}
        alike = [
            [r for r in rows if r[:t] == list(past)] for rows in here.values() for past in {tuple(r[:t]) for r in rows}
        ]
        alike = [rows for rows in alike if len(rows) > 1]
        for name, corrected in (("plug_in", False), ("miller_madow", True)):
            out[f"pooled_{name}"].append(shannon(pooled, corrected) if flat else np.nan)
            for prefix, groups in (("within", list(several.values())), ("history", alike)):
                values = [shannon(Counter(r[t] for r in rows).values(), corrected) for rows in groups]
                weight = [len(rows) for rows in groups]
                out[f"{prefix}_{name}"].append(np.average(values, weights=weight) if groups else np.nan)
            lagged = [(r[t - 1], r[t]) for r in flat] if t else []
            joint, before = Counter(lagged).values(), Counter(b for b, _ in lagged).values()
            out[f"lag_one_{name}"].append(shannon(joint, corrected) - shannon(before, corrected) if lagged else np.nan)
        pairs = [p for rows in here.values() for p in itertools.combinations(rows, 2)]
        out["task_share"].append(np.mean([a[t] == b[t] for a, b in pairs]) if pairs else np.nan)
        risk = [(a, b) for a, b in pairs if a[:t] == b[:t]]
        out["history_share"].append(np.mean([a[t] == b[t] for a, b in risk]) if risk else np.nan)
        between = [
            a[t] == b[t]
            for (c, x), (d, y) in itertools.combinations(here.items(), 2)
            if c[0] != d[0]
            for a in x
            for b in y
        ]
        out["pooled_share"].append(np.mean(between) if between else np.nan)
        gauge = []
        for condition, rows in here.items():
            for a, b in itertools.combinations(rows, 2) if t >= free else ():
                if a[:t] != b[:t]:
                    continue
                others = [r for r in runs[condition] if r is not a and r is not b and len(r) > free]
                left = [(x, y) for x, y in itertools.combinations(others, 2) if x[:free] == y[:free]]
                gauge += [np.mean([x[free] == y[free] for x, y in left])] if left else []
        out["gauge"].append(np.mean(gauge) if gauge else np.nan)
    return {name: np.array(values) for name, values in out.items()}


def recorded(name):
    folder = os.environ.get("ENTROPYJAX_TRACES")
    if not folder:
        pytest.skip("ENTROPYJAX_TRACES does not name a folder of recorded traces")
    return read_traces(Path(folder) / f"{name}.jsonl.gz")


def compare(traces):
    found = trace_entropy(traces)
    for name, values in by_hand(traces, found.free).items():
        np.testing.assert_allclose(found.estimates[name], values, atol=1e-10, err_msg=name)
    return found


@pytest.mark.parametrize("size", [(6, 4), (5, 1), (4, 7)])
def test_simulated_runs_by_hand(size):
    found = compare(simulate(np.random.default_rng(sum(size)), *size, [0.8, 0.5, 0.6, 0.7, 0.6, 0.8], stop=0.1))
    assert found.repeats == (size[1] > 1)


@given(st.lists(st.tuples(st.integers(0, 2), st.lists(st.integers(0, 2), max_size=4)), min_size=2, max_size=9))
def test_any_runs_by_hand(runs):
    # One of full length, so that one shape is compiled.
    runs = [*runs, (0, [0, 1, 1, 2])]
    rows = np.full((len(runs), 4), -1)
    for row, (_, path) in zip(rows, runs, strict=True):
        row[: len(path)] = path
    traces = trace(rows, [task for task, _ in runs], 3)
    compare(traces)


def test_the_airline_set_is_what_the_model_page_says():
    found = compare(recorded("tau_bench_airline_gpt4o"))
    assert found.free == 1 and found.counts["history_pairs"][[2, 7]].tolist() == [185, 42]
    share, gauge = found.estimates["history_share"], found.estimates["gauge"]
    assert np.all((share[2:8] > 0.76) & (share[2:8] < 0.85)) and np.all((gauge[1:7] > 0.62) & (gauge[1:7] < 0.68))
    assert found.estimates["within_plug_in"][1] == pytest.approx(0.414, abs=1e-3)
    assert "path divergence 0.00 to 0.51" in str(found)


@pytest.mark.parametrize("name", ["who_and_when_magentic_one", "reflexion_hotpotqa_react"])
def test_other_recorded_sets_by_hand(name):
    compare(recorded(name))


@pytest.mark.slow
def test_the_retail_set_by_hand():
    found = compare(recorded("tau_bench_retail_agentverify"))
    assert not found.repeats and "only as their sum" in str(found)


def test_parts_add_up_to_what_is_seen():
    of = trace_entropy(simulate(np.random.default_rng(5), 12, 4, [0.7] * 5)).estimates
    total = of["history_miller_madow"] + of["path_divergence"] + of["task_diversity"]
    np.testing.assert_allclose(total, of["pooled_miller_madow"], atol=1e-12)
    order2 = of["history_renyi2"] + of["path_divergence2"] + of["task_diversity2"]
    np.testing.assert_allclose(order2, of["pooled_renyi2"], atol=1e-12)


def test_repeats_share_their_condition_and_no_past_behind_the_unknown():
    steps = [StepRecord("a", 0, 0), StepRecord(None, 1, 1), StepRecord("b", 2, 2)]
    runs = [RunRecord(str(k), "t", system, "m", steps) for k, system in enumerate("xxy")]
    found = trace_entropy(trace_set(runs))
    # Two of the system x, none of y; the unknown step parts them for good.
    assert found.counts["history_pairs"].tolist() == [1, 0, 0] and found.counts["task_pairs"].tolist() == [1, 0, 1]
    assert found.counts["runs"].tolist() == [3, 0, 3] and np.isnan(found.estimates["pooled_plug_in"][1])


def test_parallel_dispatch_and_log_probabilities():
    table = {"a": np.log(0.6), "b": np.log(0.2)}
    first = [StepRecord("a", 0, 0, log_probability=table), StepRecord("b", 1, 0), StepRecord("a", 2, 5)]
    traces = trace_set([RunRecord("r", "t", "s", "m", first), RunRecord("q", "u", "s", "m", [StepRecord("a", 0, 3)])])
    of = trace_entropy(traces).estimates
    np.testing.assert_allclose(of["parallel"][:2], [np.log(2.0) / 2, 0.0])
    np.testing.assert_allclose(of["log_probability"], [shannon([3, 1]), np.nan, np.nan])
    np.testing.assert_allclose(of["valid_mass"], [0.8, np.nan, np.nan])


@pytest.mark.slow
def test_a_bootstrap_is_that_of_tasks_drawn_anew():
    """Standard errors against replicates that are made of the runs of drawn tasks, one at a time."""
    traces = simulate(np.random.default_rng(7), 12, 4, [0.7, 0.6, 0.8], stop=0.0)
    found = trace_entropy(traces, jax.random.key(0), replicates=2000)
    rng, names = np.random.default_rng(8), ("pooled_miller_madow", "within_plug_in", "history_share", "task_share")
    drawn = []
    for _ in range(400):
        chosen = rng.integers(0, 12, 12)
        rows = np.concatenate([np.flatnonzero(traces.task == k) for k in chosen])
        # A task that is drawn twice is two tasks.
        drawn.append(trace(traces.dispatches()[rows], np.repeat(np.arange(12), 4), 15))
    values = [by_hand(one, 1) for one in drawn]
    for name in names:
        sample = np.array([v[name] for v in values])
        # 400 replicates know a deviation to 3.5%, five of them at four names each to 4 times that.
        np.testing.assert_allclose(found.errors[name][1:], sample.std(axis=0, ddof=1)[1:], rtol=0.15)
    again = trace_entropy(traces, jax.random.key(0), replicates=2000)
    np.testing.assert_array_equal(found.intervals["gauge"], again.intervals["gauge"])


def test_intervals_need_replicates_that_have_an_estimate():
    found = trace_entropy(simulate(np.random.default_rng(9), 3, 1, [0.7]), jax.random.key(1), replicates=300)
    # A draw of one task three times has no pair of different tasks; that is more than 5%.
    assert np.isnan(found.errors["pooled_share"]).all() and np.isfinite(found.errors["pooled_plug_in"][1])
    assert set(found.estimates) == set(SERIES) and found.replicates == 300
    assert tallies(simulate(np.random.default_rng(9), 3, 1, [0.7])).free == 0


def test_refused_in_a_sentence():
    with pytest.raises(InferenceError, match="no dispatch"):
        trace_entropy(trace([[-1], [-1]], [0, 0], 2))
    with pytest.raises(InferenceError, match="first free step is 9; the longest run has the steps 0 to 1"):
        trace_entropy(simulate(np.random.default_rng(0), 2, 2, [0.5]), free=9)
    with pytest.raises(InferenceError, match="1 replicates make no bootstrap"):
        trace_entropy(simulate(np.random.default_rng(0), 2, 2, [0.5]), jax.random.key(0), replicates=1)
