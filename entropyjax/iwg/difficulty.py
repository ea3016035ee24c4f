"""Knobs of how hard a generated instance is."""

import dataclasses

from entropyjax.iwg.errors import WorkflowError


@dataclasses.dataclass(frozen=True)
class Difficulty:
    """How hard an instance is.

    **Attributes:**

    - `executors`: N, the size of the roster.
    - `depth`: steps from the query to the answer; `width`: chains that run side by side until the last step.
    - `similarity`: share of the other executors that differ from the right one in their desk alone, in [0, 1].
      A roster of few kinds of records has more of them than asked.
    - `output_tokens`: length of what an executor says, in tokens of four characters.
    - `error_tokens`: how much longer the answer to a wrong request is.
    - `error_rate`: share of the marks at which something goes wrong first.
    - `extensions`: marks beyond the answer.

    **Raises:** `WorkflowError` for a knob that is out of range.
    """

    executors: int = 8
    depth: int = 3
    width: int = 1
    similarity: float = 0.5
    output_tokens: int = 120
    error_tokens: int = 0
    error_rate: float = 0.0
    extensions: int = 0

    def __post_init__(self) -> None:
        for name, low, high in _RANGES:
            value = getattr(self, name)
            if not low <= value <= high:
                raise WorkflowError(f"{name} is {value:g}; take a number from {low:g} to {high:g}.")
        if self.width > 1 and self.depth < 2:
            raise WorkflowError(
                f"{self.width} chains meet in a last step, so depth must be at least 2, not {self.depth}."
            )


_RANGES = (
    ("executors", 1, 10_000),
    ("depth", 1, 200),
    ("width", 1, 50),
    ("similarity", 0.0, 1.0),
    ("output_tokens", 0, 100_000),
    ("error_tokens", 0, 100_000),
    ("error_rate", 0.0, 1.0),
    ("extensions", 0, 50),
)
