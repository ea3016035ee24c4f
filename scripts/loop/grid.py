"""The experiment: cells of executors, windows and effort, and the parameters of the agents that run there."""

import itertools
from typing import Any, NamedTuple

import entropyjax as ej

TURNS = 60
DEPTH = 20
CRITERIA = ej.Criteria(dwell=0.0)
"""As in sweeps, but any stay at h >= theta is a collapse: a log ends with a run, and does not say how long it stays."""
TRUTH = {"evidence": 4.0, "effective_fraction": 0.5, "initial_focus": 4.0, "reasoning_gain": 0.6, "focus_rate": 1.0}


class Cell(NamedTuple):
    """A condition: executors, window in ktok, reasoning in ktok/step, and whether the fit is to see it."""

    executors: int
    window: float
    effort: float
    held: bool

    @property
    def name(self) -> str:
        return f"N{self.executors} W{self.window:g} r{self.effort:g}"


class Size(NamedTuple):
    """How large the experiment is.

    **Attributes:**

    - `instances`: for each N; each cell runs those of its N once.
    - `executors`, `windows`, `efforts`: the grid.
    - `between`: further windows, at the middle effort, where the boundary is looked for in the runs.
    - `trap`: N, windows and efforts at which the Reasoning Trap is looked for.
    - `draws`, `replicates`: of the posterior, and runs of the model for each.
    """

    instances: int
    executors: tuple[int, ...]
    windows: tuple[float, ...]
    efforts: tuple[float, ...]
    between: tuple[float, ...]
    trap: tuple[int, tuple[float, ...], tuple[float, ...]]
    draws: int
    replicates: int

    @property
    def effort(self) -> float:
        """The effort at which the boundary over N and W is looked for."""
        return self.efforts[len(self.efforts) // 2]


FULL = Size(
    instances=100,
    executors=(4, 8, 16, 24, 32),
    windows=(32.0, 45.0, 64.0, 91.0, 128.0, 181.0, 256.0),
    efforts=(0.25, 1.0, 4.0),
    between=(38.0, 54.0, 76.0, 108.0, 152.0, 215.0),
    trap=(16, (128.0, 181.0), (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)),
    draws=100,
    replicates=200,
)
QUICK = Size(
    instances=20,
    executors=(4, 16, 32),
    windows=(64.0, 128.0, 256.0),
    efforts=(0.25, 1.0, 4.0),
    between=(),
    trap=(16, (128.0,), (0.0, 1.0, 8.0)),
    draws=20,
    replicates=64,
)


def cells(size: Size) -> list[Cell]:
    """Return the grid, of which each third cell is held out, and further cells, all of them held out."""
    places = [enumerate(values) for values in (size.executors, size.windows, size.efforts)]
    grid = [Cell(n, w, r, (i + j + k) % 3 == 1) for (i, n), (j, w), (k, r) in itertools.product(*map(list, places))]
    agents, windows, efforts = size.trap
    more = [(n, w, size.effort) for n in size.executors for w in size.between]
    more += [(agents, w, r) for w in windows for r in efforts]
    known = {one[:3] for one in grid}
    return grid + [Cell(*one, True) for one in dict.fromkeys(more) if one not in known]


def resolution_rate(depth: int = DEPTH, tolerance: float = 0.01) -> float:
    """Return kappa at which the right dispatch number `depth`, and none before it, takes s past 1 - s_tol.

    It does so early in its step, as events lie on straight lines between steps and a run ends when it is dispatched.
    """
    return 1.0 - tolerance ** (1.0 / (depth - 0.98))


def truth(cell: Cell) -> Any:
    """Return the parameters of a cell's agents."""
    given = {"n_agents": cell.executors, "context_window": cell.window, "reasoning_tokens": cell.effort}
    return ej.Star().params(resolution_rate=resolution_rate(), **TRUTH, **given)
