"""Codes: integers inside compiled code, sentences for a person."""

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


class Phase(enum.IntEnum):
    """Label of a parameter point by its fixed points (model page, section 3)."""

    FOCUSED = 0
    COLLAPSED = 1
    BISTABLE = 2
    NO_COMPACTION = 3
    UNDECIDED = 4


class Kind(enum.IntEnum):
    """Kind of a fixed point, by the eigenvalues of focus and context."""

    NONE = 0
    STABLE_NODE = 1
    STABLE_SPIRAL = 2
    SADDLE = 3


class Criterion(enum.IntEnum):
    """What a critical value is: where the focused fixed point vanishes, or where its margin does."""

    FOLD = 0
    MARGIN = 1
    ALWAYS = 2
    NEVER = 3
    NO_COMPACTION = 4


class Optimum(enum.IntEnum):
    """Where an objective is largest: inside its range, at an end, or where the focused fixed point vanishes."""

    INTERIOR = 0
    LOWER_END = 1
    UPPER_END = 2
    EDGE = 3
    NONE = 4


class Effort(enum.IntEnum):
    """Where an effort of reasoning stands to the best one in a range."""

    BELOW = 0
    TRAP = 1
    BOUND = 2
    FAILING = 3
    NONE = 4


class Validity(enum.IntEnum):
    """Whether the theory of rare escapes speaks of a parameter point."""

    VALID = 0
    LOW_BARRIER = 1
    SHALLOW_WELL = 2
    NO_SADDLE = 3
    NO_NOISE = 4
    SPIRAL = 5
    NOT_CONVERGED = 6


_PAIRS: tuple[tuple[enum.IntEnum, str], ...] = (
    (Outcome.RESOLVED, "The task was resolved before the horizon and before any collapse."),
    (Outcome.COLLAPSED, "Focus was reached and then lost before the task was resolved."),
    (Outcome.NEVER_FOCUSED, "The orchestrator never focused within the horizon."),
    (Outcome.UNRESOLVED, "The orchestrator was focused, but the task was not resolved within the horizon."),
    (Failure.NONE, "The integration reached the horizon."),
    (Failure.NON_FINITE, "The state turned non-finite; use a smaller step or check the parameters."),
    (Failure.DIVERGED, "A component passed 1e12 in size; use a smaller step or check the parameters."),
    (Failure.STEP_LIMIT, "The adaptive solver hit its step limit; loosen the tolerance or raise max_steps."),
    (Phase.FOCUSED, "The only stable fixed point has a focus margin above 0."),
    (Phase.COLLAPSED, "The only stable fixed point has no focus margin."),
    (Phase.BISTABLE, "There are two stable fixed points or more; the start decides."),
    (Phase.NO_COMPACTION, "Context is never forgotten, so it grows without bound and there is no fixed point."),
    (Phase.UNDECIDED, "No stable fixed point was found; check the parameters, or use float64."),
    (Kind.NONE, "There is no fixed point in this slot."),
    (Kind.STABLE_NODE, "Every small departure dies out without swinging."),
    (Kind.STABLE_SPIRAL, "Every small departure dies out in damped swings."),
    (Kind.SADDLE, "A separatrix runs through it: departures along one direction grow."),
    (Criterion.FOLD, "The focused fixed point meets a saddle there and vanishes."),
    (Criterion.MARGIN, "The focus margin of the fixed point is 0 there."),
    (Criterion.ALWAYS, "The orchestrator is focused on the whole axis."),
    (Criterion.NEVER, "The orchestrator is focused nowhere on the axis."),
    (Criterion.NO_COMPACTION, "Context is never forgotten, so there is no fixed point and no critical value."),
    (Optimum.INTERIOR, "The objective has its maximum inside the range."),
    (Optimum.LOWER_END, "The objective is largest at the lower end of the range."),
    (Optimum.UPPER_END, "The objective is largest at the upper end of the range."),
    (Optimum.EDGE, "The objective is largest where the focused fixed point vanishes or another takes over."),
    (Optimum.NONE, "The objective is nowhere finite in the range."),
    (Effort.BELOW, "The effort lies below the best one: more reasoning helps, up to there."),
    (Effort.TRAP, "The effort lies at the best one or past it, in the Reasoning Trap: more reasoning does harm."),
    (Effort.BOUND, "The best effort is the upper end of the range: no optimum lies inside."),
    (Effort.FAILING, "No effort in the range is enough."),
    (Effort.NONE, "The objective is nowhere finite in the range."),
    (Validity.VALID, "Escapes are rare: the barrier is at least three times the noise."),
    (Validity.LOW_BARRIER, "The barrier is less than three times the noise: the time is no more than its size."),
    (Validity.SHALLOW_WELL, "The well beyond the saddle is shallower than the noise, as near the fold where it ends."),
    (
        Validity.NO_SADDLE,
        "There are no two stable fixed points with a saddle between them, so no escape.",
    ),
    (Validity.NO_NOISE, "Focus or context has no noise of its own, and the path of least action needs both."),
    (Validity.SPIRAL, "A fixed point is a spiral, whose path of least action winds; it is not worked out."),
    (Validity.NOT_CONVERGED, "Newton's method did not find the path of least action; use float64."),
)
# Codes of different kinds are equal as numbers, so the kind is part of the key.
_SENTENCES: dict[tuple[type[enum.IntEnum], enum.IntEnum], str] = {
    (type(code), code): sentence for code, sentence in _PAIRS
}


def describe(code: enum.IntEnum) -> str:
    """Return the sentence that explains a code."""
    return _SENTENCES[type(code), code]
