"""Simulated orchestrators: the agent-level model with known parameters decides whether a dispatch is right."""

from collections.abc import Sequence
from typing import Any

from jaxtyping import Array

from entropyjax.iwg.errors import WorkflowError
from entropyjax.iwg.instance import Instance
from entropyjax.iwg.lockstep import Ask, lockstep
from entropyjax.iwg.loop import Rules, run
from entropyjax.iwg.orchestrator import View
from entropyjax.iwg.orchestrators.fleet import Decision, Fleet, Situation
from entropyjax.iwg.orchestrators.gold import Guide
from entropyjax.iwg.trajectory import Dispatch, Observation, Plan, Reflexion, Scheduling, Trajectory, Usage
from entropyjax.models.gap import AbstractGapOrchestrator

_PER_KTOK = 1000.0


class Simulated:
    """Asks the model at each turn whether it takes the right executor for the next mark of the plan.

    A wrong dispatch takes one of the N_e - 1 executors next to the right one on the roster.
    """

    def __init__(self, instance: Instance, fleet: Fleet, run: int):
        self.name = type(fleet.model).__name__
        self.guide, self.fleet, self.run = Guide(instance), fleet, run
        self.roster = list(instance.roster)

    async def plan(self, view: View) -> Plan:
        ready = self.guide.ready
        if not ready:
            return Plan(answer=self.guide.answer)
        progress = len(self.guide.state.reached) / len(self.guide.instance.marks)
        made: Decision = await Ask(Situation(self.run, view.context / _PER_KTOK, progress))
        right = self.roster.index(self.guide.right(ready[0]))
        executor = self.roster[(right + int(made.shift)) % len(self.roster)]
        return Plan(
            updates=self.guide.board() if view.turn == 0 else (),
            dispatches=(self.guide.dispatch(ready[0], executor),),
            scheduling=self._law(right, made),
            usage=self._usage(made),
        )

    async def reflect(self, view: View, dispatch: Dispatch, observation: Observation) -> Reflexion:
        return self.guide.conclude(observation)

    def _law(self, right: int, made: Decision) -> Scheduling:
        rivals = int(self.fleet.rivals[self.run])
        others = (self.roster[(right + one) % len(self.roster)] for one in range(1, rivals + 1))
        wrong = float(made.wrong) / rivals
        return Scheduling("law", {self.roster[right]: float(made.right)} | dict.fromkeys(others, wrong))

    def _usage(self, made: Decision) -> Usage:
        thought = _PER_KTOK * float(self.fleet.reasoning[self.run])
        if self.fleet.measured:
            return Usage(reasoning=thought, thought=thought)
        context, tokens = (_PER_KTOK * float(value) for value in (made.context, made.tokens))
        return Usage(context, None, thought, thought, tokens)


def simulate(
    model: AbstractGapOrchestrator,
    params: Any,
    instances: Sequence[Instance],
    key: Array,
    *,
    runs: int = 1,
    rules: Rules = Rules(),
    measured: bool = False,
    epsilon: float = 1.0,
) -> list[Trajectory]:
    """Run simulated orchestrators on instances, all of them in step.

    **Arguments:**

    - `params`: each one number, or one for each run in the order of the trajectories; N is the size of every roster.
    - `instances`: run `runs` times each, the runs of an instance next to each other.
    - `measured`: whether the model reads context and progress off the run, so that outputs of executors fill its window
      and its own tokens count for nothing but reasoning. Else it keeps its own account, and its trajectories are those
      of the agent-level simulator.

    **Raises:** `AgentError` for parameters that agents cannot have; `WorkflowError` if a roster is not of size N.
    """
    fleet = Fleet(model, params, runs * len(instances), key, epsilon=epsilon, measured=measured)
    for instance in instances:
        if len(instance.executors) != fleet.agents:
            raise WorkflowError(
                f"The instance {instance.id} has {len(instance.executors)} executors and n_agents is {fleet.agents}; "
                "set n_agents to the size of its roster."
            )
    pairs = [(instance, trial) for instance in instances for trial in range(runs)]
    made = [
        run(Simulated(instance, fleet, number), instance, rules, trial=trial)
        for number, (instance, trial) in enumerate(pairs)
    ]
    return lockstep(made, fleet.decide)
