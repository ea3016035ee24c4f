"""A tool as the comparison sees it, wherever it runs: here, the process of one tool."""

import json
import os
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from entropyjax.jobs.bench.gradient import Gradients
from entropyjax.jobs.bench.problem import Lanes
from entropyjax.jobs.bench.tool import TOOLS, Unsupported


class Contestant(Protocol):
    """What the comparison asks of a tool for one workload; each may raise `Unsupported` with a sentence."""

    name: str
    settings: tuple[float, ...]

    def prepare(self, setting: float) -> dict[str, Any]:
        """Make a setting ready; return `first_result_s` and `compile_s`."""
        ...

    def measure(self, setting: float, count: int) -> dict[str, Any]:
        """Run `count` trajectories; return `seconds`, `peak_mib` and the rest."""
        ...

    def lanes(self, setting: float, count: int) -> Any:
        """Return what single trajectories gave."""
        ...

    def facts(self, setting: float) -> dict[str, Any]:
        """Return what is worth knowing of a setting."""
        ...


class ToolProcess:
    """A tool in a process of its own, for one workload; a context manager that ends the process.

    **Arguments:** `patience`: most seconds to wait for an answer; `first`: trajectories of the first run; `command`:
    the program that answers, by default `worker.py`.
    """

    def __init__(
        self,
        name: str,
        workload: str,
        threads: int,
        patience: float,
        first: int,
        command: Sequence[str] = (sys.executable, "-m", "entropyjax.jobs.bench.worker"),
    ):
        self.name, self._workload, self._patience, self._first = name, workload, patience, first
        tool = TOOLS.get(name)()
        self.settings = tool.settings_of(workload)
        # On a GPU each process would take most of the memory at once.
        own = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
        environment = {**own, **os.environ, **tool.environment(threads)}
        self._log = tempfile.TemporaryFile()  # noqa: SIM115, closed with the process
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [*command, name, str(threads)],
            stdin=pipe,
            stdout=pipe,
            stderr=self._log,
            env=environment,
            text=True,
            bufsize=1,
        )

    def __enter__(self) -> "ToolProcess":
        return self

    def __exit__(self, *error: object) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout:
            self._process.stdout.close()
        self._log.close()

    def prepare(self, setting: float) -> dict[str, Any]:
        return self._call("prepare", setting, first=self._first)

    def measure(self, setting: float, count: int) -> dict[str, Any]:
        return self._call("measure", setting, count=count)

    def lanes(self, setting: float, count: int) -> Lanes | Gradients:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "lanes.npz"
            self._call("lanes", setting, count=count, file=str(file))
            with np.load(file) as found:
                return Gradients(**found) if set(found) == set(Gradients._fields) else Lanes(**found)

    def facts(self, setting: float) -> dict[str, Any]:
        return self._call("facts", setting)

    def _call(self, call: str, setting: float, **arguments: Any) -> dict[str, Any]:
        whole = {"call": call, "arguments": {"workload": self._workload, "setting": setting, **arguments}}
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(whole) + "\n")
            self._process.stdin.flush()
            line = self._read()
        except BrokenPipeError:
            line = ""
        if not line:
            raise Unsupported(f"Its process ended: {self._last_words()}")
        answer = json.loads(line)
        if "unsupported" in answer:
            raise Unsupported(answer["unsupported"])
        return answer["answer"]

    def _read(self) -> str:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(self._patience):
                self._process.kill()
                raise Unsupported(f"It did not answer within {self._patience:.0f} s and was ended.")
        return self._process.stdout.readline()

    def _last_words(self) -> str:
        """Return the last line that the process wrote to standard error."""
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return lines[-1][:300] if lines else f"exit code {self._process.wait()}."
