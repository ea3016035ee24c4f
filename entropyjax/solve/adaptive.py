"""The adaptive path through diffrax: for stiff parameters, and the reference of the fixed-step path."""

import abc
from typing import Any, ClassVar

import diffrax
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from entropyjax.results import Failure
from entropyjax.solve.method import AbstractMethod, LaneResult, Problem, register
from entropyjax.solve.scan import failure_code, finish, select
from entropyjax.solve.smooth_events import SmoothMonitor


class AbstractAdaptive(AbstractMethod):
    """Adaptive steps between save times, error-controlled by a PI controller.

    Every save interval is a solve of its own that starts at local time 0: diffrax 0.7.2 in float32 can
    retry a rejected step without end near a large end time (its issue #756). Events are taken from the
    states on the grid's steps, as in the fixed-step path.

    **Attributes:**

    - `rtol`, `atol`: relative and absolute tolerance; by default 1e-5 and 1e-6 in float32, 1e-8 and 1e-9 in
      float64.
    - `max_steps`: most solver steps in a save interval before the lane fails with `STEP_LIMIT`.
    """

    dynamics: ClassVar = "ode"
    order: ClassVar[float] = 0.0
    lockstep: ClassVar[bool] = False
    native: ClassVar[bool] = False
    rtol: float | None = None
    atol: float | None = None
    max_steps: int = 4096

    @abc.abstractmethod
    def solver(self) -> diffrax.AbstractSolver:
        """Return the diffrax solver."""

    def integrate(self, problem: Problem) -> LaneResult:
        model, params, grid = problem.model, problem.params, problem.grid
        monitor = SmoothMonitor(model, params, problem.criteria)
        dt = jnp.asarray(grid.step)
        local = dt * jnp.arange(1, grid.steps + 1, dtype=dt.dtype)

        def interval(carry: Any, number: Int[Array, ""]) -> tuple[Any, Any]:
            state, record, failure, steps = carry
            start = number.astype(dt.dtype) * dt * grid.steps
            saved = problem.save(start, state, failure == Failure.NONE)
            states, code, taken = self._advance(problem, start, local, state)
            failure = jnp.where(failure > 0, failure, code)

            def visit(carry: Any, item: Any) -> tuple[Any, None]:
                (record, before), (place, here) = carry, item
                t = start + place.astype(dt.dtype) * dt
                return (monitor.update(record, t, dt, before, here), here), None

            (followed, _), _ = lax.scan(visit, (record, state), (jnp.arange(grid.steps), states))
            alive = failure == Failure.NONE
            last = jax.tree.map(lambda leaf: leaf[-1], states)
            state, record = select(alive, (last, followed), (state, record))
            return (state, record, failure, steps + taken), saved

        first = monitor.start(0.0 * dt, problem.state)
        carry = (problem.state, first, failure_code(problem.state), jnp.zeros((), jnp.int32))
        (state, record, failure, steps), saved = lax.scan(interval, carry, jnp.arange(grid.intervals))
        return finish(problem, state, monitor.events(record), failure, saved)._replace(steps=steps)

    def _advance(
        self, problem: Problem, start: Float[Array, ""], local: Float[Array, " steps"], state: Any
    ) -> tuple[Any, Int[Array, ""], Int[Array, ""]]:
        """Return the states at the local times, a failure code, and the number of steps taken."""
        double = local.dtype == jnp.float64
        rtol = self.rtol if self.rtol is not None else (1e-8 if double else 1e-5)
        atol = self.atol if self.atol is not None else (1e-9 if double else 1e-6)
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(lambda t, y, args: problem.model.drift(start + t, y, args)),
            self.solver(),
            t0=0.0 * local[-1],
            t1=local[-1],
            dt0=None,
            y0=state,
            args=problem.params,
            saveat=diffrax.SaveAt(ts=local),
            stepsize_controller=diffrax.PIDController(rtol=rtol, atol=atol),
            max_steps=self.max_steps,
            throw=False,
        )
        succeeded = solution.result == diffrax.RESULTS.successful
        worst = failure_code(solution.ys)
        code = jnp.where(succeeded, worst, jnp.where(worst == Failure.NONE, Failure.STEP_LIMIT, worst))
        limited = solution.result == diffrax.RESULTS.max_steps_reached
        code = jnp.where(limited, Failure.STEP_LIMIT, code).astype(jnp.int32)
        return solution.ys, code, solution.stats["num_steps"].astype(jnp.int32)


@register("adaptive")
class Adaptive(AbstractAdaptive):
    """Tsitouras' 5(4) pair with adaptive steps."""

    def solver(self) -> diffrax.AbstractSolver:
        return diffrax.Tsit5()


@register("adaptive_stiff")
class AdaptiveStiff(AbstractAdaptive):
    """Kvaerno's 5(4) ESDIRK pair with adaptive steps, for rates that differ by orders of magnitude.

    In float32 the root finder of its stages takes rounding for divergence once a rate passes about 30/step,
    and the lane fails with `STEP_LIMIT`: ensembles run it in float64 only.
    """

    needs_float64: ClassVar[bool] = True
    # lineax 0.1.1 takes the same structure inside and outside of `shard_map` for two different ones.
    shardable: ClassVar[bool] = False

    def solver(self) -> diffrax.AbstractSolver:
        return diffrax.Kvaerno5()
