"""Scripted orchestrators: known behaviour that metrics and environments are checked against."""

from entropyjax.iwg.dice import Dice
from entropyjax.iwg.instance import Instance
from entropyjax.iwg.orchestrator import Maker, View
from entropyjax.iwg.orchestrators.gold import Guide
from entropyjax.iwg.trajectory import Dispatch, Observation, Plan, Reflexion, Scheduling


class _Scripted:
    """One that knows the plan and keeps to it; the others depart from it."""

    name = "scripted"

    def __init__(self, instance: Instance):
        self.guide = Guide(instance)

    async def plan(self, view: View) -> Plan:
        dispatches = self.choose(view)
        if not dispatches:
            return Plan(answer=self.guide.answer)
        updates = self.guide.board() if view.turn == 0 else ()
        return Plan(f"{len(self.guide.ready)} tasks can be done.", updates, dispatches, scheduling=self.law())

    async def reflect(self, view: View, dispatch: Dispatch, observation: Observation) -> Reflexion:
        return self.guide.conclude(observation)

    def choose(self, view: View) -> tuple[Dispatch, ...]:
        """Return what to dispatch."""
        raise NotImplementedError

    def law(self) -> Scheduling | None:
        """Return the law by which executors are chosen; `None` where the dispatches say it all."""
        return None


class Perfect(_Scripted):
    """Dispatches the right executor, recovers as the gold plan says, and stops when all is done.

    **Arguments:** `together`: all that can be done at once goes out in one turn.
    """

    name = "perfect"

    def __init__(self, instance: Instance, together: bool = False):
        super().__init__(instance)
        self.together = together

    def choose(self, view: View) -> tuple[Dispatch, ...]:
        del view
        ready = self.guide.ready if self.together else self.guide.ready[:1]
        return tuple(self.guide.dispatch(mark, self.guide.right(mark)) for mark in ready)


class Random(_Scripted):
    """Asks anyone on the roster for what comes next in the plan, with equal chances, until all is done."""

    name = "random"

    def __init__(self, instance: Instance, dice: Dice):
        super().__init__(instance)
        self.dice = dice

    def choose(self, view: View) -> tuple[Dispatch, ...]:
        executor = self.dice.pick(view.executors).name
        return tuple(self.guide.dispatch(mark, executor) for mark in self.guide.ready[:1])

    def law(self) -> Scheduling:
        roster = self.guide.instance.roster
        return Scheduling("law", dict.fromkeys(roster, 1.0 / len(roster)))


class Looping(_Scripted):
    """Sends the first request of the plan again and again."""

    name = "looping"

    def choose(self, view: View) -> tuple[Dispatch, ...]:
        first = self.guide.instance.marks[0]
        return (self.guide.dispatch(first, first.executor),)


class EarlyStopping(Perfect):
    """As the perfect one, but gives up after some turns."""

    name = "early_stopping"

    def __init__(self, instance: Instance, turns: int = 2):
        super().__init__(instance)
        self.turns = turns

    def choose(self, view: View) -> tuple[Dispatch, ...]:
        return super().choose(view) if view.turn < self.turns else ()


def scripted(name: str, *, seed: int = 0) -> Maker:
    """Return the maker of a scripted orchestrator: perfect, parallel, random, looping or early_stopping.

    **Arguments:** `seed`: of the random one, whose runs are independent.

    **Raises:** `KeyError` for another name.
    """
    makers: dict[str, Maker] = {
        "perfect": lambda instance, run: Perfect(instance),
        "parallel": lambda instance, run: Perfect(instance, together=True),
        "random": lambda instance, run: Random(instance, Dice(seed, run)),
        "looping": lambda instance, run: Looping(instance),
        "early_stopping": lambda instance, run: EarlyStopping(instance),
    }
    return makers[name]


SCRIPTED = ("perfect", "parallel", "random", "looping", "early_stopping")
"""Names of scripted orchestrators."""
