"""The full N-state replicator flow with heterogeneous utilities, padded and masked to a static size."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from entropyjax.entropy import Choice, categorical
from entropyjax.models import context as ctx
from entropyjax.models.base import AbstractModel, Scalar, State
from entropyjax.models.orchestrator import AbstractOrchestrator, Forces, OrchestratorState
from entropyjax.models.registry import register
from entropyjax.params import OrchestratorParams, ParameterError, parameter
from entropyjax.params.support import UNIT

Logits = Float[Array, " n"]


class ReplicatorParams(OrchestratorParams):
    """The orchestrator's parameters and the profile of utilities over its roster."""

    rival_evidence: Any = parameter(
        0.0, "-", UNIT, "rho", "Share of the evidence that also speaks for the closest rival."
    )
    rival_decay: Any = parameter(
        1.0, "-", UNIT, "lambda", "Ratio of that share from one rival to the next along the roster."
    )


@register("replicator")
class Replicator(AbstractOrchestrator):
    """Replicator flow of N logits, executor 0 being the right one:

        dz_j/dt = alpha (Delta_eff m v_j - z_j),   v_0 = 1,  v_j = rho lambda^(j-1) for j >= 1

    and s, c as in the star. It runs on N_e = 1 + phi_s (N-1) executors; where N_e is not an integer the last
    one carries the fractional weight, which makes the flow continuous in N. With rho = 0 and equal initial
    logits the gap z_0 - z_j obeys the star's equation, noise included: noise moves the right executor
    against all others.

    **Attributes:**

    - `max_agents`: static size of the padded roster; `sized` fits it to a sweep.
    - `affinities`: explicit shares v_1, v_2, ... of the rivals, used instead of rho and lambda; those that
      are missing count as 0.
    """

    Params: ClassVar[Any] = ReplicatorParams
    max_agents: int = eqx.field(static=True, default=8)
    affinities: tuple[float, ...] = eqx.field(static=True, default=(), converter=tuple)

    def __check_init__(self) -> None:
        if self.max_agents < 2:
            raise ParameterError(f"max_agents = {self.max_agents} is too small: a roster has at least 2 executors.")
        for share in self.affinities:
            if not 0.0 <= share <= 1.0:
                raise ParameterError(
                    f"affinities holds {share:g}: each is the share of the evidence that speaks for a rival, "
                    "a number in [0, 1]."
                )

    def sized(self, params: Mapping[str, Any]) -> AbstractModel:
        agents, similarity = (np.max(np.asarray(params[k])) for k in ("n_agents", "roster_similarity"))
        needed = max(2, math.ceil(1.0 + float(similarity) * (float(agents) - 1.0)))
        return Replicator(max_agents=needed, affinities=self.affinities)

    def initial_state(self, params: Any) -> OrchestratorState:
        zeros = jnp.zeros(self.max_agents, jnp.result_type(float))
        focus = zeros.astype(jnp.result_type(params.initial_focus)).at[0].set(params.initial_focus)
        return OrchestratorState(focus, params.initial_progress, params.initial_context)

    def weights(self, params: Any) -> Logits:
        """Return w: 1 for an executor on the effective roster, a fraction for the last, 0 for padding."""
        effective = jnp.asarray(1.0 + ctx.rivals(params))
        places = jnp.arange(self.max_agents, dtype=effective.dtype)
        return jnp.clip(effective - places, 0.0, 1.0)

    def utilities(self, params: Any) -> Logits:
        """Return v, each executor's share of the evidence; v_0 = 1."""
        rho = jnp.asarray(params.rival_evidence)
        if self.affinities:
            given = (1.0, *self.affinities)[: self.max_agents]
            return jnp.zeros(self.max_agents, rho.dtype).at[: len(given)].set(jnp.asarray(given, rho.dtype))
        places = jnp.arange(self.max_agents - 1, dtype=rho.dtype)
        decay = jnp.asarray(params.rival_decay)
        # lambda^0 = 1 also at lambda = 0, with a finite gradient.
        safe = jnp.where(decay > 0.0, decay, 1.0)
        powers = jnp.where(places == 0.0, 1.0, jnp.where(decay > 0.0, safe**places, 0.0))
        return jnp.concatenate([jnp.ones(1, rho.dtype), rho * powers])

    def choice(self, focus: Logits, params: Any) -> Choice:
        weights = self.weights(params)
        p = categorical.scheduling_vector(focus, weights)
        entropy = categorical.shannon_entropy(focus, weights)
        return Choice(
            right=p[0],
            wrong=jnp.sum(p[1:]),
            entropy=entropy,
            normalised_entropy=entropy / jnp.log1p(ctx.rivals(params)),
            collision=categorical.collision_probability(focus, weights),
        )

    def target(self, state: State, params: Any) -> Logits:
        evidence = ctx.effective_evidence(params, state.progress)
        return evidence * self.attention(state, params) * self.utilities(params)

    def gap_direction(self, focus: Logits) -> Logits:
        return jnp.zeros_like(focus).at[0].set(1.0)

    def lead(self, focus: Logits, params: Any) -> Scalar:
        present = self.weights(params)[1:] > 0.0
        return focus[0] - jnp.max(jnp.where(present, focus[1:], -jnp.inf))

    def margin(self, state: State, params: Any) -> Scalar:
        return categorical.log_odds(self.target(state, params), self.weights(params))

    def forces(self, state: State, params: Any) -> Forces:
        weights = self.weights(params)
        clean = ctx.effective_evidence(params, state.progress) * self.utilities(params)
        lost = self.inattention(state, params)
        resolution = categorical.covariance(state.focus, weights, clean - state.focus)
        loading = categorical.covariance(state.focus, weights, clean * lost)
        return Forces(params.focus_rate * resolution, params.focus_rate * loading)
