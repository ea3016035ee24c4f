"""The contract of an orchestrator under test: plan mode and reflexion mode."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from entropyjax.iwg.board import Board
from entropyjax.iwg.history import History
from entropyjax.iwg.instance import Executor, Instance
from entropyjax.iwg.trajectory import Dispatch, Observation, Plan, Reflexion


class View(NamedTuple):
    """What an orchestrator sees when its turn comes.

    `context` counts the tokens that lie before it: the static prompt, the roster, and the history.
    """

    query: str
    executors: tuple[Executor, ...]
    history: History
    board: Board
    turn: int
    turns: int
    context: int


class Orchestrator(Protocol):
    """One that is run on one instance, once.

    The methods are coroutines, so that chat models can be waited for; those that never wait run without an event loop.
    """

    name: str

    async def plan(self, view: View) -> Plan:
        """Return what to dispatch, or nothing and the answer."""
        ...

    async def reflect(self, view: View, dispatch: Dispatch, observation: Observation) -> Reflexion:
        """Return what to conclude from an answer; only its `output` is for orchestrators that are tested."""
        ...


Maker = Callable[[Instance, int], Orchestrator]
"""Called as make(instance, run): an orchestrator for run number `run`."""
