"""Refined boundaries against uniform grids, closed forms and known probabilities."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import ndimage
from scipy.special import expit, ndtr

from entropyjax.phase import (
    FAILED,
    IN_BAND,
    Crossing,
    Labels,
    Lattice,
    Plurality,
    Range,
    Share,
    batched,
    refine,
)

SQUARE = Lattice(Range(-1.0, 1.0), Range(-1.0, 1.0), 512, 16)
ANGLE = np.linspace(0.0, 2.0 * np.pi, 4001)


def field_of(function):
    return lambda ask: function(*ask.points.T)


def everywhere(function, lattice):
    """Labels of the whole lattice, as a uniform grid finds them."""
    return function(*lattice.points(np.arange(lattice.size)).T).reshape(lattice.side, lattice.side)


def mixed_cells(labels):
    corners = np.stack([labels[:-1, :-1], labels[1:, :-1], labels[:-1, 1:], labels[1:, 1:]])
    return corners.min(axis=0) != corners.max(axis=0)


def circle(x, y, centre=(0.1, 0.05), radius=0.6):
    return np.hypot(x - centre[0], y - centre[1]) - radius


def ring(centre, radius):
    return np.stack([centre[0] + radius * np.cos(ANGLE), centre[1] + radius * np.sin(ANGLE)], axis=-1)


LINE = np.linspace(-1.0, 1.0, 4001)
AXES = np.concatenate([np.stack([LINE, 0.0 * LINE], -1), np.stack([0.0 * LINE, LINE], -1)])
LOG = Lattice(Range(2.0, 128.0, log=True), Range(16.0, 256.0, log=True), 512, 16)
# Values whose level 0 is the boundary, and points on it.
CASES = {
    "circle": (SQUARE, circle, ring((0.1, 0.05), 0.6)),
    "line through a corner": (SQUARE, lambda x, y: y - x, np.stack([LINE, LINE], -1)),
    "two islands": (
        SQUARE,
        lambda x, y: np.minimum(circle(x, y, (-0.5, -0.4), 0.3), circle(x, y, (0.6, 0.5), 0.2)),
        np.concatenate([ring((-0.5, -0.4), 0.3), ring((0.6, 0.5), 0.2)]),
    ),
    "saddle": (SQUARE, lambda x, y: x * y, AXES),
    "saddle between points": (
        SQUARE,
        lambda x, y: (x - 0.0011) * (y + 0.0007),
        np.clip(AXES + np.array([0.0011, -0.0007]), -1.0, 1.0),
    ),
    "power law on log axes": (
        LOG,
        lambda n, w: w - 20.0 * n**0.4,
        np.stack([np.geomspace(2.0, 128.0, 4001), 20.0 * np.geomspace(2.0, 128.0, 4001) ** 0.4], -1),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_band_is_what_a_uniform_grid_finds_at_a_twentieth_of_its_solves(case):
    lattice, function, curve = CASES[case]
    found = refine(field_of(lambda x, y: (function(x, y) >= 0.0).astype(int)), lattice, Labels(), check=50)
    labels = everywhere(lambda x, y: (function(x, y) >= 0.0).astype(int), lattice)
    mixed = mixed_cells(labels)
    np.testing.assert_array_equal(found.regions == IN_BAND, mixed)
    np.testing.assert_array_equal(found.regions[~mixed], labels[:-1, :-1][~mixed])
    assert found.inside(curve).all()
    assert found.solves * 20 <= lattice.size
    assert found.check is not None and found.check.disagree == 0
    # Every segment lies in one cell of the band.
    assert found.inside(found.segments.mean(axis=1)).all()
    assert len(found.segments) >= mixed.sum()


def test_a_level_is_interpolated_to_second_order():
    found = refine(field_of(circle), SQUARE, Crossing(0.0))
    step = 2.0 / SQUARE.resolution
    gap = np.abs(circle(*found.segments.reshape(-1, 2).T))
    # Linear interpolation along an edge: h^2/8 times the largest second derivative 1/r, r within an edge of 0.6.
    assert gap.max() <= step**2 / 8.0 / (0.6 - step)
    length = np.linalg.norm(np.diff(found.segments, axis=1), axis=-1).sum()
    np.testing.assert_allclose(length, 2.0 * np.pi * 0.6, rtol=1e-4)
    # Each end belongs to two segments: a closed curve.
    ends = np.unique(found.segments.reshape(-1, 2).round(9), axis=0, return_counts=True)[1]
    assert np.all(ends == 2)


def test_three_classes_meet():
    def sector(x, y):
        return ((np.arctan2(y - 0.013, x - 0.017) + np.pi) // (2.0 * np.pi / 3.0)).astype(int)

    found = refine(field_of(sector), SQUARE, Labels())
    np.testing.assert_array_equal(found.regions == IN_BAND, mixed_cells(everywhere(sector, SQUARE)))
    # Straight rays in steps of half a cell: at most sqrt(2) times as long as they are.
    assert set(found.label) == {0, 1, 2}
    assert np.isnan(found.level)


coefficients = st.lists(st.floats(-1.0, 1.0), min_size=18, max_size=18)


@settings(max_examples=15)
@given(coefficients)
def test_what_was_met_once_is_followed_to_its_end(numbers):
    # Of every connected piece of a boundary all cells are found or none.
    lattice = Lattice(Range(0.0, 1.0), Range(0.0, 1.0), 64, 4)
    waves = list(itertools.product(range(3), range(3)))

    def label(x, y):
        total = sum(
            a * np.sin(7.0 * (i * x + j * y)) + b * np.cos(9.0 * (i * x - j * y))
            for (i, j), a, b in zip(waves, numbers[::2], numbers[1::2], strict=True)
        )
        return (total >= 0.1).astype(int)

    found = refine(field_of(label), lattice, Labels()).regions == IN_BAND
    labels = everywhere(label, lattice)
    mixed = mixed_cells(labels)
    assert not (found & ~mixed).any()
    graph = _joined_cells(labels, mixed)
    for piece in range(1, graph.max() + 1):
        share = found[graph == piece].mean()
        assert share in (0.0, 1.0), (piece, share)


def _joined_cells(labels, mixed):
    """Number the pieces of mixed cells that are joined across an edge with different ends."""
    n = len(mixed)
    fine = np.zeros((2 * n + 1, 2 * n + 1), bool)
    fine[1::2, 1::2] = mixed
    fine[2:-1:2, 1::2] = labels[1:-1, :-1] != labels[1:-1, 1:]
    fine[1::2, 2:-1:2] = labels[:-1, 1:-1] != labels[1:, 1:-1]
    return ndimage.label(fine)[0][1::2, 1::2]


# --- Noise -----------------------------------------------------------------------------------------------

NOISY = Lattice(Range(-1.0, 1.0), Range(-1.0, 1.0), 128, 16)
WIDTH = 0.05


def bernoulli(seed, trials=32):
    """A field of binomial counts that depend on seed, point and batch alone; p = 1/2 on the circle."""

    def field(ask):
        p = expit(-circle(*ask.points.T) / WIDTH)
        draws = [
            np.random.default_rng([seed, n, b]).binomial(trials, q)
            for n, b, q in zip(ask.number, ask.batch, p, strict=True)
        ]
        return np.stack([draws, np.full(len(p), trials)], axis=1)

    return field


def coverage(rule, seeds):
    """Mean share of the true curve that lies in the band."""
    curve = ring((0.1, 0.05), 0.6)
    return np.mean([refine(bernoulli(seed), NOISY, rule).inside(curve).mean() for seed in seeds])


def test_the_band_of_a_probability_covers_the_true_curve():
    # A piece of the curve is lost where, at one of the 4 sizes of cells around it, all corners on one side of it were
    # decided wrongly. One of them is with a probability of at most ndtr(-3) at each of its 1 + log2(16) looks.
    sizes, looks = 4, 5
    bound = 1.0 - sizes * looks * ndtr(-3.0)
    assert coverage(Share(0.5, 3.0, batches=16), range(6)) >= bound
    # A rule that stops at once, and one that looks for another level, do not pass.
    assert coverage(Share(0.5, 0.3, batches=16), range(6)) < bound
    assert coverage(Share(0.6, 3.0, batches=16), range(6)) < bound


def test_the_line_through_a_noisy_band_is_near_the_curve():
    found = refine(bernoulli(3), NOISY, Share(0.5, 3.0, batches=16), check=100)
    assert found.check is not None and found.check.disagree <= 3
    gap = np.abs(circle(*found.segments.reshape(-1, 2).T))
    # p moves by 1/(4 WIDTH) a unit, so a standard error of a point with 512 trials is this much of the way; planes
    # through its neighbours lower it, and the largest of some hundred ends stays below three of them.
    error = np.sqrt(0.25 / 512) * 4.0 * WIDTH
    assert gap.max() < 3.0 * error + 2.0 / NOISY.resolution
    assert found.solves * 2 < NOISY.size * 16
    undecided = np.abs(found.value[~found.decided] - 0.5)
    assert np.all(found.batches[~found.decided] == 16) and np.all(undecided < 3.0 * np.sqrt(0.25 / 512))
    assert "a uniform grid with 16 a point" in str(found) and "Wilson" in str(found)


def test_a_plateau_at_the_level_is_not_refined():
    def field(ask):
        flat = ask.points[:, 0] < 0.3
        return np.stack([np.where(flat, 16, 32), np.full(len(flat), 32)], axis=1)

    found = refine(field, NOISY, Share(0.5, 3.0, batches=4))
    assert (found.regions[: int(0.6 * 128)] == IN_BAND).all()
    inside = found.points[:, 0] < -0.1
    assert inside.sum() <= 17**2
    assert len(found.segments) > 0


def test_the_most_frequent_of_several_classes():
    def field(ask):
        first = expit(-circle(*ask.points.T) / WIDTH)
        third = np.where(ask.points[:, 0] > 0.9, 200.0, 0.0)
        return np.stack([np.round(64 * first), 64 - np.round(64 * first), third], axis=1)

    found = refine(field, NOISY, Plurality(3.0, batches=8))
    assert set(found.label) == {0, 1, 2}
    assert found.inside(ring((0.1, 0.05), 0.6)).all()


# --- What can go wrong ------------------------------------------------------------------------------------


def test_an_island_between_the_points_is_missed_and_the_check_tells():
    lattice = Lattice(Range(0.0, 1.0), Range(0.0, 1.0), 128, 4)

    def island(x, y):
        return ((np.abs(x - 0.375) < 0.11) & (np.abs(y - 0.375) < 0.11)).astype(int)

    missed = refine(field_of(island), lattice, Labels(), check=400, seed=1)
    assert len(missed.segments) == 0
    assert missed.check is not None and missed.check.disagree > 0
    area = everywhere(island, lattice).mean()
    assert missed.check.lower <= area <= missed.check.upper
    finer = refine(field_of(island), Lattice(lattice.x, lattice.y, 128, 8), Labels())
    np.testing.assert_array_equal(finer.regions == IN_BAND, mixed_cells(everywhere(island, lattice)))


def test_points_that_fail_are_a_class_of_their_own_without_a_line():
    def value(x, y):
        return np.where(x > 0.5, np.nan, y - 0.1)

    found = refine(field_of(value), SQUARE, Crossing(0.0))
    assert (found.label == FAILED).sum() > 0
    assert found.segments[..., 0].max() <= 0.5 + 1e-12
    np.testing.assert_allclose(found.segments[..., 1], 0.1, atol=1e-12)


def test_nothing_is_asked_for_twice_and_calls_have_one_shape():
    asked, shapes = [], []

    def function(points):
        shapes.append(points.shape)
        return jnp.where(jnp.sum(points**2, axis=1) < 0.5, 1, 0)

    inner = batched(function, size=256)

    def field(ask):
        asked.extend(zip(ask.number.tolist(), ask.batch.tolist(), strict=True))
        return inner(ask)

    found = refine(field, SQUARE, Labels())
    assert shapes == [(256, 2)]
    assert len(asked) == len(set(asked)) == found.solves


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Range(2.0, 1.0), "lower = 2 must be below upper = 1"),
        (lambda: Range(0.0, 1.0, log=True), "lower = 0 has no logarithm"),
        (lambda: Lattice(Range(0.0, 1.0), Range(0.0, 1.0), 100, 16), "take 128"),
        (lambda: Lattice(Range(0.0, 1.0), Range(0.0, 1.0), 8192, 16), "must hold"),
    ],
)
def test_ranges_and_lattices_that_cannot_be(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_places_values_and_numbers_go_back_and_forth():
    number = np.array([0, 5, SQUARE.size - 1])
    np.testing.assert_array_equal(LOG.number(*LOG.places(number)), number)
    np.testing.assert_allclose(LOG.points(number[[0, 2]]), [[2.0, 16.0], [128.0, 256.0]], rtol=0)
    share = np.linspace(0.0, 1.0, 7)
    np.testing.assert_allclose(LOG.x.share(LOG.x.at(share)), share, atol=1e-15)
