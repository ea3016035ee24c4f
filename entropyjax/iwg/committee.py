"""The validation committee: structural checks, a first solver, a second that must agree, and a person's queue."""

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Protocol

from entropyjax.iwg.chat import Chat, ContextError, Message, Options, ReplyError
from entropyjax.iwg.checkpoint import hidden, matches
from entropyjax.iwg.errors import WorkflowError
from entropyjax.iwg.instance import Instance
from entropyjax.iwg.prompts import SOLVER
from entropyjax.iwg.replies import ask
from entropyjax.iwg.structure import findings

Tier = Literal["structure", "solvability", "consistency", "review"]
Decision = Literal["approve", "reject"]


class Solution(NamedTuple):
    """What a solver found: the result of each mark by its id, and the answer."""

    results: Mapping[str, str]
    answer: str


class Solver(Protocol):
    """Solves an instance from its environment alone.

    **Raises:** `ChatError` when it cannot be asked.
    """

    name: str

    async def solve(self, instance: Instance) -> Solution:
        """Return what the outputs of the executors say."""
        ...


class Extraction:
    """The solver that needs no model: the result of a mark is the checkpoint's value, if the output holds it."""

    name = "extraction"

    async def solve(self, instance: Instance) -> Solution:
        """Return the values that stand in the outputs."""
        values = {one.mark: hidden(one.checkpoint) for one in instance.stages}
        found = {m: v for m, v in values.items() if v.lower() in instance.stage[m].output.lower()}
        answers = [one for one in found.values() if one.lower() == instance.seed.answer.lower()]
        return Solution(found, next(iter(answers), ""))


class ChatSolver:
    """A chat model that is shown prompts and outputs, and says what it takes from them."""

    def __init__(self, chat: Chat, name: str, options: Options = Options(max_tokens=2048)):
        self.chat, self.name, self.options = chat, name, options

    async def solve(self, instance: Instance) -> Solution:
        """Return what the model says."""
        stages = "\n\n".join(f"{one.mark}. Request: {one.prompt}\nReply: {one.output}" for one in instance.stages)
        ids = ", ".join(f'"{one.id}": "result"' for one in instance.marks)
        text = SOLVER.format(query=instance.seed.query, stages=stages, ids=ids)
        return (await ask(self.chat, [Message("user", text)], self.options, _solution))[0]


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What one tier says.

    **Attributes:** `passed`: `None` while a person has not decided; `differing`: marks for which the second solver
    found other words than the first.
    """

    tier: Tier
    by: str
    passed: bool | None
    why: str
    differing: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Report:
    """The verdicts on an instance, up to the first tier that it did not pass."""

    instance: str
    verdicts: tuple[Verdict, ...]

    @property
    def passed(self) -> bool | None:
        """Whether it passed every tier; `None` if it waits for a person."""
        last = self.verdicts[-1]
        return last.passed if last.tier == "review" or not last.passed else None

    @property
    def agreed(self) -> bool:
        """Whether both solvers solved it in the same words."""
        return any(one.tier == "consistency" and one.passed and not one.differing for one in self.verdicts)

    def appealed(self) -> "Report":
        """Return the report with a review that a person has to make, unless the structure did not pass."""
        last = self.verdicts[-1]
        if last.tier in ("structure", "review"):
            return self
        return dataclasses.replace(self, verdicts=(*self.verdicts, _WAITING))

    def reviewed(self, decision: Decision, by: str, why: str = "") -> "Report":
        """Return the report with a person's decision; raise `WorkflowError` if it does not wait for one."""
        if self.passed is not None:
            raise WorkflowError(f"The instance {self.instance} does not wait for a review.")
        verdict = Verdict("review", by, decision == "approve", why)
        return dataclasses.replace(self, verdicts=(*self.verdicts[:-1], verdict))


_WAITING = Verdict("review", "", None, "Waits for a person.")


@dataclasses.dataclass(frozen=True)
class Case:
    """An instance with what the committee says of it: a line of the queue that a person goes through."""

    instance: Instance
    report: Report


async def validate(instance: Instance, first: Solver, second: Solver) -> Report:
    """Return the report on an instance: structure, solvability, consistency; then it waits for a person's review.

    **Raises:** `ChatError` if a solver's model cannot be asked.
    """
    wrong = findings(instance)
    verdicts = [Verdict("structure", "checks", not wrong, " ".join(wrong) or "All hold.")]
    if not wrong:
        found, verdict = await _solved(instance, first, "solvability")
        verdicts.append(verdict)
        if verdict.passed and found is not None:
            again, verdict = await _solved(instance, second, "consistency")
            verdicts.append(_agrees(instance, found, again, verdict))
    if verdicts[-1].passed:
        verdicts.append(_WAITING)
    return Report(instance.id, tuple(verdicts))


async def _solved(instance: Instance, solver: Solver, tier: Tier) -> tuple[Solution | None, Verdict]:
    try:
        found = await solver.solve(instance)
    except (ReplyError, ContextError) as error:
        return None, Verdict(tier, solver.name, False, f"It did not solve it: {error}")
    missed = [one.mark for one in instance.stages if not matches(one.checkpoint, found.results.get(one.mark, ""))]
    if missed:
        return found, Verdict(tier, solver.name, False, f"It missed the checkpoint of '{missed[0]}'.")
    if instance.seed.answer.lower() not in found.answer.lower():
        return found, Verdict(tier, solver.name, False, f"It answered '{found.answer[:60]}'.")
    return found, Verdict(tier, solver.name, True, "It reached every checkpoint and the answer.")


def _agrees(instance: Instance, first: Solution, second: Solution | None, verdict: Verdict) -> Verdict:
    """Return the second solver's verdict, against it if it found another result than the first."""
    if not verdict.passed or second is None:
        return verdict
    one, other = ({m: v.strip().lower() for m, v in each.results.items()} for each in (first, second))
    differing = [m.id for m in instance.marks if one[m.id] != other[m.id]]
    if not differing:
        return verdict
    # Checkpoints may hold for different words; these are told and left to the person.
    why = f"{verdict.why} Its words differ at {', '.join(differing)}."
    return dataclasses.replace(verdict, why=why, differing=tuple(differing))


def _solution(found: dict[str, Any]) -> Solution:
    results = found.get("results")
    if not isinstance(results, dict):
        raise WorkflowError("The reply has no object 'results'.")
    return Solution({str(name): str(value) for name, value in results.items()}, str(found.get("answer") or ""))
