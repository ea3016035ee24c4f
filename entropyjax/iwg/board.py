"""The orchestrator's task board: a graph of tasks that it adds and modifies."""

import dataclasses
from collections.abc import Iterable, Mapping

from entropyjax.iwg.trajectory import BoardUpdate, Status


@dataclasses.dataclass(frozen=True)
class Task:
    """A task on the board."""

    dependencies: tuple[str, ...] = ()
    status: Status = "pending"
    summary: str = ""


@dataclasses.dataclass(frozen=True)
class Board:
    """Tasks by name; never changed, replaced."""

    tasks: Mapping[str, Task] = dataclasses.field(default_factory=dict)

    def updated(self, updates: Iterable[BoardUpdate]) -> tuple["Board", tuple[str, ...]]:
        """Return the board after updates, and a sentence for each that could not be made and was left out."""
        tasks, problems = dict(self.tasks), []
        for update in updates:
            problem = _problem(tasks, update)
            if problem:
                problems.append(problem)
            else:
                old = tasks.get(update.task, Task())
                dependencies = update.dependencies or old.dependencies
                tasks[update.task] = Task(dependencies, update.status, update.summary or old.summary)
        return Board(tasks), tuple(problems)

    def __str__(self) -> str:
        return "\n".join(_line(name, one) for name, one in self.tasks.items()) or "(empty)"


def _line(name: str, task: Task) -> str:
    after = f", after {', '.join(task.dependencies)}" if task.dependencies else ""
    result = f", result: {task.summary}" if task.summary else ""
    return f"- {name}: {task.status}{after}{result}"


def _problem(tasks: Mapping[str, Task], update: BoardUpdate) -> str:
    if not update.task:
        return "An update names no task."
    if update.action == "ADD" and update.task in tasks:
        return f"ADD of the task '{update.task}', which is there already."
    if update.action == "MODIFY" and update.task not in tasks:
        return f"MODIFY of the task '{update.task}', which is not there."
    missing = [one for one in update.dependencies if one not in tasks]
    if missing:
        return f"The task '{update.task}' depends on '{missing[0]}', which is not there."
    if _reaches(tasks, update.dependencies, update.task):
        return f"The task '{update.task}' would depend on itself."
    return ""


def _reaches(tasks: Mapping[str, Task], starts: Iterable[str], goal: str) -> bool:
    todo, seen = list(starts), set[str]()
    while todo:
        name = todo.pop()
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            todo += tasks[name].dependencies
    return False
