"""Recorded runs of orchestrators, as columns."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

UNKNOWN = -1
"""Code of what a log does not say: an executor, a success, an error, a step."""


@dataclasses.dataclass(frozen=True, eq=False)
class TraceSet:
    """Runs and their steps: one row a run, one row a step, the steps of a run together and in order.

    What a log does not say is `UNKNOWN` in whole numbers and NaN in others, and never 0.

    **Attributes:**

    - `agents`, `tasks`, `systems`, `orchestrators`: the names that codes stand for.
    - `rosters`: which executors each roster holds.
    - `run_id`: name of each run; `task`, `system`, `orchestrator`, `roster`: codes; `trial`: number of the repeat.
    - `success`: 1, 0 or `UNKNOWN`; `failure_step`: the step that people marked as the failure.
    - `offsets`: first step of each run, and the number of all steps.
    - `step`, `turn`: number of the decision and of the orchestrator's turn; parallel dispatches share a turn.
    - `agent`: code of the executor that was dispatched; `error`: 1 if its result was an error.
    - `context`, `tokens`, `reasoning`: tokens in context before the decision, tokens that the step added, and those of
      the orchestrator's own reasoning among them, all in ktok.
    - `log_probability`: natural logarithm of the probability of each executor at the decision, or `None`.
    """

    agents: tuple[str, ...]
    tasks: tuple[str, ...]
    systems: tuple[str, ...]
    orchestrators: tuple[str, ...]
    rosters: Bool[np.ndarray, "rosters agents"]
    run_id: np.ndarray
    task: Int[np.ndarray, " runs"]
    system: Int[np.ndarray, " runs"]
    orchestrator: Int[np.ndarray, " runs"]
    roster: Int[np.ndarray, " runs"]
    trial: Int[np.ndarray, " runs"]
    success: Int[np.ndarray, " runs"]
    failure_step: Int[np.ndarray, " runs"]
    offsets: Int[np.ndarray, " runs_and_one"]
    step: Int[np.ndarray, " steps"]
    turn: Int[np.ndarray, " steps"]
    agent: Int[np.ndarray, " steps"]
    error: Int[np.ndarray, " steps"]
    context: Float[np.ndarray, " steps"]
    tokens: Float[np.ndarray, " steps"]
    reasoning: Float[np.ndarray, " steps"]
    log_probability: Float[np.ndarray, "steps agents"] | None = None

    def __len__(self) -> int:
        """Return the number of runs."""
        return len(self.run_id)

    @property
    def lengths(self) -> Int[np.ndarray, " runs"]:
        """Number of steps of each run."""
        return np.diff(self.offsets)

    @property
    def run(self) -> Int[np.ndarray, " steps"]:
        """Row of the run that each step belongs to."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def select(self, runs: Bool[np.ndarray, " runs"] | Int[np.ndarray, " chosen"]) -> "TraceSet":
        """Return some of the runs, in the order asked for; names and codes stay as they are."""
        rows = np.arange(len(self))[np.asarray(runs)]
        lengths = self.lengths[rows]
        starts = np.repeat(self.offsets[rows] - np.concatenate([[0], np.cumsum(lengths)[:-1]]), lengths)
        steps = starts + np.arange(len(starts))
        chosen = {name: getattr(self, name)[rows] for name in _BY_RUN}
        chosen |= {name: getattr(self, name)[steps] for name in _BY_STEP}
        table = None if self.log_probability is None else self.log_probability[steps]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        return dataclasses.replace(self, **chosen, offsets=offsets, log_probability=table)

    def dispatches(self) -> Int[np.ndarray, "runs longest"]:
        """Return the codes of the executors as one row a run, `UNKNOWN` behind its end."""
        out = np.full((len(self), int(self.lengths.max(initial=0))), UNKNOWN, np.int32)
        out[self.run, self.place] = self.agent
        return out

    @property
    def place(self) -> Int[np.ndarray, " steps"]:
        """Place of each step in its run, from 0."""
        return np.arange(len(self.agent)) - np.repeat(self.offsets[:-1], self.lengths)

    def __str__(self) -> str:
        sizes = self.rosters.sum(axis=1)[self.roster] if len(self) else np.zeros(0, int)
        known = self.success[self.success != UNKNOWN]
        lines = [
            f"{len(self):,} runs of {len(np.unique(self.task)):,} tasks, {len(self.agent):,} dispatches among "
            f"{_span(sizes)} executors, {_span(self.lengths)} steps a run."
        ]
        names = [self.systems[k] for k in np.unique(self.system)]
        lines.append(f"Systems: {', '.join(names[:6])}{' and others' if len(names) > 6 else ''}.")
        if known.size:
            lines.append(f"{int(known.sum()):,} of {known.size:,} runs with a known end succeeded.")
        has = [name for name in ("context", "tokens", "reasoning") if np.isfinite(getattr(self, name)).any()]
        has += ["log-probabilities"] if self.log_probability is not None else []
        lines.append(f"Known beside the dispatches: {', '.join(has) or 'nothing'}.")
        return "\n".join(lines)


_BY_RUN = ("run_id", "task", "system", "orchestrator", "roster", "trial", "success", "failure_step")
_BY_STEP = ("step", "turn", "agent", "error", "context", "tokens", "reasoning")


def _span(values: Sequence[int] | np.ndarray) -> str:
    low, high = int(np.min(values, initial=10**9)), int(np.max(values, initial=0))
    return f"{low}" if low == high else f"{min(low, high)} to {high}"
