"""The parameters that every orchestrator model shares (model page, section 1)."""

from jaxtyping import Array, Float

from entropyjax.params.spec import AbstractParams, parameter
from entropyjax.params.support import AT_LEAST_TWO, NON_NEGATIVE, POSITIVE, REAL, UNIT, UNIT_POSITIVE

Scalar = float | Float[Array, "..."]


class OrchestratorParams(AbstractParams):
    """Parameters of one orchestrator with N executors and one context window.

    Time is in orchestration steps, tokens in thousands (ktok), logits and entropies in nats.
    """

    n_agents: Scalar = parameter(8.0, "-", AT_LEAST_TWO, "N", "Executors that the orchestrator chooses among.")
    context_window: Scalar = parameter(64.0, "ktok", POSITIVE, "W", "Nominal context window.")
    focus_rate: Scalar = parameter(1.0, "1/step", POSITIVE, "alpha", "Relaxation rate of the logits.")
    evidence: Scalar = parameter(8.0, "nat", NON_NEGATIVE, "Delta", "Logit gap that clean context supports.")
    effective_fraction: Scalar = parameter(
        0.5, "-", POSITIVE, "eta", "Share of the window that the model really uses: its half-attention length over W."
    )
    dilution_order: Scalar = parameter(2.0, "-", POSITIVE, "n", "Hill exponent of attention dilution.")
    roster_similarity: Scalar = parameter(
        1.0, "-", UNIT_POSITIVE, "phi_s", "Share of the other executors that can be confused with the right one."
    )
    system_tokens: Scalar = parameter(1.0, "ktok", NON_NEGATIVE, "tau_sys", "Static prompt.")
    roster_tokens: Scalar = parameter(0.3, "ktok/agent", NON_NEGATIVE, "tau_d", "Description of one executor.")
    executor_tokens: Scalar = parameter(1.0, "ktok/step", NON_NEGATIVE, "tau_e", "Output of the executor.")
    reasoning_tokens: Scalar = parameter(0.5, "ktok/step", NON_NEGATIVE, "tau_r", "The orchestrator's own reasoning.")
    error_tokens: Scalar = parameter(
        6.0, "ktok/step", NON_NEGATIVE, "chi", "Extra tokens that a wrong dispatch costs (error text, retry)."
    )
    compaction_rate: Scalar = parameter(0.08, "1/step", NON_NEGATIVE, "delta0", "Forgetting of context.")
    reflexion_rate: Scalar = parameter(
        0.0, "1/step", NON_NEGATIVE, "delta1", "Extra forgetting of context when uncertain."
    )
    reasoning_gain: Scalar = parameter(0.0, "-", NON_NEGATIVE, "b", "What reasoning adds to the evidence.")
    reasoning_scale: Scalar = parameter(
        1.0, "ktok/step", POSITIVE, "tau_ref", "Reasoning effort at which its gain sets in."
    )
    progress_gain: Scalar = parameter(0.0, "-", NON_NEGATIVE, "g", "What progress adds to the evidence.")
    resolution_rate: Scalar = parameter(0.05, "1/step", NON_NEGATIVE, "kappa", "Progress per correct dispatch.")
    focus_noise: Scalar = parameter(0.3, "nat/sqrt(step)", NON_NEGATIVE, "sigma_x", "Noise of the logit gap.")
    token_noise: Scalar = parameter(
        0.5, "ktok/step", NON_NEGATIVE, "sigma_tau", "Standard deviation of the token inflow per step."
    )
    step_size: Scalar = parameter(
        1.0, "step", POSITIVE, "epsilon", "Micro-step of the agent level; 1 for a real orchestrator."
    )
    initial_focus: Scalar = parameter(0.0, "nat", REAL, "x0", "Logit gap at the start.")
    initial_progress: Scalar = parameter(0.0, "-", UNIT, "s(0)", "Resolved share of the task at the start.")
    initial_context: Scalar = parameter(0.0, "ktok", NON_NEGATIVE, "c(0)", "Dynamic context at the start.")
