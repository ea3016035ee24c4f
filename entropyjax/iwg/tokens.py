"""Counting tokens: a counter that can be exchanged, and what a run may spend."""

import dataclasses
from collections.abc import Callable

from entropyjax.iwg.errors import WorkflowError

Counter = Callable[[str], int]
"""Called as counter(text); the number of its tokens."""

_CHARACTERS = 4


def count_characters(text: str) -> int:
    """Return characters over four, rounded up: right in shape, wrong in size, and the same everywhere."""
    return -(-len(text) // _CHARACTERS)


@dataclasses.dataclass(frozen=True)
class Budget:
    """What a run may spend: turns, tokens of all its calls together, and the context of one call; `None` for no end.

    **Raises:** `WorkflowError` for a budget that is not positive.
    """

    turns: int = 128
    tokens: float | None = None
    context: float | None = None

    def __post_init__(self) -> None:
        for name in ("turns", "tokens", "context"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise WorkflowError(f"The budget of {name} is {value:g}; take a positive number.")
