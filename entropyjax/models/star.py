"""The star: one orchestrator, one right executor, N_e - 1 exchangeable others."""

from typing import Any

from entropyjax.models.gap import AbstractGapOrchestrator
from entropyjax.models.registry import register


@register("star")
class Star(AbstractGapOrchestrator):
    """Mean field of the centralized topology on the logit gap x (model page, section 2):

        dx/dt = alpha (Delta_eff m - x)
        ds/dt = kappa q (1 - s)
        dc/dt = tau_e + tau_r + chi (1 - q) - (delta0 + delta1 h) c

    The two forces compete exactly as dH/dt = -R + C_f with R = alpha x q(1-q) (Delta_eff - x) and
    C_f = alpha x q(1-q) Delta_eff (1 - m). The equations are this project's own formulation of the two
    forces described in arXiv:2606.01351.
    """

    def nodes(self, params: Any) -> Any:
        return params
