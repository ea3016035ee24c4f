"""The tree: every node hands the task to one of its K children, level by level down to the executors."""

from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from entropyjax.entropy import Choice, chain
from entropyjax.models import context as ctx
from entropyjax.models.base import AbstractModel, Observable, Scalar, State
from entropyjax.models.levels import Levels, Stack, TreeParams, levels_needed, stack_of
from entropyjax.models.orchestrator import AbstractOrchestrator, Forces, OrchestratorState, safe_sqrt
from entropyjax.models.registry import register
from entropyjax.models.star import Star
from entropyjax.params import ParameterError

STAR = Star()

NO_CHOICE = (1.0, 0.0, 0.0, 0.0, 1.0)
"""Functionals of a level that is not there: q, 1 - q, H, h, S."""


@register("tree")
class Tree(AbstractOrchestrator):
    """Balanced tree of Lv = ceil(log_k N) levels l = 0 (root) .. Lv-1, each node with K = N^(1/Lv) children:

        rho_l   = K^(-l),   tau_l = r_l tau_e + tau_r,   r_l = 1 on the last level, else r_sum
        dx_l/dt = alpha (Delta_eff m_l - x_l)
        dc_l/dt = rho_l (tau_l + chi (1 - q_l)) - (delta0 + delta1 h_l) c_l
        ds/dt   = kappa Q (1 - s),   Q = prod_l q_l

    where (x_l, c_l) is the mean over the level's K^l nodes, q_l, h_l and m_l are the star's at N := K, and rho_l is the
    share of a step's tokens that one node reads. The path has the entropy H = sum_l H_l and h = H / (Lv ln K_e); its
    lead x is the smallest of the x_l, so that it is focused where h < theta and no level prefers a wrong child.

    Nodes forget and learn at the system's rates although they read only their share. With `own_turn_clock` a node's
    clock runs only when its turn comes: alpha, delta0, delta1 and sigma_x^2 of a level are times rho_l, which leaves
    the stationary spread of x_l as it is. In both cases the inflow and its noise are times rho_l.

    **Attributes:**

    - `own_turn_clock`: whether a node relaxes and forgets on its own turns alone.
    - `max_levels`: static number of levels; `sized` fits it to a sweep. Those that a tree does not have stay at 0 and
      change nothing; a tree that would need more has so many, with more children a node.
    """

    Params: ClassVar[Any] = TreeParams
    observables: ClassVar[Any] = {
        **AbstractOrchestrator.observables,
        "highest_normalised_entropy": Observable(
            "h_max", "-", "Largest normalised entropy of a level.", lambda m, y, p: m.highest_entropy(y, p)
        ),
    }
    reported: ClassVar[tuple[str, ...]] = ("highest_normalised_entropy", "tokens")
    own_turn_clock: bool = eqx.field(static=True, default=False)
    max_levels: int = eqx.field(static=True, default=2)

    def __check_init__(self) -> None:
        if self.max_levels < 1:
            raise ParameterError(f"max_levels = {self.max_levels} is too small: a tree has at least 1 level.")

    def sized(self, params: Mapping[str, Any]) -> AbstractModel:
        return Tree(self.own_turn_clock, levels_needed(np.max(params["n_agents"]), np.min(params["branching"])))

    def stack(self, params: Any) -> Stack:
        """Return the levels of the tree, and the stars that its nodes are."""
        return stack_of(params, self.max_levels, self.own_turn_clock)

    def nodes(self, params: Any) -> Any:
        return self.stack(params).nodes

    def initial_state(self, params: Any) -> OrchestratorState:
        there, start = self.stack(params).there, STAR.initial_state(params)
        return start._replace(focus=jnp.where(there, start.focus, 0.0), context=jnp.where(there, start.context, 0.0))

    def choices(self, focus: Levels, stack: Stack) -> Choice:
        """Return the functionals of each level's choice; a level that is not there is always right."""
        pairs = zip(STAR.choice(focus, stack.nodes), NO_CHOICE, strict=True)
        return Choice(*(jnp.where(stack.there, own, other) for own, other in pairs))

    def choice(self, focus: Levels, params: Any) -> Choice:
        stack = self.stack(params)
        return chain.choice(self.choices(focus, stack), stack.levels * jnp.log1p(ctx.rivals(stack.nodes)))

    def drift(self, t: Scalar, state: State, params: Any) -> OrchestratorState:
        stack = self.stack(params)
        there, own = stack.there, STAR.drift(t, state, stack.nodes)
        pace = params.resolution_rate * jnp.prod(self.choices(state.focus, stack).right)
        return OrchestratorState(
            focus=jnp.where(there, own.focus, 0.0),
            progress=pace - pace * state.progress,
            context=jnp.where(there, own.context, 0.0),
        )

    def diffusion(self, t: Scalar, state: State, params: Any) -> tuple[OrchestratorState, ...]:
        """Return one column for each level's gap, lottery and inflow, then one for what all lotteries do together.

            ds:   sqrt(epsilon) kappa (1 - s) [sum_l prod_{j != l} q_j sqrt(q_l (1 - q_l)) dW_l + sqrt(together) dW_*]
            dc_l: rho_l sqrt(epsilon) [-chi sqrt(q_l (1 - q_l)) dW_l + sigma_tau tau_l / (tau_e + tau_r) dZ_l]

        The squares of the terms of ds add up to Q (1 - Q), so that the first two moments are those of the agents. A
        tree of one level has the star's three columns.
        """
        stack = self.stack(params)
        there, last = stack.there, self.max_levels - 1
        gap, lottery, tokens = STAR.diffusion(t, state, stack.nodes)
        shares = chain.lottery(self.choices(state.focus, stack))

        def split(column: Any) -> list[Levels]:
            present = jnp.where(there, column, 0.0)
            return [jnp.pad(present[level : level + 1], (level, last - level)) for level in range(last + 1)]

        step = shares.alone * jnp.where(there, lottery.progress, 0.0)
        columns = [OrchestratorState(focus, None, None) for focus in split(gap.focus)]
        columns += [OrchestratorState(None, *parts) for parts in zip(step, split(lottery.context), strict=True)]
        columns += [OrchestratorState(None, None, context) for context in split(tokens.context)]
        if self.max_levels > 1:
            rest = safe_sqrt(params.step_size * shares.together) * params.resolution_rate
            columns.append(OrchestratorState(None, rest * (1.0 - state.progress), None))
        return tuple(columns)

    def target(self, state: State, params: Any) -> Levels:
        return STAR.target(state, self.nodes(params))

    def gap_direction(self, focus: Levels) -> Levels:
        return jnp.ones_like(focus)

    def lead(self, focus: Levels, params: Any) -> Scalar:
        """Return the smallest x_l in nat: the level that is the closest to preferring a wrong child."""
        return jnp.min(jnp.where(self.stack(params).there, focus, jnp.inf))

    def margin(self, state: State, params: Any) -> Scalar:
        """Return M = min_l M_l in nat, M_l = Delta_eff m_l - ln(K_e - 1)."""
        stack = self.stack(params)
        return jnp.min(jnp.where(stack.there, STAR.margin(state, stack.nodes), jnp.inf))

    def forces(self, state: State, params: Any) -> Forces:
        stack = self.stack(params)
        return Forces(*(jnp.sum(jnp.where(stack.there, force, 0.0)) for force in STAR.forces(state, stack.nodes)))

    def highest_entropy(self, state: State, params: Any) -> Scalar:
        """Return h_max = max_l h_l: one bad level hides in the mean h of many."""
        stack = self.stack(params)
        return jnp.max(jnp.where(stack.there, self.choices(state.focus, stack).normalised_entropy, -jnp.inf))

    def load(self, state: State, params: Any) -> Scalar:
        return STAR.load(state, self.nodes(params))[0]

    def context(self, state: State) -> Scalar:
        return state.context[0]

    def tokens(self, state: State, params: Any) -> Scalar:
        """Return sum_l (tau_l + chi (1 - q_l)) in ktok/step: a level's nodes read it in turn, rho_l each."""
        stack = self.stack(params)
        each = STAR.tokens(state, stack.nodes) * stack.nodes.n_agents**stack.place
        return jnp.sum(jnp.where(stack.there, each, 0.0))
