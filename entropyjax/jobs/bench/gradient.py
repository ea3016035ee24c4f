"""The gradient of a mean-squared error at 32 times with respect to six parameters, trajectory by trajectory."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from entropyjax.jobs.bench import problem
from entropyjax.jobs.bench.grid_events import MODEL, h_at
from entropyjax.jobs.bench.problem import HORIZON, RANGES
from entropyjax.jobs.bench.reference import STEPS
from entropyjax.jobs.bench.scalar import Derived, derive
from entropyjax.jobs.bench.tool import AbstractRun
from entropyjax.jobs.bench.trajectory import h_along
from entropyjax.params import replace
from entropyjax.solve import METHODS, Grid, solve

TIMES = 32
"""Times T/32, 2T/32, ..., T of the observations."""

OBSERVED = 0.3
"""What h is compared with at every time."""

CHUNK = 1024
"""Trajectories that are differentiated together on one device."""


class Gradients(NamedTuple):
    """Loss of every trajectory and its derivatives by the parameters of `RANGES`, in their order."""

    loss: Any
    by_parameter: Any


Entropies = Callable[[Any], Any]
"""A solve: the parameters of one trajectory to its h at the times of the observations."""


def scan_entropies(steps: int, method: str = "rk4", dtype: Any = np.float32) -> Entropies:
    """Return h at the times by this library's scan with `steps` steps in all."""
    grid = Grid(HORIZON, TIMES, steps // TIMES)

    def entropies(params: Any) -> Any:
        found = solve(
            MODEL,
            params,
            grid=grid,
            save=lambda t, state, alive: h_at(state, params),
            method=METHODS.get(method)(),
            dtype=dtype,
        )
        return found.saved[1:]

    return entropies


def loss_of(entropies: Entropies) -> Callable[[dict[str, Any], Any], Any]:
    """Return the loss of one trajectory as a function of its six parameters, and of the others."""

    def loss(six: dict[str, Any], rest: Any) -> Any:
        return jnp.mean((entropies(replace(rest, six)) - OBSERVED) ** 2)

    return loss


def over_devices(function: Callable[[dict[str, Any], Any], Any]) -> Any:
    """Return the function over the trajectories of a batch, shared among the devices of this process."""
    mesh = Mesh(np.asarray(jax.local_devices()), ("device",))
    each, all_ = PartitionSpec("device"), PartitionSpec()
    mapped = jax.shard_map(
        jax.vmap(function, in_axes=(0, None)), mesh=mesh, in_specs=(each, all_), out_specs=each, check_vma=False
    )
    return jax.jit(mapped)


class GradientRun(AbstractRun):
    """Loss and gradient by one tool, chunk after chunk."""

    def __init__(self, entropies: Entropies):
        loss = loss_of(entropies)
        self._forward = over_devices(loss)
        self._gradient = over_devices(jax.value_and_grad(loss))
        self._size = CHUNK * jax.local_device_count()

    def measure(self, count: int) -> dict[str, Any]:
        size = min(self._size, max(count, jax.local_device_count()))
        six, rest = _inputs(size)
        times = {}
        for name, function in (("forward_seconds", self._forward), ("seconds", self._gradient)):
            jax.block_until_ready(function(six, rest))
            began = time.perf_counter()
            for _ in range(-(-count // size)):
                jax.block_until_ready(function(six, rest))
            times[name] = (time.perf_counter() - began) * count / (size * -(-count // size))
        return times

    def lanes(self, count: int) -> Any:
        devices = jax.local_device_count()
        found = Gradients(*self._gradient(*_inputs(-(-count // devices) * devices)))
        columns = np.stack([np.asarray(found.by_parameter[name], np.float64)[:count] for name in RANGES], axis=1)
        return Gradients(np.asarray(found.loss, np.float64)[:count], columns)


def _inputs(count: int, dtype: Any = np.float32) -> tuple[dict[str, Any], Any]:
    params = problem.parameters(0, count, dtype)
    six = {name: getattr(params, name) for name in RANGES}
    return six, replace(params, {name: value[0] for name, value in six.items()})


def reference(workload: str, setting: float, count: int) -> Gradients:
    """Return losses and gradients in float64, by Tsitouras' method with many steps."""
    del workload, setting
    with problem.float64():
        six, rest = _inputs(count, np.float64)
        loss = loss_of(scan_entropies(STEPS, "tsit5", np.float64))
        value, slope = jax.jit(jax.vmap(jax.value_and_grad(loss), in_axes=(0, None)))(six, rest)
        return Gradients(np.asarray(value), np.stack([np.asarray(slope[name]) for name in RANGES], axis=1))


def errors(found: Gradients, exact: Gradients) -> dict[str, Any]:
    """Return the errors of gradients.

    `error` is the root mean square over trajectories and parameters of what differs, over that of the exact
    derivatives by the same parameter; `loss` the root mean square of what differs in the loss.
    """
    size = np.sqrt(np.mean(exact.by_parameter**2, axis=0))
    count = len(found.loss)
    relative = (found.by_parameter - exact.by_parameter[:count]) / size
    return {
        "error": float(np.sqrt(np.mean(relative**2))),
        "loss": float(np.sqrt(np.mean((found.loss - exact.loss[:count]) ** 2))),
    }


def check(exact: Gradients, count: int = 1, part: float = 1e-4) -> dict[str, float]:
    """Return the largest scaled difference of the reference from central differences of DOP853 at 1e-12.

    **Arguments:** `part`: step of the differences, as a share of the parameter; its square bounds their own error.
    """
    params = problem.parameters(0, count, np.float64)
    size = np.sqrt(np.mean(exact.by_parameter**2, axis=0))
    worst = 0.0
    for place, name in enumerate(RANGES):
        value = np.asarray(getattr(params, name), np.float64)
        ends = [_losses(replace(params, {name: value * (1.0 + sign * part)})) for sign in (1.0, -1.0)]
        slope = (ends[0] - ends[1]) / (2.0 * part * value)
        worst = max(worst, float(np.max(np.abs(slope - exact.by_parameter[:count, place]) / size[place])))
    return {"gradient": worst}


def _losses(params: Any) -> np.ndarray:
    times = HORIZON / TIMES * np.arange(1, TIMES + 1)
    rows = derive(params).T
    return np.array([np.mean((h_along(Derived(*map(float, row)), times) - OBSERVED) ** 2) for row in rows])
