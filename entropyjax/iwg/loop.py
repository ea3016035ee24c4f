"""The loop of plan and reflexion: an orchestrator against the environment of an instance, within a budget."""

import dataclasses
from typing import NamedTuple

from entropyjax.iwg.board import Board
from entropyjax.iwg.chat import ContextError, ReplyError
from entropyjax.iwg.environment import Environment, State
from entropyjax.iwg.errors import WorkflowError
from entropyjax.iwg.history import Entry, History, Policy, keep, size
from entropyjax.iwg.instance import Instance
from entropyjax.iwg.orchestrator import Orchestrator, View
from entropyjax.iwg.scheduling import by_dispatch
from entropyjax.iwg.tokens import Budget, Counter, count_characters
from entropyjax.iwg.trajectory import BoardUpdate, End, Plan, Step, Trajectory, Turn, Usage


@dataclasses.dataclass(frozen=True)
class Rules:
    """How runs are made.

    **Attributes:** `budget`: what a run may spend; `policy`: what is kept of the context when it is full; `counter`:
    counts tokens where nobody else does; `strict`: queries must hold what they are about; `patience`: turns in a row
    that dispatch nobody on the roster, after which a run ends.
    """

    budget: Budget = Budget()
    policy: Policy = keep
    counter: Counter = count_characters
    strict: bool = False
    patience: int = 5

    def __post_init__(self) -> None:
        if self.patience < 1:
            raise WorkflowError(f"patience is {self.patience}; take at least 1 turn.")


class _Run(NamedTuple):
    """What changes from turn to turn."""

    state: State = State()
    board: Board = Board()
    history: History = ()
    turns: tuple[Turn, ...] = ()
    spent: float = 0.0


async def run(orchestrator: Orchestrator, instance: Instance, rules: Rules = Rules(), *, trial: int = 0) -> Trajectory:
    """Run an orchestrator on an instance until it answers, its budget ends, or its model says nothing of use.

    **Raises:** `ChatError` if the model cannot be asked, which tells nothing of the orchestrator: run it again later.
    """
    environment = Environment(instance, rules.strict)
    static = rules.counter(static_prompt(instance))
    now, end, answer, problem = _Run(), None, "", ""
    while end is None:
        view = _view(instance, now, static, rules)
        end = _over(now, view, rules)
        if end is None:
            now = now._replace(history=view.history)
            try:
                plan = await orchestrator.plan(view)
                if plan.dispatches:
                    now = await _turn(orchestrator, environment, now, view, plan, rules)
                else:
                    end, answer = "answered", plan.answer
            except (ReplyError, ContextError) as error:
                end, problem = "no_reply" if isinstance(error, ReplyError) else "context_full", str(error)
    success, roster = environment.done(now.state), tuple(instance.roster)
    return Trajectory(instance.id, orchestrator.name, now.turns, end, answer, success, roster, trial, problem=problem)


def static_prompt(instance: Instance) -> str:
    """Return what lies before an orchestrator from the first turn on: the roster and the query."""
    roster = "\n".join(f"- {one.name}: {one.description}" for one in instance.executors)
    return f"Executors:\n{roster}\n\nTask: {instance.seed.query}"


def _view(instance: Instance, now: _Run, static: int, rules: Rules) -> View:
    room = float("inf") if rules.budget.context is None else rules.budget.context - static
    history = rules.policy(now.history, room, rules.counter)
    context = static + size(history)
    turn, turns = len(now.turns), rules.budget.turns
    return View(instance.seed.query, instance.executors, history, now.board, turn, turns, context)


def _over(now: _Run, view: View, rules: Rules) -> End | None:
    budget = rules.budget
    if len(now.turns) >= budget.turns:
        return "step_budget"
    if budget.tokens is not None and now.spent >= budget.tokens:
        return "token_budget"
    if budget.context is not None and view.context > budget.context:
        return "context_full"
    last = now.turns[-rules.patience :]
    steps = [step for turn in last for step in turn.steps]
    if len(last) == rules.patience and all(step.observation.outcome == "unknown_executor" for step in steps):
        return "no_executor"
    return None


async def _turn(
    orchestrator: Orchestrator, environment: Environment, now: _Run, view: View, plan: Plan, rules: Rules
) -> _Run:
    """Dispatch what was planned, one after the other, and let the orchestrator conclude from each answer."""
    board, problems = now.board.updated(plan.updates)
    state, history, steps = now.state, now.history, []
    thought = rules.counter(plan.thought) if plan.usage.thought is None else round(plan.usage.thought)
    if thought:
        history = (*history, Entry(plan.thought, thought))
    for dispatch in plan.dispatches:
        state, seen = environment.answer(state, dispatch, now.state)
        reflexion = await orchestrator.reflect(view, dispatch, seen)
        steps.append(Step(dispatch, seen, reflexion))
        said = f"{dispatch.executor} was asked: {dispatch.query}\n{seen.output}"
        short = f"{dispatch.executor}: {reflexion.summary or reflexion.error or 'nothing'}"
        history = (*history, Entry(said, rules.counter(said), short))
        if dispatch.task in board.tasks:
            status = "completed" if reflexion.success else "failed"
            board, more = board.updated([BoardUpdate("MODIFY", dispatch.task, (), status, reflexion.summary)])
            problems = (*problems, *more)
    if plan.scheduling is None:
        names = [one.executor for one in plan.dispatches]
        plan = dataclasses.replace(plan, scheduling=by_dispatch([names], list(environment.instance.roster)))
    counted = _counted(
        plan.usage, [one.reflexion.usage for one in steps], view, thought, size(history) - size(now.history)
    )
    turn = Turn(plan, tuple(steps), *counted, problems)
    return _Run(state, board, history, (*now.turns, turn), now.spent + turn.spent)


def _counted(
    usage: Usage, others: list[Usage], view: View, thought: int, grown: int
) -> tuple[float, float, float, float]:
    """Return context, tokens, reasoning and what is spent: as counted by who knows, else by the loop.

    **Arguments:** `usage`: of the plan; `others`: of the conclusions, which count for nothing where nobody knows.
    """
    context = float(view.context if usage.input is None else usage.input)
    added = float(grown if usage.added is None else usage.added)
    reasoning = (thought if usage.reasoning is None else usage.reasoning) + sum(one.reasoning or 0.0 for one in others)
    written = (thought if usage.output is None else usage.output) + sum((one.output or 0.0) for one in others)
    return context, added, float(reasoning), float(context + written + sum(one.input or 0.0 for one in others))
