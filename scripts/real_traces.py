"""What the recorded traces say: the tables of docs/findings.md.

    ENTROPYJAX_TRACES=FOLDER .venv/bin/python scripts/real_traces.py [airline retail ahead magentic recovery]

Prints one table in Markdown for each part that is named, all of them by default.
"""

import dataclasses
import os
import sys
import time
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from entropyjax.inference import trace_entropy
from entropyjax.inference.compare import compare, difference
from entropyjax.inference.fit import fit
from entropyjax.inference.groups import groups, histories
from entropyjax.inference.held_out import until
from entropyjax.inference.parameters import Free
from entropyjax.inference.smc import smc
from entropyjax.jobs.fit import FitSpec, fit_traces, problem_of
from entropyjax.jobs.fit_data import contender
from entropyjax.models import MODELS as REGISTRY, Star
from entropyjax.traces import read_traces, simulated_traces

SETS = {
    "airline": "tau_bench_airline_gpt4o.jsonl.gz",
    "retail": "tau_bench_retail_agentverify.jsonl.gz",
    "magentic": "who_and_when_magentic_one.jsonl.gz",
}
MODELS = ("star", "balance", "damped", "constant", "linear", "saturating")
WINDOW = 128.0
CUT = 6


def traces(name):
    return read_traces(Path(os.environ["ENTROPYJAX_TRACES"]) / SETS[name])


def table(title, columns, rows):
    print(f"\n### {title}\n")
    print(f"| {' | '.join(columns)} |")
    print(f"|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join(str(cell) for cell in row)} |")
    sys.stdout.flush()


def with_window(model):
    return {"context_window": WINDOW} if "context_window" in _params(model) else {}


def _params(model):
    return REGISTRY.get(model).Params.specs()


def airline():
    """Agreement given a common history: every model on 5 folds of 10 tasks, and on the steps from 6 on."""
    runs, found = traces("airline"), []
    for model in MODELS:
        data = fit_traces(runs, FitSpec(model=model, fixed=with_window(model), folds=5, cut=CUT, draws=400))
        found.append(contender(data))
        if model == "star":
            bound = np.quantile(data.posterior.sel(label="effective_fraction") * WINDOW, [0.05, 0.5])
    for what in ("tasks", "steps"):
        ranked = compare(found, what)
        star = next(one for one in found if one.name == "star")
        rows = [
            (
                one.name,
                one.parameters,
                f"{mean:.4f}",
                str(difference(star, one, what)) if one is not star else "",
                f"{one.aicc:.1f}",
                f"{one.bic:.1f}",
            )
            for one, mean in zip(ranked.contenders, ranked.means, strict=True)
        ]
        table(f"Airline, held-out {what}", ("model", "free", "nat per dispatch", "star less it", "AICc", "BIC"), rows)
        print(f"\n{ranked.sentence()}")
    print(
        f"\nThe context at which half of the attention is lost: at least {bound[0]:.2g} ktok (5% of the posterior are "
        f"below), median {bound[1]:.2g} ktok."
    )


def retail():
    """Pooled entropies of gpt-4o and gpt-4.1: fitted at 18 and 24 executors, foretold at 39."""
    runs = traces("retail")
    named = np.isin(np.array(runs.orchestrators)[runs.orchestrator], ("gpt-4o", "gpt-4.1"))
    runs = runs.select(named)
    by = "orchestrator"
    free = (
        Free("evidence", by=by),
        Free("effective_fraction", by=by),
        Free("initial_focus"),
        Free("task_spread"),
        Free("diversity"),
    )
    problem = problem_of(runs, FitSpec(observe=("entropies",), free=free, fixed={"context_window": WINDOW}))
    (term,) = problem.terms
    condition = problem.units.condition[term.unit]
    sizes, who = problem.units.conditions.size[condition], np.array(problem.units.conditions.orchestrators)[condition]
    early = eqx.tree_at(lambda term: term.weight, term, np.asarray(term.weight) * (sizes < 39))
    found = fit(problem, terms=(early,), starts=32)
    scores = jnp.asarray(found.scores)
    expected = np.asarray(problem.mean_choice(scores).entropy)
    lanes = problem.drives.shared.condition
    mean = np.stack([expected[lanes == one].mean(axis=0) for one in range(len(problem.units.conditions))])
    star = mean[condition, term.step] + float(problem.layout.values(scores)["diversity"][0])
    rows = []
    for name in ("gpt-4o", "gpt-4.1"):
        series = {
            n: {int(t): k for k, t in enumerate(term.step) if who[k] == name and sizes[k] == n} for n in (18, 24, 39)
        }
        steps = [t for t in series[39] if t in series[18] and t in series[24]]
        h = {n: term.estimate[[series[n][t] for t in steps]] for n in series}
        error = term.error[[series[39][t] for t in steps]]
        guesses = {
            "star": star[[series[39][t] for t in steps]],
            "H of 24 executors": h[24],
            "H of 24, times ln 39 / ln 24": h[24] * np.log(39) / np.log(24),
            "line in ln N through 18 and 24": h[24] + (h[24] - h[18]) * np.log(39 / 24) / np.log(24 / 18),
            "one constant": np.full(len(steps), 0.5 * (h[18] + h[24]).mean()),
        }
        noise = np.sqrt(np.mean(error**2))
        rows += [
            (
                name,
                guess,
                f"{np.sqrt(np.mean((h[39] - value) ** 2)):.3f}",
                f"{noise:.3f}",
                f"{np.mean(np.abs(h[39] - value) < 1.645 * error):.0%}",
            )
            for guess, value in guesses.items()
        ]
    table(
        "Retail, H(t) at 39 executors from 18 and 24",
        (
            "orchestrator",
            "foretold by",
            "root mean square error (nat)",
            "bootstrap noise (nat)",
            "within 90% of the noise",
        ),
        rows,
    )
    print("\n" + ", ".join(f"{name} {value:.3g}" for name, value in found.estimates.items()) + ". " + found.starts())
    _not_identified()


def _not_identified():
    """Simulated runs without repeats, the right executor another one in each task: what pooled H says of the choice."""
    rows = []
    for evidence in (3.0, 5.0, 8.0):
        params = Star().params(n_agents=18.0, evidence=evidence, context_window=WINDOW, resolution_rate=0.0)
        runs = simulated_traces(
            Star(), params, runs=1, tasks=115, steps=15, key=jax.random.key(0), log_probabilities=True
        )
        found = trace_entropy(runs, replicates=0).estimates
        cells = [f"{found[name][t]:.2f}" for name in ("log_probability", "pooled_miller_madow") for t in (2, 8, 14)]
        rows.append((f"{evidence:g}", *cells))
    columns = [f"{what}, t = {t}" for what in ("decision H", "pooled H") for t in (2, 8, 14)]
    table("Simulated runs without repeats (nat)", ("evidence", *columns), rows)


def ahead():
    """Fit on steps before 6, and where the later shares of agreeing pairs fall."""
    runs, rows = traces("airline"), []
    for model in ("star", "constant"):
        problem = problem_of(runs, FitSpec(model=model, fixed=with_window(model)))
        early = dataclasses.replace(problem, terms=until(problem, CUT), compiled={})
        scores = jnp.asarray(smc(early, 400).posterior.scores)
        expected = jax.jit(jax.vmap(problem.mean_choice))(scores).collision
        rows += _shares(runs, problem, model, np.asarray(expected).mean(axis=1))
    table(
        "Airline, fitted to steps before 6",
        ("model", "step", "pairs", "share that agrees", "90% band", "inside"),
        rows,
    )


def _shares(runs, problem, model, collision):
    shared, rng, rows = groups(runs, histories(runs)), np.random.default_rng(0), []
    for step in range(CUT, problem.steps):
        here = shared.step == step
        pairs, agreeing = shared.pairs[here].sum(), shared.agreeing[here].sum()
        if pairs < 5:
            continue
        # Pairs of a group share runs; as many independent pairs make the band a little too narrow.
        drawn = rng.binomial(int(pairs), np.clip(collision[:, step], 0.0, 1.0)) / pairs
        low, high = np.quantile(drawn, [0.05, 0.95])
        share = agreeing / pairs
        rows.append(
            (
                model,
                step,
                int(pairs),
                f"{share:.2f}",
                f"{low:.2f} to {high:.2f}",
                "yes" if low <= share <= high else "no",
            )
        )
    return rows


def magentic():
    """The margin at the step that people marked as the failure, against other steps and other runs."""
    runs = traces("magentic")
    free = (Free("evidence"), Free("effective_fraction"), Free("initial_focus"), Free("diversity"))
    problem = problem_of(runs, FitSpec(observe=("entropies",), free=free, fixed={"context_window": WINDOW}))
    found = fit(problem)
    margin = margins(runs, problem, found)
    place, rng = runs.place, np.random.default_rng(0)
    own, same = [], []
    for one in range(len(runs)):
        steps = np.arange(runs.offsets[one], runs.offsets[one + 1])
        at = steps[runs.step[steps] == runs.failure_step[one]]
        beside = np.flatnonzero((place == place[at[0]]) & (runs.run != one)) if len(at) == 1 else []
        if len(at) != 1 or len(steps) < 3 or len(beside) < 3 or not np.all(np.isfinite(margin[steps])):
            continue
        own.append(_against(margin, at[0], steps, rng))
        same.append(_against(margin, at[0], np.append(beside, at[0]), rng))
    rows = [_told(words, each) for words, each in (("steps of its run", own), ("runs at the same step", same))]
    table(
        "Magentic-One, margin at the labelled failure step less the mean of others",
        ("against other", "runs", "mean (nat)", "90% if the label were random (nat)", "p, two-sided"),
        rows,
    )
    print(f"\n{', '.join(f'{name} {value:.3g}' for name, value in found.estimates.items())}. {found.starts()}")


def margins(runs, problem, found):
    """Return the margin at every step, with the context that the run had there."""
    values = {name: float(value[0]) for name, value in problem.layout.values(jnp.asarray(found.scores)).items()}
    params = Star().params(**{name: values[name] for name in Star.Params.specs()})
    static = params.system_tokens + params.n_agents * params.roster_tokens
    state = Star().initial_state(params)
    return np.asarray(jax.vmap(lambda c: Star().margin(state._replace(context=c), params))(runs.context - static))


def _against(margin, at, among, rng):
    """Return the margin at a step less the mean of others, and the same for steps drawn among all of them."""
    each = np.array([margin[k] - np.nanmean(margin[among[among != k]]) for k in among])
    return each[np.flatnonzero(among == at)[0]], rng.choice(each[np.isfinite(each)], 20_000)


def _told(words, each):
    mean, chance = np.mean([gap for gap, _ in each]), np.mean([drawn for _, drawn in each], axis=0)
    p = (1 + np.sum(np.abs(chance - chance.mean()) >= abs(mean - chance.mean()))) / (1 + len(chance))
    low, high = np.quantile(chance, [0.05, 0.95])
    return (words, len(each), f"{mean:+.3f}", f"{low:+.3f} to {high:+.3f}", "< 0.0001" if p < 1e-4 else f"{p:.4f}")


def recovery():
    """What sets of these sizes can carry: parameters of simulated agents, by number of tasks and runs."""
    truth = {"evidence": 6.0, "effective_fraction": 0.3, "initial_focus": 1.0}
    rows = []
    for tasks, repeats, steps in ((50, 4, 12), (115, 2, 12), (200, 4, 20), (50, 16, 20), (1000, 4, 20)):
        params = Star().params(**truth, n_agents=15.0, compaction_rate=0.02, error_tokens=2.0, resolution_rate=0.05)
        runs = simulated_traces(Star(), params, runs=repeats, tasks=tasks, steps=steps, key=jax.random.key(tasks))
        start = time.perf_counter()
        spec = FitSpec(free=tuple(Free(name) for name in truth), fixed={"context_window": 64.0}, first=0)
        problem = problem_of(runs, spec)
        drawn = smc(problem, 500).posterior.values
        took = time.perf_counter() - start
        cells = [
            f"{np.median(drawn[name]):.2f} [{np.quantile(drawn[name], 0.05):.2f}, {np.quantile(drawn[name], 0.95):.2f}]"
            for name in truth
        ]
        rows.append((tasks, repeats, steps, int(problem.decisions_of().sum()), *cells, f"{took:.0f} s"))
    table(
        "Recovery by agreement alone, " + ", ".join(f"{k} = {v:g}" for k, v in truth.items()),
        ("tasks", "runs of each", "steps", "decisions", *truth, "time"),
        rows,
    )


if __name__ == "__main__":
    if "ENTROPYJAX_TRACES" not in os.environ:
        sys.exit("Set ENTROPYJAX_TRACES to the folder of the recorded traces.")
    jax.config.update("jax_enable_x64", True)
    for name in sys.argv[1:] or ("airline", "retail", "ahead", "magentic", "recovery"):
        globals()[name]()
