"""Classes of recovery: what an orchestrator means to do about a failure, told from its words."""

from entropyjax.iwg.instance import Strategy

_CUES: dict[Strategy, tuple[str, ...]] = {
    "retry": ("retry", "re-call", "try again", "reattempt"),
    "switch": ("switch", "different agent", "alternative", "fallback"),
    "abort": ("abort", "stop", "terminate", "give up"),
    "decompose": ("decompose", "break down", "split"),
}
"""Words that tell a class, the first class first; those of the public code of arXiv:2606.01351."""

STRATEGIES: tuple[Strategy, ...] = (*_CUES, "other")


def strategy_of(action: str) -> Strategy:
    """Return the class of a recovery that is told in words; `other` if none of the cues stands in it."""
    text = action.lower()
    for name, cues in _CUES.items():
        if any(cue in text for cue in cues):
            return name
    return "other"
