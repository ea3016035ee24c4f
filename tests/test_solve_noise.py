"""The generator: the same bits as JAX, normals that pass the tests a wrong generator fails, and its indexing."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from jax.extend.random import threefry_2x32

from entropyjax.models import Star
from entropyjax.solve import METHODS, Grid, solve
from entropyjax.solve.noise import Draws, coarsen, draw, sign, stream, threefry, uniform

KEY = jax.random.key(20261122)
LANES, STEPS, CHANNELS = 1024, 64, 4
LEVEL = 1e-4
"""Chance that a right generator fails a whole family of tests; within a family it is shared (Bonferroni)."""


def bits_of_jax(first, second):
    """threefry_2x32 of JAX encrypts the concatenation of two halves: counters first, then counters second."""
    words = stream(KEY, 3)
    out = threefry_2x32((words.first, words.second), jnp.concatenate([first, second]))
    return jnp.split(out, 2)


def test_the_bits_are_those_of_jax():
    rng = np.random.default_rng(0)
    first, second = jnp.asarray(rng.integers(0, 2**32, (2, 1000), dtype=np.uint32))
    edges = jnp.asarray([0, 1, 2**31, 2**32 - 1], jnp.uint32)
    first, second = jnp.concatenate([first, edges]), jnp.concatenate([second, edges[::-1]])
    for got, expected in zip(threefry(stream(KEY, 3), first, second), bits_of_jax(first, second), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_streams_and_keys_are_different():
    seen = {
        tuple(int(word) for word in stream(jax.random.key(seed), number)) for seed in range(8) for number in range(8)
    }
    assert len(seen) == 64


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_uniforms_at_the_ends(dtype):
    words = jnp.asarray([0, 1, 2, 2**32 - 1], jnp.uint32)
    values = uniform(words, dtype)
    assert values.dtype == dtype
    # 31 bits, centred in their cells; in float32 the last one rounds to 1, never to more, and none is 0.
    np.testing.assert_allclose(np.asarray(values[:3], float), np.array([0.5, 0.5, 1.5]) * 2.0**-31, rtol=1e-15)
    assert 1.0 - 2.0**-31 <= float(values[3]) <= 1.0
    np.testing.assert_array_equal(sign(words, dtype), np.array([-1.0, 1.0, -1.0, 1.0]))


# --- Statistics ---------------------------------------------------------------------------------------------


def sample(generate, dtype=jnp.float64, lanes=LANES, steps=STEPS):
    """Draws of every lane and step: normals and signs of shape (channels, lanes, steps)."""
    words = stream(KEY, 0)

    @jax.jit
    def table():
        over_steps = jax.vmap(lambda i, k: generate(words, i, k, CHANNELS, dtype), in_axes=(None, 0))
        indices, numbers = (jnp.arange(n, dtype=jnp.uint32) for n in (lanes, steps))
        return jax.vmap(over_steps, in_axes=(0, None))(indices, numbers)

    out = table()
    return np.stack(out.normals).astype(float), np.stack(out.signs).astype(float)


@functools.cache
def right():
    return sample(draw)


def two_sided(score):
    return 2.0 * scipy.stats.norm.sf(np.abs(score))


def moment_tests(normals, signs):
    """Mean, variance, skewness and kurtosis of each channel, each standardised by its exact deviation."""
    size = normals[0].size
    # Var x^k = (2k-1)!! - (k-1)!!^2 for even k: 1, 2, 15, 96.
    expected = {1: (0.0, 1.0), 2: (1.0, 2.0), 3: (0.0, 15.0), 4: (3.0, 96.0)}
    for power, (mean, variance) in expected.items():
        for channel in normals:
            yield two_sided((np.mean(channel**power) - mean) / np.sqrt(variance / size))


def distribution_tests(normals, signs):
    """Kolmogorov and Smirnov against the normal law, each channel over all lanes and steps."""
    for channel in normals:
        yield scipy.stats.kstest(channel.ravel(), scipy.stats.norm.cdf, method="asymp").pvalue


def tail_tests(normals, signs):
    """Counts beyond 3 deviations against the binomial law."""
    for channel in normals:
        count = int(np.sum(np.abs(channel) > 3.0))
        yield scipy.stats.binomtest(count, channel.size, 2.0 * scipy.stats.norm.sf(3.0)).pvalue


def dependence_tests(normals, signs):
    """Products of neighbours in lane, step and channel, of the numbers and of their squares: mean 0, known variance."""
    for values, spread in ((normals, 1.0), (normals**2 - 1.0, 2.0)):
        pairs = [
            (values[:, 1:], values[:, :-1]),
            (values[:, 2:], values[:, :-2]),
            (values[:, :, 1:], values[:, :, :-1]),
            (values[:, :, 2:], values[:, :, :-2]),
        ]
        pairs += [(values[i], values[j]) for i in range(CHANNELS) for j in range(i)]
        # Across channels from step to step, which is what overlapping counters repeat.
        pairs += [(values[i][:, 1:], values[j][:, :-1]) for i in range(CHANNELS) for j in range(CHANNELS)]
        # The grid's diagonals too: lane i, step k+1 against lane i+1, step k.
        pairs += [(values[:, :-1, 1:], values[:, 1:, :-1])]
        for a, b in pairs:
            yield two_sided(np.sum(a * b) / (spread * np.sqrt(a.size)))


def sign_tests(normals, signs):
    """Balance of the signs, independence of each other, of the normals, their squares and their products."""
    size = signs[0].size
    for k in range(CHANNELS):
        yield two_sided(signs[k].sum() / np.sqrt(size))
        yield two_sided(np.sum(signs[k, 1:] * signs[k, :-1]) / np.sqrt(signs[k, 1:].size))
        yield two_sided(np.sum(signs[k, :, 1:] * signs[k, :, :-1]) / np.sqrt(signs[k, :, 1:].size))
        for j in range(CHANNELS):
            yield two_sided(np.sum(signs[k] * normals[j]) / np.sqrt(size))
            yield two_sided(np.sum(signs[k] * (normals[j] ** 2 - 1.0)) / np.sqrt(2.0 * size))
            if j < k:
                yield two_sided(np.sum(signs[k] * signs[j]) / np.sqrt(size))
                # This product is what an iterated integral is made of.
                yield two_sided(np.sum(signs[k] * normals[j] * normals[k]) / np.sqrt(size))


FAMILIES = [moment_tests, distribution_tests, tail_tests, dependence_tests, sign_tests]


def passes(family, normals, signs):
    values = np.array(list(family(normals, signs)))
    return bool(values.min() > LEVEL / len(values))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_generator_passes(family):
    assert passes(family, *right())


def test_float32_passes_too():
    normals, signs = sample(draw, jnp.float32)
    for family in FAMILIES:
        assert passes(family, normals, signs)


def reuse_index(key, index, step, count, dtype):
    return draw(key, index // jnp.uint32(2), step, count, dtype)


def reuse_step(key, index, step, count, dtype):
    return draw(key, index, step // jnp.uint32(2), count, dtype)


def overlapping_blocks(key, index, step, count, dtype):
    """Counter step + block instead of step * blocks + block: the next step repeats this one's second block."""
    a, b = (draw(key, index, step + jnp.uint32(k), 2, dtype) for k in (0, 1))
    return Draws(a.normals + b.normals, a.signs + b.signs)


def lane_plus_step(key, index, step, count, dtype):
    return draw(key, index + step, jnp.uint32(0) * step, count, dtype)


def too_wide(key, index, step, count, dtype):
    out = draw(key, index, step, count, dtype)
    return Draws(tuple(1.05**0.5 * value for value in out.normals), out.signs)


def correlated(key, index, step, count, dtype):
    out = draw(key, index, step, count, dtype)
    a, b, *rest = out.normals
    return Draws((a, 0.02 * a + (1.0 - 0.02**2) ** 0.5 * b, *rest), out.signs)


def shared_radius(key, index, step, count, dtype):
    """Squares correlate although the numbers do not: the same radius in both blocks."""
    a, b, c, d = draw(key, index, step, 4, dtype).normals
    scale = jnp.sqrt((a**2 + b**2) / (c**2 + d**2))
    return Draws((a, b, scale * c, scale * d), draw(key, index, step, 4, dtype).signs)


def sign_of_the_normal(key, index, step, count, dtype):
    out = draw(key, index, step, count, dtype)
    return Draws(out.normals, (jnp.sign(out.normals[0]), *out.signs[1:]))


def no_tails(key, index, step, count, dtype):
    out = draw(key, index, step, count, dtype)
    return Draws(tuple(jnp.clip(value, -3.0, 3.0) for value in out.normals), out.signs)


def uniform_noise(key, index, step, count, dtype):
    """Mean 0 and variance 1, but flat."""
    out = draw(key, index, step, count, dtype)
    flat = tuple(12.0**0.5 * (jax.scipy.stats.norm.cdf(value) - 0.5) for value in out.normals)
    return Draws(flat, out.signs)


WRONG = {
    reuse_index: {dependence_tests},
    reuse_step: {dependence_tests},
    overlapping_blocks: {dependence_tests},
    lane_plus_step: {dependence_tests},
    too_wide: {moment_tests},
    correlated: {dependence_tests},
    shared_radius: {dependence_tests},
    sign_of_the_normal: {sign_tests},
    no_tails: {moment_tests, tail_tests},
    uniform_noise: {moment_tests, distribution_tests, tail_tests},
}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
def test_a_wrong_generator_fails(wrong):
    normals, signs = sample(wrong)
    failed = {family for family in FAMILIES if not passes(family, normals, signs)}
    assert failed
    assert WRONG[wrong] <= failed, failed


# --- Precision and indexing ---------------------------------------------------------------------------------


def test_float32_and_float64_draws_agree_to_rounding():
    double, signs = right()
    single, signs32 = sample(draw, jnp.float32)
    np.testing.assert_array_equal(signs, signs32)
    error = np.abs(single - double)
    eps = float(jnp.finfo(jnp.float32).eps)
    # The angle is good to eps, and each of two doublings of it doubles the error: 8 eps on a radius of up to 6.
    assert np.quantile(error, 0.999) < 8.0 * 6.0 * eps
    # Where u is near 1 the radius is sqrt(-2 ln u), and rounding u by eps/2 moves it by up to sqrt(eps).
    assert error.max() < eps**0.5
    radius = [np.hypot(values[0], values[1]) ** 2 for values in (double, single)]
    assert np.abs(radius[0] - radius[1]).max() < 44.0 * 8.0 * eps


def test_box_muller_is_the_transform_it_approximates():
    words = [threefry(stream(KEY, 1), jnp.uint32(i), jnp.uint32(7)) for i in range(64)]
    first = np.array([int(a) for a, _ in words])
    second = np.array([int(np.int32(np.uint32(int(b)))) for _, b in words])
    radius = np.sqrt(-2.0 * np.log(((first >> 1) + 0.5) * 2.0**-31))
    angle = np.pi * second * 2.0**-31
    got = np.array(
        [np.stack(draw(stream(KEY, 1), jnp.uint32(i), jnp.uint32(7), 2, jnp.float64).normals) for i in range(64)]
    )
    # Taylor polynomials to degree 12 and 13 at pi/4: 1e-11 in the angle after two doublings (the module's 1e-12
    # times 4).
    np.testing.assert_allclose(got, np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), atol=5e-11)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_counters_never_overlap(count):
    """Blocks of neighbouring steps use different counters, at every number of normals."""
    words = stream(KEY, 0)
    seen = jax.vmap(lambda k: jnp.stack(draw(words, jnp.uint32(5), k, count, jnp.float64).normals))(
        jnp.arange(16, dtype=jnp.uint32)
    )
    assert seen.shape == (16, 2 * ((count + 1) // 2))
    assert len(np.unique(seen)) == seen.size


def test_noise_depends_on_key_index_and_step_alone():
    star, method = Star(), METHODS.get("euler_maruyama")()
    params = star.params(initial_context=20.0, initial_progress=0.3)

    def final(index):
        out = solve(star, params, grid=Grid(4.0, 2, 16), key=KEY, index=index, method=method)
        return jnp.stack([*out.final, out.saved.focus[1]])

    run = jax.jit(jax.vmap(final))
    indices = jnp.arange(100, 148, dtype=jnp.uint32)
    whole = np.asarray(run(indices))
    parts = np.concatenate([np.asarray(run(indices[:24])), np.asarray(run(indices[24:]))])
    mixed = np.asarray(run(indices[::-1]))[::-1]
    mapped = np.asarray(jax.jit(lambda i: jax.lax.map(final, i, batch_size=7))(indices))
    # The same operations on the same bits; another vector width may contract a product and a sum differently.
    for other in (parts, mixed, mapped):
        np.testing.assert_allclose(other, whole, rtol=1e-13, atol=1e-14)
    assert len(np.unique(whole[:, 0])) == 48


def test_draws_do_not_depend_on_how_they_are_batched():
    words = stream(KEY, 0)

    def one(index):
        return jnp.stack(draw(words, index, jnp.uint32(3), 3, jnp.float64).normals)

    indices = jnp.arange(64, dtype=jnp.uint32)
    whole = np.asarray(jax.jit(jax.vmap(one))(indices))
    alone = np.stack([np.asarray(jax.jit(one)(index)) for index in indices[::16]])
    # Same bits; products and sums may be contracted differently: two doublings of the angle, some ulp.
    np.testing.assert_allclose(alone, whole[::16], rtol=0, atol=4e-15)


def test_coarse_increments_are_sums_of_fine_ones():
    normals, _ = right()
    words, dt = stream(KEY, 0), 0.125
    first, second = (draw(words, jnp.uint32(9), jnp.uint32(k), CHANNELS, jnp.float64) for k in (10, 11))
    double = coarsen(first, second)
    for channel in range(CHANNELS):
        fine = dt**0.5 * (normals[channel, 9, 10] + normals[channel, 9, 11])
        np.testing.assert_allclose((2.0 * dt) ** 0.5 * double.normals[channel], fine, rtol=1e-14)
    assert all(abs(float(value)) == 1.0 for value in double.signs)


def test_coarse_draws_pass_too():
    def coarse(key, index, step, count, dtype):
        fine = [draw(key, index, jnp.uint32(2) * step + jnp.uint32(k), count, dtype) for k in (0, 1)]
        return coarsen(*fine)

    normals, signs = sample(coarse)
    for family in FAMILIES:
        assert passes(family, normals, signs)
