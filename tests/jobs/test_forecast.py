"""Forecasts and predictive checks: against plain runs, exact pairs, rankings that are known, and loops by hand."""

import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm, spearmanr

import entropyjax as ej
from entropyjax.inference.draws import DEFAULT, FITTED, GIVEN, PRIOR, ParameterDraws, parameter_draws
from entropyjax.inference.fit import Fit
from entropyjax.inference.held_out import HeldOut
from entropyjax.inference.parameters import Free
from entropyjax.inference.posterior import Posterior
from entropyjax.inference.problem import make_problem
from entropyjax.inference.terms import Dispatches, Tokens
from entropyjax.inference.units import units
from entropyjax.io.config import ConfigError
from entropyjax.io.posterior import read_posterior, write_posterior
from entropyjax.io.store import StoreError, open_result, write_result
from entropyjax.jobs import JobError, forecast, predictive_check, summarise
from entropyjax.jobs.fit_data import fit_dataset
from entropyjax.jobs.forecast_runs import shifted, tasks_of
from entropyjax.jobs.posterior_draws import draws_of
from entropyjax.jobs.predictive_series import discrepancy, series_of, tail
from entropyjax.jobs.summary import record
from entropyjax.jobs.verdict import verdict
from entropyjax.models import LinearEntropy, Star, Tree, context as ctx
from entropyjax.phase.changes import Change, changed, small_changes
from entropyjax.phase.ranking import rank_shares
from entropyjax.traces import simulated_traces

STAR = Star()
SPECS = STAR.Params.specs()
CHANGES = (
    Change("context_window", 1.25),
    Change("roster_tokens", 0.75),
    Change("reasoning_scale", 1.25),
    Change("error_tokens", value=5.0),
    Change("reasoning_gain", 1.25),
    Change("topology", model="mesh"),
)


@pytest.fixture(autouse=True, scope="module")
def quick_compile():
    """Runs are compared with runs of the same kernel, or within margins: compilation is what these tests cost."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


def made(size=1, widths=None, effects=None, model=STAR, **params):
    """Draws that are given: every parameter the same in all of them unless an array is given."""
    values = {
        name: np.broadcast_to(params.get(name, spec.default), size) for name, spec in model.Params.specs().items()
    }
    return ParameterDraws(model, model.Params(**values), effects or {}, widths or {}, "made up", "by hand", 20)


@pytest.fixture(scope="module")
def spread():
    """A posterior of 20 draws with a spread between tasks."""
    rng = np.random.default_rng(0)
    evidence = rng.normal(7.0, 0.3, 20)
    return made(
        20,
        {"evidence": 0.2, "effective_fraction": 0.95},
        {"task_spread": np.full(20, 0.4)},
        evidence=evidence,
        effective_fraction=0.45 - 0.03 * (evidence - 7.0),
        n_agents=16.0,
        resolution_rate=0.1,
    )


@pytest.fixture(scope="module")
def foretold(spread):
    return forecast(spread, horizon=30, replicates=40, changes=CHANGES, seed=1)


def test_a_posterior_that_is_a_point_is_a_plain_ensemble():
    params = {"n_agents": 20.0, "resolution_rate": 0.15, "context_window": 64.0}
    criteria = ej.Criteria(progress_tolerance=0.05)
    options = {"horizon": 32, "replicates": 200, "seed": 5, "precision": "float64"}
    found = forecast(made(**params), changes=(), criteria=criteria, resolved="threshold", **options)
    table = {"params": params, "criteria": {"progress_tolerance": 0.05}}
    plain = ej.simulate(table, dynamics="agents", paths=0, **options)
    assert 10 < int(found.outcome_count.sel(outcome="collapsed")) < 190
    np.testing.assert_array_equal(found.outcome_count, plain.outcome_count)
    np.testing.assert_allclose(found.mean_entropy, plain.mean_entropy, rtol=1e-12)
    # A point has no interval; the number of runs leaves Wilson's.
    ends = found.outcome_posterior.sel(outcome="collapsed")
    assert float(ends[0]) == float(ends[1]) == float(found.collapsed_by[-1])
    share, z = float(found.outcome_probability.sel(outcome="collapsed")), norm.ppf(0.95)
    for end in found.outcome_simulation.sel(outcome="collapsed").values:
        assert abs(share - end) == pytest.approx(z * math.sqrt(end * (1.0 - end) / 200), rel=1e-6)
    assert "effect" not in found and "Collapse probability" in summarise(found)


def test_what_does_nothing_has_an_effect_of_exactly_nothing(foretold):
    # Without a gain of reasoning its scale is in no equation.
    one = foretold.sel(change="reasoning_scale +25%")
    assert np.all(one.effect_by_draw == 0.0) and np.all(one.effect_interval == 0.0) and np.all(one.effect_error == 0.0)


def test_the_change_that_helps_most_is_ranked_first(foretold):
    found = verdict(foretold)
    names = [str(name) for name in foretold.change.values]
    assert found.objective == "unfocused" and names[found.order[0]] == "context_window +25%"
    assert found.decided and names[found.helping[0]] == "context_window +25%"
    shares = foretold.rank_share.sel(objective="unfocused").values
    numbers = foretold.parameter.values != "topology"
    np.testing.assert_allclose(shares[numbers].sum(axis=1), 1.0, rtol=1e-12)
    assert np.isnan(shares[~numbers]).all()
    one = foretold.sel(change="context_window +25%", objective="unfocused")
    assert float(one.effect) < -0.1
    # 25% of the window are 16 ktok.
    assert float(one.gain_per_tenth) == pytest.approx(-float(one.effect) / 2.5, rel=1e-12)
    assert float(one.effect_per_unit) == pytest.approx(float(one.effect) / 16.0, rel=1e-12)
    effects = foretold.effect.sel(change="context_window +25%")
    assert float(effects.sel(objective="resolved")) > 0.0


def test_a_forecast_says_what_it_rests_on(foretold, spread, tmp_path):
    assert json.loads(foretold.attrs["left_out"]) == [
        "reasoning_gain +25% changes nothing: it is 0, and a share of nothing is nothing; give a value in its place."
    ]
    rests = dict(zip(foretold.change.values.tolist(), foretold.rests_on.values.tolist(), strict=True))
    assert rests["context_window +25%"] == "effective_fraction rests on the prior"
    # More of the window hold off a collapse; evidence, which falls as that rises here, seems to do harm.
    one, other = (foretold.hangs_on.sel(varied=name) for name in ("effective_fraction", "evidence"))
    share = foretold.outcome_by_draw.sel(outcome="collapsed").values
    assert float(one) == pytest.approx(spearmanr(share, spread.columns["effective_fraction"]).statistic, rel=1e-12)
    assert float(one) == pytest.approx(-float(other), rel=1e-12)
    text = summarise(foretold)
    assert "learnt hardly anything of effective_fraction" in text and "show 20 steps" in text
    assert "context_window +25% is the best by far" in text and "5 tasks in equal parts" in text
    told = json.loads(json.dumps(record(foretold)))
    assert told["advice"]["decided"] and told["rests_on"]["evidence"] == FITTED
    target = tmp_path / "forecast.zarr"
    write_result(foretold, target)
    assert summarise(open_result(target)) == text
    assert set(ej.figures(foretold)) == {"forecast"}


def test_tasks_are_strata_and_their_shift_is_that_of_the_first_gap(spread):
    scores = tasks_of(spread)
    assert len(scores) == 5 and scores.sum() == pytest.approx(0.0, abs=1e-12) and tasks_of(made()).tolist() == [0.0]
    columns = spread.columns | {"reasoning_gain": np.full(20, 0.7)}
    moved = shifted(columns, 0.4)

    def first_gap(values):
        params = STAR.Params(**{name: jnp.asarray(value) for name, value in values.items()})
        target = ctx.effective_evidence(params, 0.0) * ctx.attention(params, ctx.load(params, 0.0))
        return np.asarray(target)

    np.testing.assert_allclose(first_gap(moved) - first_gap(columns), 0.4, rtol=1e-10)
    np.testing.assert_allclose(moved["initial_focus"] - columns["initial_focus"], 0.4, rtol=1e-12)


def test_ranks_of_known_gains():
    gains = np.array([[3.0, 1.0, 0.0, 2.0], [2.0, 2.0, 0.0, 2.0], [1.0, 3.0, 0.0, -1.0]])
    found = rank_shares(gains)
    # The first draws are won by the first and the third, the last two are shared.
    best = np.array([1.0 + 1.0 / 3.0 + 0.5, 1.0 / 3.0 + 0.5, 1.0 + 1.0 / 3.0]) / 4.0
    np.testing.assert_allclose(found[:, 0], best, rtol=1e-12)
    np.testing.assert_allclose(found.sum(axis=0), 1.0, rtol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Change("evidnce", 1.5), "did you mean 'evidence'"),
        (Change("evidence"), "needs a factor or a value"),
        (Change("evidence", 1.5, 2.0), "needs a factor or a value"),
        (Change("roster_similarity", 1.25), "it is there already"),
        (Change("n_agents", value=1.0), r"leaves \[2, inf\)"),
        (Change("compaction_rate", 12.5), "forget more in a step than there is"),
    ],
)
def test_what_cannot_be_changed(change, words):
    columns = {name: np.full(3, spec.default) for name, spec in SPECS.items()}
    with pytest.raises(ValueError, match=words):
        changed(change, columns, SPECS)


def test_changes_by_a_quarter():
    names = [change.name for change in small_changes()]
    assert names[:2] == ["n_agents -25%", "n_agents +25%"] and names[-2:] == ["topology tree", "topology mesh"]
    assert Change("context_window", value=128.0).name == "context_window = 128"
    columns = {name: np.full(3, spec.default) for name, spec in SPECS.items()} | {"n_agents": np.array([2.0, 2.5, 8.0])}
    assert changed(small_changes()[0], columns, SPECS).tolist() == [2.0, 2.0, 6.0]


@pytest.fixture(scope="module")
def logs():
    params = STAR.params(n_agents=10.0, evidence=6.0, resolution_rate=0.05)
    return simulated_traces(STAR, params, runs=3, tasks=24, steps=10, key=jax.random.key(2))


@pytest.fixture(scope="module")
def problem(logs):
    found = units(logs)
    free = [Free("evidence"), Free("initial_focus", -1.0, 1.0, by="orchestrator"), Free("task_spread", 0.2, 1.0)]
    terms = [Dispatches.of(logs, found), Tokens.of(logs, found)]
    return make_problem(STAR, found, terms, [*free, Free("token_scale", 0.5, 2.0)], fixed={"dilution_order": 3.0})


def test_the_prior_teaches_nothing(problem):
    scores = np.random.default_rng(1).standard_normal((4000, problem.layout.size))
    scores[:, 1] *= 0.3
    found = parameter_draws(Posterior(problem, scores, "the prior"))
    assert found.rests_on("evidence") == PRIOR and found.rests_on("initial_focus") == FITTED
    assert found.rests_on("dilution_order") == GIVEN and found.rests_on("error_tokens") == DEFAULT
    # The 90% width of 4000 normal draws over that of the law, within 5 standard errors.
    assert found.widths["evidence"] == pytest.approx(1.0, abs=0.08)
    assert found.widths["initial_focus"] == pytest.approx(0.3, abs=0.03)
    assert set(found.effects) >= {"task_spread", "token_scale"} and found.observed == ("dispatches", "tokens")
    assert found.thinned(50).size == 50 and found.thinned(10_000).size == 4000


def test_a_fit_on_disk_holds_the_same_draws(problem, logs):
    scores = 0.2 * np.random.default_rng(1).standard_normal((30, problem.layout.size))
    posterior, size = Posterior(problem, scores, "by hand"), problem.layout.size
    nothing = (np.zeros(1, int), np.zeros(1), np.zeros((1, size)))
    fit = Fit(problem, np.zeros(size), np.eye(size), np.zeros(problem.entries), *nothing)
    none = HeldOut(np.full(problem.entries, np.nan), np.zeros(problem.entries))
    dataset = fit_dataset(logs, fit, posterior, (none, none), {"seed": 0})
    one, other = draws_of(posterior, problem.units.conditions.names[0]), draws_of(dataset)
    for name, column in one.columns.items():
        np.testing.assert_array_equal(other.columns[name], column)
    # Quantiles between two draws are taken on another scale.
    assert other.widths == pytest.approx(one.widths, rel=1e-3)
    np.testing.assert_array_equal(other.effects["token_scale"], one.effects["token_scale"])
    assert (other.condition, other.method, other.steps, other.observed) == (one.condition, "by hand", 10, one.observed)
    with pytest.raises(JobError, match="'nobody' is not a condition"):
        draws_of(dataset, "nobody")
    with pytest.raises(JobError, match="none of the 1 conditions"):
        draws_of(posterior, 3)


def test_a_posterior_file_is_a_population(spread, tmp_path):
    path = write_posterior(spread, tmp_path / "posterior.toml")
    with pytest.raises(StoreError, match="exists already"):
        write_posterior(spread, path)
    again = read_posterior(path)
    for name, column in spread.columns.items():
        np.testing.assert_array_equal(again.columns[name], column)
    assert (again.widths, again.condition, again.method) == (spread.widths, "made up", "by hand")
    (tmp_path / "sweep.toml").write_text(
        'base = "posterior.toml"\nrun = {horizon = 8.0, replicates = 32}\n'
        '[[axes]]\npath = "params.context_window"\nvalues = [8.0, 64.0]\n'
    )
    found = ej.sweep(tmp_path / "sweep.toml")
    assert found.collapse_probability.shape == (2,) and json.loads(found.attrs["config"])["run"]["dynamics"] == "agents"
    (tmp_path / "other.toml").write_text('population.evidence = {distribution = "normal", mean = 6.0, sd = 1.0}\n')
    with pytest.raises(ConfigError, match="is no posterior"):
        read_posterior(tmp_path / "other.toml")
    with pytest.raises(ConfigError, match=r"effective_fraction has 20 values and population\.evidence has 2"):
        ej.load(path, ["population.evidence.values=[5.0, 6.0]"])


@pytest.mark.parametrize(
    ("source", "options", "words"),
    [
        (made(model=LinearEntropy()), {}, "LinearEntropy has no agents, no progress and no context"),
        (made(), {"horizon": 0}, "horizon = 0"),
    ],
)
def test_what_cannot_be_forecast(source, options, words):
    with pytest.raises(JobError, match=words):
        forecast(source, **options)


def test_series_are_those_counted_run_by_run(logs):
    last = (logs.place == logs.lengths[logs.run] - 1) & (logs.success[logs.run] == 1)
    found = series_of(logs, np.zeros(len(logs), int), last, 1)
    paths = [(task, row[row >= 0].tolist()) for task, row in zip(logs.task, logs.dispatches(), strict=True)]
    for t in range(1, 10):
        pairs = [
            a[1][t] == b[1][t]
            for i, a in enumerate(paths)
            for b in paths[:i]
            if a[0] == b[0] and min(len(a[1]), len(b[1])) > t and a[1][:t] == b[1][:t]
        ]
        expected = np.mean(pairs) if pairs else np.nan
        np.testing.assert_allclose(found["agreement"][0, t], expected, rtol=1e-12)
        np.testing.assert_allclose(found["tokens"][0, t], logs.tokens[logs.place == t].mean(), rtol=1e-12)
        np.testing.assert_allclose(found["errors"][0, t], logs.error[logs.place == t].mean(), rtol=1e-12)
    assert np.isnan(found["agreement"][0, 0]) and found["success"][0, -1] == np.mean(logs.success == 1)


def test_p_values_of_what_is_known():
    foretold = np.array([[0.0, np.nan], [1.0, 2.0], [2.0, 2.0], [3.0, 2.0]])
    assert tail(np.array([0.5, 2.0]), foretold).tolist() == [0.5, 1.0]
    assert tail(np.array([9.0, np.nan]), foretold)[0] == 0.0
    rng = np.random.default_rng(3)
    logs = rng.normal(size=(400, 8))
    p = np.array([discrepancy(seen, logs) for seen in rng.normal(size=(300, 8))])
    # Even on [0, 1]: the mean of 300 within 5 standard errors.
    assert abs(p.mean() - 0.5) < 5.0 / math.sqrt(12 * 300)
    assert discrepancy(np.full(8, 3.0), logs) == 1 / 401


def test_a_check_knows_its_own_model_and_another(logs):
    truth = {"n_agents": np.full(60, 10.0), "evidence": 6.0, "resolution_rate": 0.05}
    name = units(logs).conditions.names[0]
    own = predictive_check(made(60, **truth)._replace(condition=name), logs, seed=1)
    assert own.series.values.tolist() == ["agreement", "tokens", "errors"] and own.p_value.values.min() > 0.01
    assert "Nothing observed is unlikely" in summarise(own)
    other = predictive_check(made(60, **truth | {"evidence": 3.0})._replace(condition=name), logs, seed=1)
    # Of 60 logs and the observed ones none lies further off.
    assert float(other.p_value.sel(series="errors")) == float(other.p_value.sel(series="tokens")) == 1 / 61
    assert "does not foretell tokens, errors" in summarise(other) and set(ej.figures(other)) == {"predictive"}
    assert json.loads(json.dumps(record(other)))["series"]["errors"]["p_value"] < 0.05
    with pytest.raises(JobError, match="no condition 'made up'"):
        predictive_check(made(**truth | {"n_agents": 10.0}), logs)
    with pytest.raises(JobError, match="Tree has no agents that choose by one gap"):
        predictive_check(made(model=Tree()), logs)
