"""A progress bar on standard error with rate and time left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def bar(visible: bool, unit: str = "trajectories") -> Iterator[Callable[[int, int, str], None]]:
    """Give a callback progress(done, total, what) that draws a bar if `visible`; what is counted is in `unit`."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Count(ProgressColumn):
        """What is done, of all."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.completed:,.0f}/{task.total:,.0f} {unit}".rstrip() if task.total else "")

    class Rate(ProgressColumn):
        """How much of it in a second."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.speed:,.0f}/s" if task.speed else "")

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        Count(),
        Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not visible, speed_estimate_period=60) as progress:
        task = progress.add_task("starting", total=None)

        def update(done: int, total: int, what: str) -> None:
            progress.update(task, completed=done, total=total, description=what)

        yield update
