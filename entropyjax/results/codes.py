"""Outcome and failure codes: integers inside compiled code, sentences for a person."""

import enum


class Outcome(enum.IntEnum):
    """What became of a trajectory by the horizon, in the order of precedence of the model page, section 3."""

    RESOLVED = 0
    COLLAPSED = 1
    NEVER_FOCUSED = 2
    UNRESOLVED = 3


class Failure(enum.IntEnum):
    """Why a lane's integration failed; `NONE` for a lane that reached the horizon."""

    NONE = 0
    NON_FINITE = 1
    DIVERGED = 2
    STEP_LIMIT = 3


_SENTENCES: dict[enum.IntEnum, str] = {
    Outcome.RESOLVED: "The task was resolved before the horizon and before any collapse.",
    Outcome.COLLAPSED: "Focus was reached and then lost before the task was resolved.",
    Outcome.NEVER_FOCUSED: "The orchestrator never focused within the horizon.",
    Outcome.UNRESOLVED: "The orchestrator was focused, but the task was not resolved within the horizon.",
    Failure.NONE: "The integration reached the horizon.",
    Failure.NON_FINITE: "The state turned non-finite; use a smaller step or check the parameters.",
    Failure.DIVERGED: "A component passed 1e12 in size; use a smaller step or check the parameters.",
    Failure.STEP_LIMIT: "The adaptive solver hit its step limit; loosen the tolerance or raise max_steps.",
}


def describe(code: enum.IntEnum) -> str:
    """Return the sentence that explains an outcome or failure code."""
    return _SENTENCES[code]
