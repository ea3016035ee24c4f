"""Evaluation of a lane's jaxpr for a vector of lanes, inside a kernel."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from entropyjax.solve.native.interpret import Interpreter, Rows, Rules, nodes, shaped
from entropyjax.solve.pallas.vectors import Value, Vectors
from entropyjax.solve.unsupported import Unsupported

Save = Callable[[int, Any, list[Any]], None]
"""Called as save(number of the loop, row, values) in every round of a loop over save times."""


class Column:
    """What stands for the rows of a value that a loop gives in every round: they were added up there and then.

    **Attributes:** `loop`: number of the loop; `place`: that of the value; `dtype`: its type.
    """

    def __init__(self, loop: int, place: int, dtype: np.dtype):
        self.loop, self.place, self.dtype = loop, place, dtype


class LaneInterpreter(Interpreter):
    """Evaluates a lane's jaxpr for a vector of lanes, inside a kernel.

    **Attributes:** `graph`: builder of its values; `save`: what is done with the rows of a loop; `loops`: loops that
    save, so far; `depth`: loops around what is being evaluated.
    """

    graph: Any

    def __init__(self, lanes: int, rules: Rules):
        graph: Any = Vectors(lanes)
        super().__init__(graph, rules)
        self.save: Save = lambda number, row, values: None
        self.loops = self.depth = 0

    def rounds(
        self, init: list[Any], varying: Sequence[bool], body: Callable[..., list[Any]], loop: Callable[..., Any]
    ) -> list[Any]:
        """Return the last values of a loop.

        **Arguments:** `init`: the values carried in; `varying`: whether lanes differ in each; `body`: called with what
        `loop` gives ahead of the carried arrays, and the carried values; `loop`: called as loop(step, arrays).
        """
        flags = [flag for value, flag in zip(init, varying, strict=True) for _ in nodes(value)]

        def arrays(values: list[Any]) -> tuple[Any, ...]:
            flat = [node for value in values for node in nodes(value)]
            return tuple(self.graph.carried(node, flag) for node, flag in zip(flat, flags, strict=True))

        def step(*args: Any) -> tuple[Any, ...]:
            with self.nested():
                return arrays(body(*args[:-1], wrapped(init, args[-1])))

        return wrapped(init, loop(step, arrays(init)))

    @contextmanager
    def nested(self) -> Iterator[None]:
        """Evaluate inside a loop or a branch, where no rows are saved."""
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1


def wrapped(like: list[Any], arrays: Sequence[Any]) -> list[Any]:
    """Return the arrays that a loop carries as values shaped as those in `like`."""
    flat: list[Any] = [Value(array) for array in arrays]
    return shaped(like, flat)


def differs(value: Any) -> bool:
    """Return whether lanes may differ in some element of a value.

    **Raises:** `Unsupported` for saved rows.
    """
    if isinstance(value, Rows):
        raise Unsupported("it computes with the saved rows of a lane")
    return any(node.varying for node in nodes(value))
