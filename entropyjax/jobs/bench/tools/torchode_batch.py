"""torchode: adaptive steps with an own step size for every trajectory of a PyTorch batch."""

import importlib
import importlib.util
import time
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from entropyjax.jobs.bench.grid_events import h_at, smooth_events
from entropyjax.jobs.bench.problem import HORIZON, Lanes, constants, parameters
from entropyjax.jobs.bench.scalar import Derived, derive
from entropyjax.jobs.bench.summary import combine, summarise
from entropyjax.jobs.bench.tool import AbstractRun, AbstractTool, register
from entropyjax.models.orchestrator import OrchestratorState

CHUNK = 4096
GRID = 128
_ROW = {name: place for place, name in enumerate(Derived._fields)}


class TorchodeRun(AbstractRun):
    """Tsit5 on batches of trajectories, evaluated on a grid; the events are found there by the package."""

    def __init__(self, rtol: float, threads: int):
        self._torch: Any = importlib.import_module("torch")
        to: Any = importlib.import_module("torchode")
        self._torch.set_num_threads(threads)
        term = to.ODETerm(self._slope, with_args=True)
        self._solver = to.AutoDiffAdjoint(to.Tsit5(term), to.IntegralController(0.1 * rtol, rtol, term=term))
        self._problem = to.InitialValueProblem
        self._locate = jax.jit(_locate)

    def measure(self, count: int) -> dict[str, Any]:
        chunks = [(first, min(CHUNK, count - first)) for first in range(0, count, CHUNK)]
        for size in {size for _, size in chunks}:
            self._solve(*_inputs(0, size))
        seconds, parts = 0.0, []
        for first, size in chunks:
            inputs = _inputs(first, size)
            began = time.perf_counter()
            h, _, events, outcome = self._solve(*inputs)
            parts.append(summarise(h, events.collapse_time, outcome))
            seconds += time.perf_counter() - began
        return {"seconds": seconds, "summary": combine(parts)}

    def lanes(self, count: int) -> Lanes:
        _, final, events, outcome = self._solve(*_inputs(0, count))
        times = (events.focus_time, events.collapse_time, events.resolution_time, events.horizon_time)
        return Lanes._make([*(np.asarray(leaf, np.float64) for leaf in (*final, *times)), np.asarray(outcome)])

    def _solve(self, params: Any, rows: np.ndarray) -> Any:
        torch, p = self._torch, constants()
        count = rows.shape[1]
        start = torch.tensor([p.initial_focus, p.initial_progress, p.initial_context], dtype=torch.float32)
        times = torch.linspace(0.0, HORIZON, GRID + 1).repeat(count, 1)
        with torch.no_grad():
            problem = self._problem(y0=start.repeat(count, 1), t_eval=times)
            found = self._solver.solve(problem, args=torch.from_numpy(rows))
        # Trajectories last, a component first, as the states of the model are.
        states = OrchestratorState(*np.moveaxis(found.ys.numpy(), -1, 0))
        return jax.tree.map(np.asarray, self._locate(params, states))

    def _slope(self, t: Any, y: Any, d: Any) -> Any:
        torch = self._torch
        x, s, c = y[:, 0], y[:, 1], y[:, 2]
        advantage = x - d[_ROW["log_rivals"]]
        odds = torch.exp(-advantage.abs())
        more = 1.0 / (1.0 + odds)
        less = odds * more
        ahead = advantage >= 0.0
        wrong, right = torch.where(ahead, less, more), torch.where(ahead, more, less)
        entropy = torch.log1p(odds) + advantage.abs() * less + wrong * d[_ROW["log_rivals"]]
        fill = (d[_ROW["static"]] + c) / d[_ROW["capacity"]]
        attention = torch.sigmoid(-d[_ROW["order"]] * torch.log(fill.clamp_min(1e-38)))
        target = (d[_ROW["evidence"]] + d[_ROW["gain"]] * s) * attention
        forgetting = d[_ROW["compaction"]] + d[_ROW["reflexion"]] * entropy / d[_ROW["log_executors"]]
        return torch.stack(
            (
                d[_ROW["rate"]] * (target - x),
                d[_ROW["kappa"]] * right * (1.0 - s),
                d[_ROW["inflow"]] + d[_ROW["error"]] * wrong - forgetting * c,
            ),
            dim=1,
        )


def _inputs(first: int, count: int) -> tuple[Any, np.ndarray]:
    params = parameters(first, count)
    return params, np.ascontiguousarray(derive(params).astype(np.float32))


def _locate(params: Any, states: Any) -> Any:
    times = jnp.linspace(0.0, HORIZON, GRID + 1, dtype=jnp.float32)

    def lane(params: Any, states: Any) -> Any:
        final = jax.tree.map(lambda leaf: leaf[-1], states)
        events, outcome = smooth_events(times, states, params, jnp.float32(HORIZON))
        return h_at(final, params), final, events, outcome

    axes = jax.tree.map(lambda leaf: 0 if jnp.ndim(leaf) else None, params)
    return jax.vmap(lane, in_axes=(axes, 0))(params, states)


@register("torchode")
class Torchode(AbstractTool):
    """torchode, if it and PyTorch are installed."""

    title = "torchode"
    workloads: ClassVar = {
        "adaptive": "Tsit5 and an integral controller on batches of 4096; Hermite cubics on a grid of 129 for events."
    }

    def missing(self) -> str | None:
        absent = [name for name in ("torch", "torchode") if importlib.util.find_spec(name) is None]
        return f"{' and '.join(absent)} {'is' if len(absent) == 1 else 'are'} not installed" if absent else None

    def prepare(self, workload: str, setting: float, threads: int) -> AbstractRun:
        del workload
        return TorchodeRun(setting, threads)
