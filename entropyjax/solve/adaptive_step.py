"""The adaptive method of large ensembles: rows are saved as each lane's own time passes them, or in step."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Int

from entropyjax.results import Failure
from entropyjax.solve.adaptive_lane import Carry, Lane, Step
from entropyjax.solve.masked import masked_while
from entropyjax.solve.method import AbstractMethod, LaneResult, Problem, register
from entropyjax.solve.rows import Rows
from entropyjax.solve.scan import select
from entropyjax.solve.step_control import Controller

Count = Int[Array, ""]


@register("tsit5_adaptive")
class Tsit5Adaptive(AbstractMethod):
    """Tsitouras' 5(4) pair with adaptive steps from 0 to the horizon, one lane at a time under vmap.

    Save times and event times come from dense output, so they do not bound the steps; the solver step of the
    grid has no meaning here. A step is rejected if its error estimate
    is above the tolerance or not finite; a lane fails once a step cannot be made smaller, so none retries for ever.
    Rows that a failed lane did not reach hold `save` at the start with `alive` false.

    Differentiation is in forward mode (`jax.jvp`, `jax.jacfwd`), at frozen step sizes. JAX cannot
    differentiate a while loop in reverse mode: use `adaptive`, or fixed steps.

    **Attributes:**

    - `rtol`, `atol`: relative and absolute tolerance; by default 1e-5 and 1e-6 in float32, 1e-8 and 1e-9 in
      float64.
    - `max_steps`: most attempts, rejected ones included, before the lane fails with `STEP_LIMIT`.
    """

    dynamics: ClassVar = "ode"
    order: ClassVar[float] = 0.0
    lockstep: ClassVar[bool] = False
    together: ClassVar[bool] = False
    rtol: float | None = None
    atol: float | None = None
    max_steps: int = 16384

    def integrate(self, problem: Problem) -> LaneResult:
        lane = self._lane(problem)
        start = lane.start()
        rows = Rows.start(problem.save(start.now, start.state, jnp.asarray(True)), lane.clock.intervals)

        def advance(carry: tuple[Carry, Rows]) -> tuple[Carry, Rows]:
            after, step = lane.advance(carry[0], lane.unfinished(carry[0]))

            def values(row: Count) -> Any:
                return problem.save(lane.clock.time(row), lane.within(step, row), jnp.asarray(True))

            # A step that was rejected passes no row.
            return after, carry[1].fill(lambda row: lane.clock.due(after.now, row), values)

        last, rows = masked_while(lambda carry: lane.unfinished(carry[0]), advance, (start, rows))
        flags = (start.failure == Failure.NONE, jnp.asarray(False))
        first, unreached = (problem.save(start.now, start.state, flag) for flag in flags)
        return lane.result(rows.saved(first, unreached), last)

    def batched(self) -> AbstractMethod:
        return _Tsit5InStep(self.rtol, self.atol, self.max_steps)

    def _lane(self, problem: Problem) -> Lane:
        double = jnp.asarray(problem.grid.horizon).dtype == jnp.float64
        rtol = self.rtol if self.rtol is not None else (1e-8 if double else 1e-5)
        atol = self.atol if self.atol is not None else (1e-9 if double else 1e-6)
        return Lane(problem, Controller(rtol, atol), self.max_steps, self.together)


class _Tsit5InStep(Tsit5Adaptive):
    """The same steps, with all lanes of a batch at the same row: none goes on before the slowest has come to it.

    Rows can then be reduced across lanes as they come, and none is written to a place of its own.
    """

    together: ClassVar[bool] = True

    def integrate(self, problem: Problem) -> LaneResult:
        lane = self._lane(problem)

        def interval(carry: tuple[Carry, Step], row: Count) -> tuple[tuple[Carry, Step], Any]:
            here, step = carry
            saved = problem.save(lane.clock.time(row), lane.within(step, row), here.failure == Failure.NONE)

            def going(carry: tuple[Carry, Step]) -> Any:
                return lane.unfinished(carry[0]) & ~lane.clock.due(carry[0].now, row + 1)

            def advance(carry: tuple[Carry, Step]) -> tuple[Carry, Step]:
                after, step = lane.advance(carry[0], going(carry))
                return after, select(step.accepted, step, carry[1])

            return masked_while(going, advance, (here, step)), saved

        start = lane.start()
        rows = jnp.arange(lane.clock.intervals, dtype=jnp.int32)
        (last, _), saved = lax.scan(interval, (start, lane.standing(start)), rows)
        final = problem.save(lane.clock.horizon, last.state, last.failure == Failure.NONE)
        saved = jax.tree.map(lambda rows, row: jnp.concatenate([rows, row[None]]), saved, final)
        return lane.result(saved, last)
