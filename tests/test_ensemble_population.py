"""Populations: draws follow their distributions, within the support, independently and by global index alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from entropyjax.ensemble import JointSamples, LogNormal, Normal, Samples, Uniform
from entropyjax.ensemble.population import draw_population
from entropyjax.params import OrchestratorParams
from entropyjax.solve.noise import draw, stream

SPECS = OrchestratorParams.specs()
SIZE = 20_000
KEY = jax.random.key(11)

# name: (distribution, the law that scipy knows)
LAWS = {
    "evidence": (Normal(8.0, 1.0), scipy.stats.norm(8.0, 1.0)),
    "error_tokens": (Normal(0.5, 1.0), scipy.stats.truncnorm(-0.5, np.inf, 0.5, 1.0)),
    "initial_progress": (Normal(0.2, 0.7), scipy.stats.truncnorm(-0.2 / 0.7, 0.8 / 0.7, 0.2, 0.7)),
    "initial_focus": (Normal(-1.0, 3.0), scipy.stats.norm(-1.0, 3.0)),
    "context_window": (LogNormal(64.0, 0.5), scipy.stats.lognorm(0.5, scale=64.0)),
    "compaction_rate": (LogNormal(0.1, 0.8), scipy.stats.lognorm(0.8, scale=0.1)),
    "effective_fraction": (Uniform(0.2, 0.9), scipy.stats.uniform(0.2, 0.7)),
}
SAMPLES = (0.9, 0.3, 0.5, 0.5, 0.1)
"""Out of order and with a value twice, as measurements come."""


def drawn(population, indices, dtype=jnp.float64, key=KEY):
    indices = jnp.asarray(indices, jnp.uint32)
    one = jax.jit(jax.vmap(lambda index: draw_population(population, SPECS, key, index, dtype)))
    return {name: np.asarray(column) for name, column in one(indices).items()}


def cast(population, dtype):
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, dtype), population)


@pytest.fixture(scope="module")
def columns():
    population = {name: law for name, (law, _) in LAWS.items()} | {"roster_similarity": Samples(jnp.array(SAMPLES))}
    return drawn(population, np.arange(SIZE))


def is_law(column, law):
    """Kolmogorov-Smirnov at 1e-3 for all tests together."""
    return scipy.stats.kstest(column, law.cdf).pvalue > 1e-3 / len(LAWS)


@pytest.mark.parametrize("name", LAWS)
def test_draws_follow_their_law(columns, name):
    assert is_law(columns[name], LAWS[name][1])


@pytest.mark.parametrize("name", LAWS)
def test_the_test_would_see_a_wrong_law(columns, name):
    # A shift by a fifteenth of the spread, or a generator with too few bits, is caught.
    column, law = columns[name], LAWS[name][1]
    assert not is_law(column + law.std() / 15.0, law)
    coarse = law.ppf(np.floor(law.cdf(column) * 16) / 16 + 1 / 32)
    assert not is_law(coarse, law)


@pytest.mark.parametrize("name", LAWS)
def test_draws_stay_in_the_support(columns, name):
    support = SPECS[name].support
    assert all(value in support for value in columns[name])


def test_truncation_makes_no_heap_at_the_bound():
    bounded = drawn({"n_agents": LogNormal(3.0, 1.0), "error_tokens": Normal(0.0, 1.0)}, np.arange(SIZE))
    assert bounded["n_agents"].min() >= 2.0
    assert (bounded["n_agents"] == 2.0).mean() < 1e-3
    assert (bounded["error_tokens"] == 0.0).mean() < 1e-3


def test_samples_are_drawn_alike(columns):
    found, counts = np.unique(columns["roster_similarity"], return_counts=True)
    np.testing.assert_array_equal(found, [0.1, 0.3, 0.5, 0.9])
    assert scipy.stats.chisquare(counts, SIZE * np.array([1, 1, 2, 1]) / 5).pvalue > 1e-3


def test_the_quantile_of_one_is_the_largest_value():
    one = jnp.ones(())
    assert Samples(jnp.array(SAMPLES)).quantile(one, SPECS["roster_similarity"]) == 0.9
    assert Uniform(2.0, 5.0).quantile(one, SPECS["n_agents"]) == 5.0
    assert 6.0 < Normal(2.5, 1.0).quantile(one, SPECS["n_agents"]) < 20.0
    assert np.isfinite(LogNormal(64.0, 0.5).quantile(one, SPECS["context_window"]))


def test_parameters_are_independent_of_each_other(columns):
    ranks = np.array([scipy.stats.rankdata(columns[name]) for name in LAWS])
    off = np.corrcoef(ranks)[~np.eye(len(LAWS), dtype=bool)]
    # 15 pairs; the standard error of each is 1 / sqrt(SIZE).
    assert np.abs(off).max() < 4.5 / np.sqrt(SIZE)
    neighbours = [np.corrcoef(columns[name][:-1], columns[name][1:])[0, 1] for name in LAWS]
    assert np.abs(neighbours).max() < 4.5 / np.sqrt(SIZE)


def test_parameters_are_independent_of_the_noise(columns):
    def noise(index):
        return jnp.stack([*draw(stream(KEY, 0), index, jnp.uint32(0), 3, jnp.float64).normals])

    normals = np.asarray(jax.jit(jax.vmap(noise))(jnp.arange(SIZE, dtype=jnp.uint32))).T
    for name in LAWS:
        ranks = scipy.stats.rankdata(columns[name])
        for row in (*normals, *np.abs(normals)):
            assert abs(np.corrcoef(ranks, row)[0, 1]) < 4.5 / np.sqrt(SIZE), name


def test_a_draw_depends_on_key_and_index_alone(columns):
    picked = np.array([17, 3, 19_999])
    alone = drawn({"context_window": LAWS["context_window"][0]}, picked)["context_window"]
    np.testing.assert_array_equal(alone, columns["context_window"][picked])
    again = drawn({"context_window": LAWS["context_window"][0]}, picked, key=jax.random.key(12))["context_window"]
    assert not np.any(again == alone)


def test_single_precision_draws_are_the_same_to_rounding(columns):
    population = cast({name: law for name, (law, _) in LAWS.items()}, jnp.float32)
    single = drawn(population, np.arange(SIZE), jnp.float32)
    for name, (_, law) in LAWS.items():
        assert single[name].dtype == np.float32
        assert np.all(np.isfinite(single[name]))
        assert is_law(single[name].astype(float), law)
        np.testing.assert_allclose(single[name], columns[name], rtol=2e-3, atol=2e-3 * law.std())


@pytest.mark.parametrize("name", ["evidence", "error_tokens", "context_window", "compaction_rate"])
@pytest.mark.parametrize("level", [0.1, 0.9])
def test_quantiles_have_derivatives_by_what_describes_a_distribution(name, level):
    law, fields = LAWS[name][0], vars(LAWS[name][0])

    def value(numbers):
        return type(law)(**numbers).quantile(jnp.asarray(level), SPECS[name])

    slopes = jax.grad(value)({field: float(number) for field, number in fields.items()})
    for field, number in fields.items():
        up, down = (value(fields | {field: number + sign * 1e-6}) for sign in (1.0, -1.0))
        # Central differences in float64: rounding 1e-16 over the step, times values of up to 100.
        np.testing.assert_allclose(slopes[field], (up - down) / 2e-6, rtol=1e-6, atol=1e-7)


ROWS = np.array([[4.0, 0.9], [5.0, 0.7], [6.0, 0.5], [8.0, 0.2]])
"""Evidence and effective share of the window, which fall and rise together as in a posterior."""


def joint(rows="posterior"):
    names = ("evidence", "effective_fraction")
    return {name: JointSamples(jnp.array(column), rows) for name, column in zip(names, ROWS.T, strict=True)}


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32])
def test_joint_samples_are_rows_drawn_alike(dtype):
    found = drawn(cast(joint(), dtype), np.arange(SIZE), dtype)
    pairs, counts = np.unique(np.stack([found[name] for name in joint()], axis=1), axis=0, return_counts=True)
    np.testing.assert_array_equal(pairs, ROWS.astype(dtype))
    assert scipy.stats.chisquare(counts).pvalue > 1e-3


def test_rows_of_other_names_are_independent_and_leave_other_draws_alone(columns):
    both = (
        joint()
        | {"focus_rate": JointSamples(jnp.array(ROWS[:, 0]), "other")}
        | {"context_window": LAWS["context_window"][0]}
    )
    found = drawn(both, np.arange(SIZE))
    assert abs(np.corrcoef(found["evidence"], found["focus_rate"])[0, 1]) < 4.5 / np.sqrt(SIZE)
    np.testing.assert_array_equal(found["context_window"], columns["context_window"])
    np.testing.assert_array_equal(found["evidence"], drawn(joint(), np.arange(SIZE))["evidence"])


def test_joint_samples_know_their_ends():
    assert joint()["effective_fraction"].ends(SPECS["effective_fraction"], jnp.float32).tolist() == pytest.approx(
        [0.2, 0.9]
    )
    assert Uniform(2.0, 5.0).ends(SPECS["n_agents"], jnp.float64).tolist() == [2.0, 5.0]
