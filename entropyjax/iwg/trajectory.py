"""The data of a run: what was planned, dispatched, answered and concluded, turn by turn."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

from entropyjax.iwg.errors import WorkflowError
from entropyjax.iwg.instance import ExceptionKind

Status = Literal["pending", "in_progress", "completed", "failed"]
Outcome = Literal[
    "reached", "partial", "exception", "wrong_executor", "unknown_executor", "premature", "repeated", "missing_input"
]
End = Literal["answered", "step_budget", "token_budget", "context_full", "no_reply", "no_executor"]

ORCHESTRATOR_FAULTS: tuple[Outcome, ...] = (
    "wrong_executor",
    "unknown_executor",
    "premature",
    "repeated",
    "missing_input",
)
"""Outcomes of a dispatch that the orchestrator is to blame for; `exception` is the executor's."""

_ROUNDING = 1e-6
"""What sums of single precision may pass 1 by."""


@dataclasses.dataclass(frozen=True)
class Usage:
    """Tokens of a call as an endpoint or a simulation counts them; `None` where it does not.

    **Attributes:** `input`: the prompt; `output`: the reply, with its `reasoning`; `thought`: what of the reply stays
    in the context; `added`: what the whole turn adds to the context. Only a simulation knows the last two.
    """

    input: float | None = None
    output: float | None = None
    reasoning: float | None = None
    thought: float | None = None
    added: float | None = None


@dataclasses.dataclass(frozen=True)
class Scheduling:
    """The scheduling vector of a decision.

    **Attributes:**

    - `source`: where it comes from: log-probabilities of the executors' names; draws, the shares of several plans;
      parallel, the dispatches of the one plan; or the law of an orchestrator whose law is known. "nothing" where no
      executor is named.
    - `probability`: of each executor, renormalised over them; those that are left out have none.
    - `valid_mass`: probability that fell on executors at all, before it was renormalised.
    - `missing`: probability that the endpoint did not tell and that may be any executor's, so that the true one of each
      is at most `probability * valid_mass + missing`; 0 where log-probabilities were not given.
    """

    source: Literal["log-probabilities", "draws", "parallel", "law", "nothing"]
    probability: Mapping[str, float]
    valid_mass: float = 1.0
    missing: float = 0.0

    def __post_init__(self) -> None:
        wrong = [
            p for p in (*self.probability.values(), self.valid_mass, self.missing) if not 0.0 <= p <= 1.0 + _ROUNDING
        ]
        if wrong:
            raise WorkflowError(f"A scheduling vector holds the probability {wrong[0]:g}; it must lie in [0, 1].")


@dataclasses.dataclass(frozen=True)
class BoardUpdate:
    """A change of the task board: `ADD` a task, or `MODIFY` one that is there."""

    action: Literal["ADD", "MODIFY"]
    task: str
    dependencies: tuple[str, ...] = ()
    status: Status = "pending"
    summary: str = ""


@dataclasses.dataclass(frozen=True)
class Dispatch:
    """A request to an executor; `task` names the task on the board that it serves.

    `mark` names the mark that it is meant for, where whoever dispatches knows the plan.
    """

    executor: str
    query: str
    task: str = ""
    mark: str = ""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What plan mode decides; without dispatches the run ends with `answer`."""

    thought: str = ""
    updates: tuple[BoardUpdate, ...] = ()
    dispatches: tuple[Dispatch, ...] = ()
    answer: str = ""
    scheduling: Scheduling | None = None
    usage: Usage = Usage()


@dataclasses.dataclass(frozen=True)
class Observation:
    """What the environment answers: the executor's `output`, and what only the judge sees of it."""

    output: str
    outcome: Outcome
    mark: str = ""
    exception: ExceptionKind | None = None


@dataclasses.dataclass(frozen=True)
class Reflexion:
    """What reflexion mode concludes: was it a success, what is the result, what kind of error, what to do about it."""

    success: bool
    summary: str = ""
    error: str = ""
    recovery: str = ""
    usage: Usage = Usage()

    @property
    def action(self) -> str:
        """What is to be done about a failure, or else its kind, in words."""
        return self.recovery or self.error


@dataclasses.dataclass(frozen=True)
class Step:
    """One dispatch with its answer and what was concluded."""

    dispatch: Dispatch
    observation: Observation
    reflexion: Reflexion


@dataclasses.dataclass(frozen=True)
class Turn:
    """One turn of the orchestrator: a plan and its dispatches.

    `context` is what lay before it when it planned, `tokens` what the turn added to that, `reasoning` what the
    orchestrator thought, `spent` what all calls of the turn read and wrote as far as it is known, in single tokens.
    `problems` are updates of the board that could not be made.
    """

    plan: Plan
    steps: tuple[Step, ...]
    context: float
    tokens: float
    reasoning: float
    spent: float = 0.0
    problems: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.steps:
            raise WorkflowError("A turn has no dispatch; a run ends instead.")
        for name in ("context", "tokens", "reasoning", "spent"):
            if not getattr(self, name) >= 0.0:
                raise WorkflowError(f"A turn has {getattr(self, name):g} tokens of {name}; it must not be negative.")


@dataclasses.dataclass(frozen=True)
class Trajectory:
    """A run of an orchestrator on an instance.

    **Attributes:** `trial`: number of the repeat; `end`: why it ended; `answer`: what it said at the end; `success`:
    whether every checkpoint was reached; `problem`: what was wrong with a model's last reply, where that ended it.
    """

    instance: str
    orchestrator: str
    turns: tuple[Turn, ...]
    end: End
    answer: str
    success: bool
    roster: tuple[str, ...]
    trial: int = 0
    system: str = "iwg"
    problem: str = ""
