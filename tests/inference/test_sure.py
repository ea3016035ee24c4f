"""How sure a fit is, against a linear problem whose posterior is known in closed form, and scipy."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from inference.linear import FREE, linear
from scipy import optimize, stats
from scipy.integrate import quad

from entropyjax.inference import InferenceError
from entropyjax.inference.effect import log_mean, look, nodes
from entropyjax.inference.fisher import information
from entropyjax.inference.fit import fit
from entropyjax.inference.godambe import godambe, sandwich
from entropyjax.inference.identifiability import identifiability, varimax
from entropyjax.inference.laplace import laplace
from entropyjax.inference.lens import lenses
from entropyjax.inference.optimise import Options
from entropyjax.inference.parameters import Free, layout
from entropyjax.inference.posteriors import posterior_of
from entropyjax.inference.problem import parameters
from entropyjax.inference.profiles import profiles
from entropyjax.inference.refits import bootstrap_fit, refits
from entropyjax.inference.units import Conditions
from entropyjax.models import Star

QUICK = Options(descent=0, polish=6, newton=4)


@pytest.fixture(scope="module")
def problem():
    return linear()


@pytest.fixture(scope="module")
def found(problem):
    return fit(problem, starts=2, options=QUICK)


def held_by(found, hessian=None, **changes):
    """A fit of a problem with other properties, at the same maximum."""
    problem = dataclasses.replace(found.problem, compiled={}, **changes)
    return found._replace(problem=problem, hessian=found.hessian if hessian is None else hessian)


def test_information_is_that_of_the_likelihood(problem, found):
    np.testing.assert_allclose(found.scores, problem.mean, atol=1e-8)
    told = information(found)
    np.testing.assert_allclose(told.matrix, problem.design.T @ problem.design, atol=1e-8)
    np.testing.assert_allclose(told.covariance, problem.covariance, atol=1e-10)
    assert np.all(np.diff(told.contraction) > 0.0) and told.contraction[-1] > 0.9


def test_laplace_is_the_posterior_of_a_linear_problem(problem, found):
    draws = laplace(found, 20_000, seed=1)
    # Three means and six covariances at 4 standard errors: a false alarm in 2,000 seeds.
    error = 4.0 / np.sqrt(20_000)
    deviation = np.sqrt(np.diag(problem.covariance))
    assert np.all(np.abs(draws.scores.mean(axis=0) - problem.mean) < error * deviation)
    scale = np.sqrt(2.0) * error * np.outer(deviation, deviation)
    assert np.all(np.abs(np.cov(draws.scores, rowvar=False) - problem.covariance) < scale)
    ends = problem.mean + stats.norm.ppf([[0.05], [0.95]]) * deviation
    exact = np.array([problem.layout.natural(jnp.asarray(end)) for end in ends]).T
    np.testing.assert_allclose(list(draws.intervals(0.9).values()), exact, rtol=0.05)


def test_what_is_not_a_maximum_or_says_too_much_is_refused(found):
    saddle = np.diag([2.0, 1.0, -0.5])
    for method in (laplace, information, godambe):
        with pytest.raises(InferenceError, match=r"least curvature -0\.5"):
            method(found._replace(hessian=saddle))
    with pytest.raises(InferenceError, match="not finite"):
        laplace(found._replace(hessian=np.full((3, 3), np.nan)))
    composite = held_by(found, composite=True)
    for refused in (laplace, profiles, lambda it: posterior_of(it, "smc")):
        with pytest.raises(InferenceError, match="composite"):
            refused(composite)
    with pytest.raises(InferenceError, match="did you mean 'laplace'"):
        posterior_of(found, "laplase")


def of_information(found, matrix):
    return held_by(found, hessian=np.eye(3) + np.array(matrix, float))


def test_what_the_data_cannot_separate_is_said_in_words(found):
    """Only the sum of the first two is seen, and nothing of the third."""
    text = str(identifiability(of_information(found, [[50, 50, 0], [50, 50, 0], [0, 0, 0]])))
    assert "Of 3 directions the data fix 1 (less than 10% of the prior variance is left), say something of 0" in text
    assert "Known best: evidence and initial_focus rising together, to 10.0%" in text or (
        "Known best: initial_focus and evidence rising together, to 10.0%" in text
    )
    assert "trade off: the data hardly notice" in text and "while" in text and "(100% of the prior variance" in text
    assert "Of roster_similarity the data say hardly anything (100% of the prior variance is left)." in text
    assert "initial_focus move apart (correlation -0.98)." in text


def test_directions_that_are_left_are_turned_to_single_parameters(found):
    """Of two parameters of which nothing is seen no combination is told."""
    text = str(identifiability(of_information(found, np.diag([0.0, 0.0, 99.0]))))
    assert "Of evidence the data say hardly anything" in text and "Of initial_focus the data" in text
    assert "Known best: roster_similarity, to 10.0% of the prior's standard deviation" in text and "trade" not in text
    turn, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((2, 2)))
    simple = np.abs(varimax(np.eye(5)[:, [1, 3]] @ turn))
    np.testing.assert_allclose(np.sort(simple, axis=0)[-1], 1.0, atol=1e-6)


def test_the_sandwich_against_its_definition(problem, found):
    residual = problem.seen - problem.design @ found.scores
    gradients = problem.design * residual[:, None]
    centred = gradients - gradients.mean(axis=0)
    between = 40.0 / 39.0 * centred.T @ centred
    exact = problem.covariance @ (np.eye(3) + between) @ problem.covariance
    np.testing.assert_allclose(sandwich(found), exact, atol=1e-9)
    assert godambe(found).method == "Godambe, over 40 tasks"


def test_entries_that_are_counted_twice_do_not_make_the_sandwich_surer(found):
    """The same rows in two conditions: the curvature doubles, the variance over tasks quadruples."""
    strong = dataclasses.replace(found.problem, design=100.0 * found.problem.design, compiled={})
    rows = [np.concatenate([each, each]) for each in (strong.design, strong.seen, strong.task)]
    twice = dataclasses.replace(strong, design=rows[0], seen=rows[1], task=rows[2], compiled={})
    pair = []
    for one in (strong, twice):
        hessian = np.linalg.inv(one.covariance)
        pair.append(sandwich(found._replace(problem=one, scores=one.mean, hessian=hessian)))
    # The prior, whose weight differs, is a 10,000th of the information; of the third direction it is a fourth.
    np.testing.assert_allclose(pair[1][:2, :2], pair[0][:2, :2], rtol=0.05)


def test_rows_of_no_task_count_as_if_they_said_the_same(found):
    lone = linear(marginal=40)
    bound = sandwich(found._replace(problem=lone))
    seen = lone.design.T @ lone.design
    np.testing.assert_allclose(bound, lone.covariance @ (np.eye(3) + 40.0 * seen) @ lone.covariance, atol=1e-9)
    assert "upper bound" in godambe(found._replace(problem=lone)).method
    with pytest.raises(InferenceError, match="belong to no task"):
        bootstrap_fit(found._replace(problem=lone))


def test_too_few_tasks_are_refused(found):
    few = held_by(found, task=np.arange(40) % 7)
    for method in (godambe, bootstrap_fit):
        with pytest.raises(InferenceError, match="7 tasks are too few"):
            method(few)
    with pytest.raises(InferenceError, match="1 replicates make no bootstrap"):
        bootstrap_fit(found, 1)


def test_replicates_are_the_maxima_of_the_weighted_likelihood_with_a_moved_prior(problem, found):
    rng = np.random.default_rng(2)
    weights, centres = rng.multinomial(40, np.full(40, 1 / 40), 64).astype(float), rng.standard_normal((64, 3))
    ends = refits(problem, found.scores, weights, centres, QUICK)
    for scores, weight, centre in zip(ends.scores[:5], weights, centres, strict=False):
        precision = np.eye(3) + problem.design.T @ (weight[:, None] * problem.design)
        exact = np.linalg.solve(precision, problem.design.T @ (weight * problem.seen) + centre)
        np.testing.assert_allclose(scores, exact, atol=1e-8)


def test_the_bootstrap_agrees_with_the_sandwich_and_keeps_the_prior(found):
    told = []
    draws = bootstrap_fit(found, 2000, seed=3, options=QUICK, progress=lambda *at: told.append(at))
    assert draws.scores.shape == (2000, 3) and told[-1] == (2000, 2000, "bootstrap of the fit")
    assert draws.method == "bootstrap over 40 tasks"
    # 40 tasks: weights that vary make replicates wider by a part of 1/40; deviations of 2,000 draws are known to 2%.
    np.testing.assert_allclose(draws.scores.std(axis=0), np.sqrt(np.diag(sandwich(found))), rtol=0.12)
    assert draws.scores[:, 2].std() > 0.85


def test_profiles_of_a_linear_problem(problem, found):
    for prior in (False, True):
        for place, one in enumerate(profiles(found, level=0.9, prior=prior, points=15, options=QUICK)):
            # Without its own prior a score is known by what the others leave of the data.
            precision = np.eye(3) + problem.design.T @ problem.design
            precision[place, place] -= 0.0 if prior else 1.0
            covariance = np.linalg.inv(precision)
            centre, deviation = covariance @ problem.design.T @ problem.seen, np.sqrt(covariance[place, place])
            block = problem.layout.blocks[place]
            for side, end, is_open in ((-1, one.low, one.open_low), (1, one.high, one.open_high)):
                z = centre[place] + side * 1.6448536 * deviation
                assert is_open == (abs(z) > 4.0) or place == 2
                if not is_open:
                    exact = block.spec.support.constrain(jnp.asarray(block.prior.mean + block.prior.sd * z))
                    assert end == pytest.approx(float(exact), rel=2e-3, abs=2e-3)
        assert "roster_similarity: " in str(one)


def test_a_profile_that_does_not_fall_is_open():
    """A Bernoulli likelihood of successes alone: any large value will do. The lower end is that of scipy."""
    one = linear(size=1, function=lambda z: 4.0 * jax.nn.log_sigmoid(2.0 * z))
    found = fit(one, starts=2, options=QUICK)
    (profile,) = profiles(found, points=31, options=QUICK)
    assert profile.open_high and not profile.open_low and "no value up to" in str(profile)
    cut = 0.5 * stats.chi2.ppf(0.9, 1)
    z = optimize.brentq(lambda z: 4.0 * np.log1p(np.exp(-2.0 * z)) - cut, -3.0, 4.0)
    exact = one.layout.natural(jnp.asarray([z]))[0]
    # The top is that of the grid, at a score of 4: 4 ln(1 + e^-8) lower than that at infinity.
    assert profile.low == pytest.approx(float(exact), rel=3e-3)
    with pytest.raises(InferenceError, match="'evidnce' is not free in this fit; did you mean 'evidence'"):
        profiles(found, ["evidnce"])


def test_lenses_hold_what_a_layout_says():
    two = Conditions(("a", "b", "a"), ("x", "x", "y"), np.array([0, 0, 0]), np.array([8, 8, 8]))
    plan = layout(parameters(Star(), []), two, [Free("initial_focus", by="system", pooled=True), FREE[0]])
    scores = np.random.default_rng(0).standard_normal(plan.size)
    for lens, value in zip(lenses(plan), np.asarray(plan.natural(jnp.asarray(scores))), strict=True):
        spec = plan.blocks[0 if lens.width else 1].spec
        assert lens.place(scores) == pytest.approx(float(spec.support.unconstrain(value)), rel=1e-12)
        assert lens.score(lens.place(scores), scores) == pytest.approx(scores[lens.own], rel=1e-12)
    assert plan.coordinates[:2] == ("the mean of initial_focus", "the spread of initial_focus")


@pytest.mark.parametrize(("spread", "right", "wrong"), [(0.5, 3.0, 2.0), (2.0, 30.0, 10.0), (4.0, 39.0, 1.0)])
def test_the_effect_of_a_task_is_integrated_over_where_it_is(spread, right, wrong):
    """Against scipy; a rule about 0 of more nodes is off by a tenth of a nat and more where a task says much."""

    def given(effect, module=jnp):
        x = 0.7 + spread * effect
        return -right * module.log1p(module.exp(-x)) - wrong * module.log1p(module.exp(x))

    rule = nodes(9)
    ours = log_mean(given, rule, look(given, rule, 1, jnp.zeros(()).dtype))
    whole = quad(lambda z: np.exp(given(z, np)) * stats.norm.pdf(z), -8.0, 8.0, epsabs=0.0, epsrel=1e-11, limit=200)[0]
    assert float(ours[0]) == pytest.approx(np.log(whole), abs=2e-3)


def test_single_precision(problem, found):
    with jax.enable_x64(False):
        single = fit(linear(), starts=1, options=QUICK)
        assert single.scores.dtype == np.float32
        np.testing.assert_allclose(single.scores, problem.mean, atol=1e-4)
        np.testing.assert_allclose(np.cov(laplace(single, 4000).scores, rowvar=False), problem.covariance, atol=0.06)
        np.testing.assert_allclose(sandwich(single), sandwich(found), atol=1e-3)
