"""Orchestrators that know the gold plan: what to dispatch for a mark, and what to conclude from the answer."""

from entropyjax.iwg.checkpoint import hidden
from entropyjax.iwg.environment import Environment, State
from entropyjax.iwg.instance import Instance, TaskMark
from entropyjax.iwg.trajectory import BoardUpdate, Dispatch, Observation, Reflexion


class Guide:
    """Follows one run on an instance, for orchestrators that know its plan."""

    def __init__(self, instance: Instance):
        self.instance = instance
        self.environment = Environment(instance)
        self.state = State()

    @property
    def ready(self) -> list[TaskMark]:
        """The marks that can be done now."""
        return self.environment.ready(self.state)

    @property
    def answer(self) -> str:
        """The answer of the seed if it is found, else nothing."""
        found = (one.seed.answer for one in (self.instance,) if self.environment.done(self.state))
        return next(found, "")

    def right(self, mark: TaskMark) -> str:
        """Return the executor whom the plan, or its recovery, names for a mark."""
        scenario = self.instance.exception.get(mark.id)
        switch = scenario is not None and scenario.strategy == "switch" and self.state.attempts.get(mark.id, 0) > 0
        return scenario.backup if scenario is not None and switch else mark.executor

    def dispatch(self, mark: TaskMark, executor: str) -> Dispatch:
        """Return the gold request for a mark, to any executor."""
        return Dispatch(executor, self.instance.stage[mark.id].prompt, mark.id, mark.id)

    def board(self) -> tuple[BoardUpdate, ...]:
        """Return the updates that put the whole plan on an empty board."""
        return tuple(BoardUpdate("ADD", one.id, one.dependencies) for one in self.instance.marks)

    def conclude(self, observation: Observation) -> Reflexion:
        """Return the gold conclusion from an answer, and note it."""
        attempts, reached = dict(self.state.attempts), self.state.reached
        if observation.outcome in ("reached", "partial", "exception"):
            attempts[observation.mark] = attempts.get(observation.mark, 0) + 1
        if observation.outcome == "reached":
            reached = reached | {observation.mark}
        self.state = State(reached, attempts)
        if observation.outcome in ("reached", "repeated"):
            return Reflexion(True, hidden(self.instance.stage[observation.mark].checkpoint))
        if observation.outcome == "partial":
            return Reflexion(True)
        scenario = self.instance.exception.get(observation.mark)
        if observation.outcome == "exception" and scenario is not None:
            return Reflexion(False, "", scenario.kind, scenario.plan)
        return Reflexion(False, "", observation.outcome, "Retry with the right executor.")
