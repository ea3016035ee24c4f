"""From starts to maxima of the posterior: Adam, Levenberg-Marquardt on the scores of the entries, Newton."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
import optimistix as optx
from jax import lax
from jaxtyping import Array, Bool, Float, Int

Entries = Callable[[Float[Array, " size"]], Float[Array, " entries"]]
"""Called as entries(scores): log-likelihoods, whose sum less half the squared length of the scores is maximised."""


class Options(NamedTuple):
    """How far each start is taken.

    **Attributes:** `descent`: steps of Adam, 0 for starts that are near; `rate`: its first learning rate, in prior
    standard deviations; `polish`: steps of Levenberg-Marquardt in each of two rounds; `newton`: Newton steps;
    `tolerance`: a start has converged when a Newton step would raise the log posterior by less, in nat.
    """

    descent: int = 60
    rate: float = 0.2
    polish: int = 8
    newton: int = 3
    tolerance: float = 1e-4


DEFAULTS = Options()

NEAR = Options(descent=0, polish=10, newton=4)
"""For starts near a maximum, as those are that a fit has found."""


class Maximum(NamedTuple):
    """Where a start ended.

    **Attributes:** `log_posterior`: up to a constant, in nat; `hessian`: of minus the log posterior; `decrement`: what
    a Newton step would gain; `status`: code of `STATUS`.
    """

    scores: Float[Array, " size"]
    log_posterior: Float[Array, ""]
    hessian: Float[Array, "size size"]
    decrement: Float[Array, ""]
    status: Int[Array, ""]


STATUS = (
    "converged",
    "stopped before it converged; allow more steps",
    "ended where the posterior is flat or a saddle, so that its curvature gives no interval",
    "became infinite or not a number",
)
"""What the codes of a start mean."""


def maximise(entries: Entries, start: Float[Array, " size"], options: Options = DEFAULTS) -> Maximum:
    """Return the maximum that one start leads to; batch it with `jax.vmap`."""
    # Optax and optimistix rely on types being promoted.
    with jax.numpy_dtype_promotion("standard"):
        return _maximise(entries, start, options)


def _maximise(entries: Entries, start: Float[Array, " size"], options: Options) -> Maximum:
    def loss(scores: Array) -> Array:
        return 0.5 * jnp.sum(scores**2) - jnp.sum(entries(scores))

    def polish(best: Array, _: Any) -> tuple[Array, None]:
        before = entries(best)
        new = _polish(entries, best, before, options.polish)
        # A comparison with NaN is false: what is not a number is never taken.
        return jnp.where(loss(new) < 0.5 * jnp.sum(best**2) - jnp.sum(before), new, best), None

    # Loops, so that each derivative is compiled once.
    best, _ = lax.scan(polish, _descend(loss, start, options), None, length=2)
    return _finish(loss, best, options)


class _At(NamedTuple):
    """A point with what its derivatives say."""

    scores: Array
    loss: Array
    hessian: Array
    move: Array
    decrement: Array
    positive: Array


def _finish(loss: Callable[[Array], Array], start: Array, options: Options) -> Maximum:
    """Take Newton steps as long as they gain, halve those that do not, and judge the end."""

    def slope(scores: Array) -> tuple[Array, tuple[Array, Array]]:
        value, gradient = jax.value_and_grad(loss)(scores)
        return gradient, (value, gradient)

    def look(scores: Array) -> _At:
        hessian, (value, gradient) = jax.jacfwd(slope, has_aux=True)(scores)
        move, positive = _newton(gradient, hessian)
        return _At(scores, value, hessian, move, 0.5 * jnp.abs(gradient @ move), positive)

    def step(carry: tuple[_At, Array, Array], _: Any) -> tuple[tuple[_At, Array, Array], None]:
        best, proposal, length = carry
        there = look(proposal)
        # A comparison with NaN is false: what is not a number is never taken.
        gained = there.loss < best.loss
        best = jax.tree.map(lambda new, old: jnp.where(gained, new, old), there, best)
        length = jnp.where(gained, 1.0, 0.5 * length)
        return (best, best.scores - length * best.move, length), None

    size, one = len(start), jnp.ones((), start.dtype)
    nothing = _At(start, jnp.inf * one, jnp.zeros((size, size), start.dtype), 0.0 * start, jnp.inf * one, one < 0.0)
    (end, _, _), _ = lax.scan(step, (nothing, start, one), None, length=options.newton + 1)
    finite = jnp.isfinite(end.loss) & jnp.isfinite(end.decrement)
    status = jnp.where(~finite, 3, jnp.where(~end.positive, 2, jnp.where(end.decrement > options.tolerance, 1, 0)))
    return Maximum(end.scores, -end.loss, end.hessian, end.decrement, status)


def _descend(loss: Callable[[Array], Array], start: Array, options: Options) -> Array:
    if options.descent == 0:
        return start
    rule = optax.chain(
        optax.clip_by_global_norm(10.0), optax.adam(optax.cosine_decay_schedule(options.rate, options.descent, 0.05))
    )

    def step(carry: Any, _: Any) -> tuple[Any, None]:
        scores, state, best, least = carry
        value, slope = jax.value_and_grad(loss)(scores)
        sound = jnp.isfinite(value) & jnp.all(jnp.isfinite(slope))
        best = jnp.where(sound & (value < least), scores, best)
        least = jnp.where(sound & (value < least), value, least)
        update, state = rule.update(jnp.where(sound, slope, 0.0), state)
        # From where nothing is finite it goes back to the best so far.
        scores = jnp.where(sound, scores + jnp.asarray(update), 0.5 * (best + start))
        return (scores, state, best, least), None

    infinite = jnp.asarray(jnp.inf, start.dtype)
    (_, _, best, _), _ = lax.scan(step, (start, rule.init(start), start, infinite), None, length=options.descent)
    return best


def _polish(entries: Entries, base: Array, reference: Array, steps: int) -> Array:
    """Return the end of Levenberg-Marquardt on residuals sqrt(1 - 2 (l_u - l_u(base))) and the scores.

    Half their squared length is the loss up to a constant, and at `base` their Gauss-Newton matrix is that of Berndt,
    Hall, Hall and Hausman (1974): the sum over entries of the outer products of their gradients, and the prior's.
    """

    def residuals(scores: Array, _: Any) -> Array:
        square = 1.0 - 2.0 * (entries(scores) - reference)
        # An entry that has gained half a nat waits for the next round.
        return jnp.concatenate([jnp.sqrt(jnp.maximum(square, 0.01)), scores])

    solver = optx.LevenbergMarquardt(rtol=1e-6, atol=1e-6)
    return optx.least_squares(residuals, solver, base, max_steps=steps, throw=False).value


def _newton(gradient: Array, hessian: Array) -> tuple[Array, Bool[Array, ""]]:
    """Return the Newton step and whether the curvature is positive in every direction."""
    values, vectors = jnp.linalg.eigh(jnp.where(jnp.isfinite(hessian), hessian, 0.0))
    positive = values[0] > 1e-6
    step = vectors @ ((vectors.T @ gradient) / jnp.maximum(jnp.abs(values), 1e-3))
    return step, positive & jnp.all(jnp.isfinite(hessian))
