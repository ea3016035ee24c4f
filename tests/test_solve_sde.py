"""The SDE paths: weak and strong order, agreement with diffrax on the same increments."""

import itertools
from typing import ClassVar

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from systems import NON_COMMUTING, BentSDE, LinearSDE, Point, linear_moments, power

from entropyjax.models import Star, combine
from entropyjax.models.orchestrator import OrchestratorState
from entropyjax.params import cast
from entropyjax.results import Failure
from entropyjax.solve import METHODS, Grid, solve, stochastic
from entropyjax.solve.lane import NOISE_STREAM
from entropyjax.solve.noise import Draws, draw, stream
from entropyjax.solve.scan import AbstractFixedStep

WEAK = [name for name in METHODS if METHODS.get(name).dynamics == "sde"]
LINEAR = LinearSDE()


# --- Weak order, without sampling error ---------------------------------------------------------------------
#
# On a linear SDE one step is X -> M(draws) X, and M is polynomial in the normals, so E[M (x) M (x) M] is a
# Gauss-Hermite sum and moments after n steps are its n-th power: the weak error is exact to rounding. The
# true moments obey a linear ODE.


def nodes(points):
    """Draws of a step with two Wiener processes as a product rule: all pairs of nodes and signs, with weights."""
    place, weight = np.polynomial.hermite_e.hermegauss(points)
    weight = weight / weight.sum()
    rows = list(itertools.product(range(points), range(points), (-1.0, 1.0), (-1.0, 1.0)))
    first, second = (np.array([place[row[k]] for row in rows]) for k in (0, 1))
    signs = np.array([row[2:] for row in rows]).T
    weights = np.array([weight[row[0]] * weight[row[1]] / 4.0 for row in rows])
    return Draws((jnp.asarray(first), jnp.asarray(second)), tuple(jnp.asarray(sign) for sign in signs)), weights


# 7 points integrate polynomials up to degree 13 exactly: a step is of degree 4 at most, its cube of 12.
DRAWS, WEIGHTS = nodes(7)


def weak_errors(method, degree, counts, horizon=1.0):
    """Norm of the error of the moment of `degree` after `counts` steps, relative to the moment."""
    start = power(np.array(NON_COMMUTING.start), degree)
    truth = linear_moments(NON_COMMUTING, degree, horizon)
    params = cast(NON_COMMUTING, jnp.float64)

    @jax.jit
    def columns(dt):
        def one(state, draws):
            return jnp.stack(method.step(LINEAR, params, 0.0 * dt, dt, state, None, draws))

        basis = Point(jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0]))
        return jax.vmap(lambda draws: jax.vmap(one, in_axes=(0, None), out_axes=1)(basis, draws))(DRAWS)

    errors = []
    for count in counts:
        matrices = np.asarray(columns(jnp.asarray(horizon / count)))
        products = matrices
        for _ in range(degree - 1):
            products = np.einsum("nij,nkl->nikjl", products, matrices).reshape(len(WEIGHTS), products.shape[1] * 2, -1)
        mean = np.einsum("n,nij->ij", WEIGHTS, products)
        errors.append(np.linalg.norm(np.linalg.matrix_power(mean, count) @ start - truth) / np.linalg.norm(truth))
    return np.array(errors)


def slopes(counts, errors):
    return -np.diff(np.log(errors)) / np.diff(np.log(counts))


COUNTS = np.array([16, 32, 64, 128])


@pytest.mark.parametrize("degree", [1, 2, 3])
@pytest.mark.parametrize("name", WEAK)
def test_weak_order_of_moments(name, degree):
    method = METHODS.get(name)()
    measured = slopes(COUNTS, weak_errors(method, degree, COUNTS))
    # No sampling error; what remains is the next order of dt, which halves from slope to slope: 0.03 at the end.
    assert abs(measured[-1] - method.order) < 0.05, measured
    assert np.all(np.abs(measured - method.order) < 0.3), measured


def no_iterated_integrals(k, other, wiener, signs, root):
    return 0.0 * wiener[k]


def commutative_only(k, other, wiener, signs, root):
    return 0.5 * wiener[k] * wiener[other]


def flipped(original):
    return lambda *arguments: -original(*arguments)


@pytest.mark.parametrize("mutant", ["no cross stages", "commutative", "sign of the products flipped"])
def test_the_measurement_finds_a_broken_ri6(mutant, monkeypatch):
    """Without the random areas RI6 is of weak order 1, and the same measurement says so."""
    broken = {
        "no cross stages": no_iterated_integrals,
        "commutative": commutative_only,
        "sign of the products flipped": flipped(stochastic._iterated),
    }[mutant]
    monkeypatch.setattr(stochastic, "_iterated", broken)
    worst = min(slopes(COUNTS, weak_errors(METHODS.get("ri6")(), degree, COUNTS))[-1] for degree in (2, 3))
    assert abs(worst - 1.0) < 0.2, worst


@pytest.mark.parametrize("name", WEAK)
def test_weak_order_on_a_nonlinear_system(name):
    """The linear SDE seen through sinh: E[asinh(Y_1)^2] and E[asinh(Y_1) Y_2] over the whole tree of draws.

    The tree of three steps with 5 nodes a process and one sign that matters has 125,000 leaves; it is exact for
    polynomials, and the functionals of a step this small are nearly that.
    """
    method, model = METHODS.get(name)(), BentSDE()
    tree, weights = nodes(5)
    # With two processes the second sign has no pair: keep one value of it.
    keep = np.asarray(tree.signs[1]) > 0.0
    tree = jax.tree.map(lambda leaf: leaf[keep], tree)
    weights = 2.0 * weights[keep]
    params = cast(NON_COMMUTING, jnp.float64)
    horizon = 0.12

    @jax.jit
    def grow(states, dt):
        def one(state, draws):
            return method.step(model, params, 0.0 * dt, dt, state, None, draws)

        grown = jax.vmap(lambda state: jax.vmap(one, in_axes=(None, 0))(state, tree))(states)
        return jax.tree.map(lambda leaf: leaf.reshape(-1), grown)

    truth = linear_moments(NON_COMMUTING, 2, horizon)[:2]
    counts, errors = np.array([1, 2, 3]), []
    for count in counts:
        states = jax.tree.map(lambda leaf: leaf[None], model.initial_state(params))
        mass = np.ones(1)
        for _ in range(count):
            states = grow(states, jnp.asarray(horizon / count))
            mass = (mass[:, None] * weights).reshape(-1)
        u, v = np.arcsinh(np.asarray(states.u)), np.asarray(states.v)
        errors.append(np.array([mass @ (u * u), mass @ (u * v)]) - truth)
    errors = np.linalg.norm(errors, axis=1)
    # One, two and three steps are not quite asymptotic: 0.3 of the order, and a whole order away from the other.
    assert abs(slopes(counts, errors)[-1] - method.order) < 0.3, (errors, slopes(counts, errors))


# --- Weak order, measured on ensembles through `solve` ------------------------------------------------------


def ensemble_error(method, count, lanes, seed):
    """Error of E[X (x) X] at T = 1 after `count` steps, with its standard error, per component."""
    params = cast(NON_COMMUTING, jnp.float64)

    @jax.jit
    def squares(indices):
        def one(index):
            result = solve(
                LINEAR, params, grid=Grid(1.0, 1, count), key=jax.random.key(seed), index=index, method=method
            )
            u, v = result.final
            return jnp.stack([u * u, u * v, v * v]), result.failure

        values, failure = jax.vmap(one)(indices)
        return values.mean(axis=0), values.std(axis=0), failure.max()

    mean, deviation, failure = squares(jnp.arange(lanes, dtype=jnp.uint32))
    assert int(failure) == Failure.NONE
    truth = linear_moments(NON_COMMUTING, 2, 1.0)[[0, 1, 3]]
    return np.asarray(mean) - truth, np.asarray(deviation) / np.sqrt(lanes)


@pytest.mark.parametrize(("name", "counts", "other"), [("ri6", (1, 2), 1.0), ("euler_maruyama", (2, 4, 8), 2.0)])
def test_weak_order_of_ensembles(name, counts, other):
    method = METHODS.get(name)()
    # The combination of moments with the largest bias against its noise: all of it along the bias of the
    # coarsest run, which another seed gives.
    bias, noise = ensemble_error(method, counts[0], 2**16, 99)
    direction = bias / noise**2
    direction /= np.linalg.norm(direction)
    errors, deviations = [], []
    for seed, count in enumerate(counts):
        error, deviation = ensemble_error(method, count, 2**21 // sum(counts), seed)
        errors.append(abs(direction @ error))
        # The three moments are correlated: the sum of absolute values bounds the deviation.
        deviations.append(np.abs(direction) @ deviation)
    errors, deviations = np.array(errors), np.array(deviations)
    lever = np.log(counts) - np.mean(np.log(counts))
    weights = -lever / (lever @ lever)
    slope = weights @ np.log(errors)
    spread = np.sqrt(np.sum((weights * deviations / errors) ** 2))
    low, high = slope - 2.6 * spread, slope + 2.6 * spread
    print(f"{name}: weak order {slope:.3f}, 99% interval [{low:.3f}, {high:.3f}]")
    # Only large steps stand clear of the noise, so 0.3 for the next order of dt (2.01 and 1.0 without noise).
    assert low - 0.3 < method.order < high + 0.3
    assert not low - 0.3 < other < high + 0.3


# --- Strong order -------------------------------------------------------------------------------------------


def test_strong_order_of_euler_maruyama():
    """Coarse and fine runs of the star on the same Brownian path, by `substeps=2`."""
    star, lanes, horizon = Star(), 4096, 4.0
    # The lottery's column depends on x, and x has noise of its own: the term that Euler-Maruyama leaves out.
    params = star.params(
        focus_noise=1.0,
        token_noise=0.0,
        initial_context=60.0,
        initial_focus=2.0,
        context_window=256.0,
        initial_progress=0.5,
        step_size=2.0,
        resolution_rate=0.02,
    )
    key, method = jax.random.key(7), METHODS.get("euler_maruyama")()

    def run(steps, substeps):
        grid = Grid(horizon, 1, steps)

        def one(index):
            out = solve(star, params, grid=grid, key=key, index=index, method=method, substeps=substeps)
            return out.final.context, out.projections

        context, projections = jax.jit(jax.vmap(one))(jnp.arange(lanes, dtype=jnp.uint32))
        assert int(projections.max()) == 0
        return np.asarray(context)

    counts = (16, 128)
    squares = [(run(count, 2) - run(2 * count, 1)) ** 2 for count in counts]
    rms = np.sqrt([square.mean() for square in squares])
    relative = np.array([square.std() / square.mean() / 2.0 / np.sqrt(lanes) for square in squares])
    slope = -np.log(rms[-1] / rms[0]) / np.log(counts[-1] / counts[0])
    spread = 2.6 * np.hypot(relative[0], relative[-1]) / np.log(counts[-1] / counts[0])
    print(f"euler_maruyama: strong order {slope:.3f} +- {spread:.3f} (99%)")
    # 1/2, and not 1, which is what additive noise or a wrong coupling of the paths (order 0) would give.
    assert abs(slope - 0.5) < 0.1 + spread
    assert spread < 0.05


# --- Against diffrax on the same increments -----------------------------------------------------------------


class Increments(diffrax.AbstractPath):
    """A path whose increments over the grid's steps are given."""

    steps: jax.Array
    dt: jax.Array
    t0: ClassVar[float] = 0.0
    t1: ClassVar[float] = float("inf")

    def evaluate(self, t0, t1=None, left=True, use_levy=False):
        number = jnp.round(t0 / self.dt).astype(int)
        return OrchestratorState(*(self.steps[number],) * 3)


def test_euler_maruyama_agrees_with_diffrax_path_by_path():
    star, horizon, count, lanes = Star(), 8.0, 256, 8
    dt = jnp.asarray(horizon / count)
    params = cast(
        star.params(initial_context=25.0, initial_progress=0.3, token_noise=0.3, initial_focus=1.0), jnp.float64
    )
    y0 = cast(star.initial_state(params), jnp.float64)
    key, method = jax.random.key(11), METHODS.get("euler_maruyama")()

    def ours(index):
        return solve(star, params, grid=Grid(horizon, 16, count // 16), key=key, index=index, method=method)

    def increments(index):
        words = stream(key, NOISE_STREAM)
        normals = jax.vmap(lambda step: jnp.stack(draw(words, index, step, 3, jnp.float64).normals[:3]))
        return jnp.sqrt(dt) * normals(jnp.arange(count, dtype=jnp.uint32))

    def spread(t, y, args):
        columns = star.diffusion(t, y, args)
        zero = jnp.zeros_like(y.focus)
        filled = [[zero if leaf is None else leaf for leaf in column] for column in columns]
        return OrchestratorState(*(jnp.stack(row) for row in zip(*filled, strict=True)))

    def theirs(index):
        path = Increments(increments(index), dt)
        noise = diffrax.ControlTerm(spread, path)
        terms = diffrax.MultiTerm(diffrax.ODETerm(star.drift), noise)
        times = jnp.linspace(0.0, horizon, 17)
        return diffrax.diffeqsolve(
            terms,
            diffrax.Euler(),
            0.0,
            horizon,
            None,
            y0,
            params,
            saveat=diffrax.SaveAt(ts=times),
            stepsize_controller=diffrax.StepTo(jnp.linspace(0.0, horizon, count + 1)),
            max_steps=count + 1,
        ).ys

    indices = jnp.arange(lanes, dtype=jnp.uint32)
    mine, reference = jax.jit(jax.vmap(ours))(indices), jax.jit(jax.vmap(theirs))(indices)
    assert int(mine.projections.max()) == 0
    for got, expected in zip(mine.saved, reference, strict=True):
        # 256 steps of rounding at 1e-16 in contracting dynamics.
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-13)


def test_projections_keep_the_domain_and_are_counted():
    """From c = 0 and s = 0 with the lottery at its largest, many steps leave the domain; every one is counted."""
    star = Star()
    params = star.params(token_noise=3.0, resolution_rate=0.5)
    key, method = jax.random.key(2), METHODS.get("euler_maruyama")()

    def one(index):
        return solve(star, params, grid=Grid(4.0, 32, 1), key=key, index=index, method=method)

    result = jax.jit(jax.vmap(one))(jnp.arange(64, dtype=jnp.uint32))
    assert np.all((result.saved.progress >= 0.0) & (result.saved.progress <= 1.0))
    assert np.all(result.saved.context >= 0.0)
    touching = (np.asarray(result.saved.context) == 0.0) | np.isin(np.asarray(result.saved.progress), (0.0, 1.0))
    np.testing.assert_array_equal(result.projections, touching[:, 1:].sum(axis=1))
    assert int(result.projections.min()) >= 0 and int(result.projections.sum()) > 64


def test_a_step_without_noise_is_the_step_of_the_ode():
    """All normals zero: RI6 is Heun's method, Euler-Maruyama is Euler's."""
    star = Star()
    params = cast(star.params(focus_noise=0.0, token_noise=0.0, error_tokens=0.0), jnp.float64)
    params = type(params)(**{**vars(params), "resolution_rate": jnp.asarray(0.0)})
    state, dt, zero = OrchestratorState(*map(jnp.asarray, (1.0, 0.2, 5.0))), jnp.asarray(0.25), jnp.asarray(0.0)
    draws = Draws((zero,) * 4, (zero + 1.0,) * 4)
    slope = star.drift(zero, state, params)
    euler = combine(state, (dt, slope))
    heun = combine(state, (0.5 * dt, slope), (0.5 * dt, star.drift(dt, euler, params)))
    for name, expected in (("euler_maruyama", euler), ("ri6", heun)):
        method = METHODS.get(name)()
        assert isinstance(method, AbstractFixedStep)
        got = method.step(star, params, zero, dt, state, None, draws)
        np.testing.assert_allclose(jnp.stack(got), jnp.stack(expected), rtol=1e-14)
