"""Files of instances and of runs."""

import os
from collections.abc import Callable
from typing import TypeVar

from entropyjax.io.lines import read_lines
from entropyjax.iwg import WorkflowError, decode

T = TypeVar("T")

Progress = Callable[[int, int, str], None]
"""Called as progress(done, total, what)."""


def read_objects(kind: type[T], path: str | os.PathLike) -> list[T]:
    """Return the instances, the trajectories, or whatever else a file has one of a line.

    **Raises:** `WorkflowError` with file and line if one cannot be read or the file has none.
    """
    found = []
    for number, line in read_lines(path):
        try:
            found.append(decode(kind, line))
        except WorkflowError as error:
            raise WorkflowError(f"{path}:{number}: {error}") from None
    if not found:
        raise WorkflowError(f"{path} holds no {kind.__name__.lower()}; generate some, or check the path.")
    return found
