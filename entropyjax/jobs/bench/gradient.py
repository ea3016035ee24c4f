"""The gradient of a mean-squared error at 32 times by six values that all trajectories of an ensemble share."""

import abc
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from entropyjax.calibrate.measure import load_calibration
from entropyjax.ensemble import Ensemble, EnsembleError, Observed, ensemble_mean
from entropyjax.jobs.bench import problem
from entropyjax.jobs.bench.grid_events import MODEL, h_at
from entropyjax.jobs.bench.problem import HORIZON, RANGES
from entropyjax.jobs.bench.reference import STEPS
from entropyjax.jobs.bench.scalar import Derived, derive
from entropyjax.jobs.bench.tool import AbstractRun, Unsupported
from entropyjax.jobs.bench.trajectory import h_along
from entropyjax.models import Star
from entropyjax.models.base import Observable
from entropyjax.params import cast, replace
from entropyjax.solve import METHODS, Grid, solve

TIMES = 32
"""Times T/32, 2T/32, ..., T of the observations."""

OBSERVED = 0.3
"""What h is compared with at every time."""

CHUNK = 2048
"""Trajectories that a tool without ensembles differentiates together: of 256 to 4096 the fastest for diffrax."""

LOWS = {name: low for name, (low, _) in RANGES.items()}
"""The six values: where the range of each drawn parameter begins; p = low + u (high - low)."""


class Gradients(NamedTuple):
    """The loss of an ensemble and its derivatives by `LOWS`, in their order."""

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


def loss_of(entropies: Entropies) -> Callable[[Mapping[str, Any], Any, Any], Any]:
    """Return the loss over a batch as a function of `LOWS`, the places u of its draws, and the other parameters."""

    def loss(lows: Mapping[str, Any], places: Mapping[str, Any], rest: Any) -> Any:
        def one(places: Mapping[str, Any]) -> Any:
            six = {name: lows[name] + place * (RANGES[name][1] - lows[name]) for name, place in places.items()}
            return jnp.mean((entropies(replace(rest, six)) - OBSERVED) ** 2)

        return jnp.mean(jax.vmap(one)(places))

    return loss


class AbstractGradientRun(AbstractRun):
    """Loss and gradient by one tool; a subclass says how each is worked out for a number of trajectories."""

    @abc.abstractmethod
    def ready(self, count: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
        """Return the functions of nothing that give the loss of `count` trajectories, and loss and gradient."""

    def measure(self, count: int) -> dict[str, Any]:
        times = {}
        for name, function in zip(("forward_seconds", "seconds"), self.ready(count), strict=True):
            jax.block_until_ready(function())
            began = time.perf_counter()
            jax.block_until_ready(function())
            times[name] = time.perf_counter() - began
        return times

    def lanes(self, count: int) -> Any:
        loss, slopes = self.ready(count)[1]()
        return Gradients(np.asarray(loss, np.float64), np.asarray([slopes[name] for name in LOWS], np.float64))


class GradientRun(AbstractGradientRun):
    """A tool that solves single trajectories: batches under `vmap`, given to the devices of this process in turn."""

    def __init__(self, entropies: Entropies):
        loss = loss_of(entropies)
        self._loss, self._gradient = jax.jit(loss), jax.jit(jax.value_and_grad(loss))
        self._batches: dict[int, list[tuple[int, Any]]] = {}

    def ready(self, count: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
        if count not in self._batches:
            devices = jax.local_devices()
            size = min(CHUNK, -(-count // len(devices)))
            parts = [(first, min(size, count - first)) for first in range(0, count, size)]
            self._batches[count] = [
                (number, jax.device_put((_lows(), *_inputs(first, number)), devices[place % len(devices)]))
                for place, (first, number) in enumerate(parts)
            ]
        batches = self._batches[count]

        def mean(function: Any) -> Any:
            # All are started before one is waited for.
            found = [(number, function(*batch)) for number, batch in batches]
            return jax.tree.map(
                lambda *parts: sum(
                    float(part) * number / count for part, (number, _) in zip(parts, found, strict=True)
                ),
                *(result for _, result in found),
            )

        return lambda: mean(self._loss), lambda: mean(self._gradient)


class Fitted(Star):
    """The star, whose squared difference from the observations is one of its observables."""

    observables: ClassVar = {
        **Star.observables,
        "misfit": Observable("e", "-", "Squared misfit of h.", lambda m, y, p: (h_at(y, p) - OBSERVED) ** 2),
    }


class EnsembleGradientRun(AbstractGradientRun):
    """`ensemble_mean` on one path; the parameters are drawn within the clock."""

    def __init__(self, steps: int, path: str):
        self._steps, self._path = steps, path
        self._ready: dict[int, tuple[Callable[[], Any], Callable[[], Any]]] = {}
        try:
            jax.eval_shape(self.ready(1)[1])
        except EnsembleError as error:
            raise Unsupported(str(error)) from error

    def ready(self, count: int) -> tuple[Callable[[], Any], Callable[[], Any]]:
        if count not in self._ready:
            self._ready[count] = self._programs(self._ensemble(count))
        return self._ready[count]

    def _ensemble(self, count: int) -> Ensemble:
        grid = cast(Grid(HORIZON, TIMES, self._steps // TIMES), np.dtype(np.float32))
        method = METHODS.get("rk4")()
        return problem.ensemble(method, self._steps, count, np.float32, model=Fitted(), grid=grid, observables=())

    def _programs(self, ensemble: Ensemble) -> tuple[Callable[[], Any], Callable[[], Any]]:
        calibration = load_calibration()

        def loss(lows: Mapping[str, Any]) -> Any:
            values = {f"{name}.low": low for name, low in lows.items()}
            found = ensemble_mean(ensemble, Observed("misfit"), values, path=self._path, calibration=calibration)
            return jnp.mean(found.mean[1:])

        forward, gradient = jax.jit(loss), jax.jit(jax.value_and_grad(loss))
        return lambda: forward(_lows()), lambda: gradient(_lows())


def _lows(dtype: Any = np.float32) -> dict[str, Any]:
    return {name: np.asarray(low, dtype) for name, low in LOWS.items()}


def _inputs(first: int, count: int, dtype: Any = np.float32) -> tuple[dict[str, Any], Any]:
    """Return the places of the draws in their ranges, and the parameters that all trajectories share."""
    params = problem.parameters(first, count, dtype)
    places = {name: (getattr(params, name) - low) / (high - low) for name, (low, high) in RANGES.items()}
    return places, replace(params, {name: dtype(low) for name, low in LOWS.items()})


def reference(workload: str, setting: float, count: int) -> Gradients:
    """Return loss and gradient in float64, by Tsitouras' method with many steps."""
    del workload, setting
    with problem.float64():
        loss = loss_of(scan_entropies(STEPS, "tsit5", np.float64))
        value, slope = jax.jit(jax.value_and_grad(loss))(_lows(np.float64), *_inputs(0, count, np.float64))
        return Gradients(np.asarray(value), np.asarray([slope[name] for name in LOWS]))


def errors(found: Gradients, exact: Gradients) -> dict[str, Any]:
    """Return the errors of a gradient.

    `error` is the norm of what differs over that of the exact gradient, both by relative changes of the values;
    `loss` is what differs in the loss.
    """
    lows = np.array(list(LOWS.values()))
    size = np.linalg.norm(exact.by_parameter * lows)
    differs = np.linalg.norm((found.by_parameter - exact.by_parameter) * lows)
    return {"error": float(differs / size), "loss": float(abs(found.loss - exact.loss))}


def check(count: int = 1, part: float = 1e-4) -> dict[str, float]:
    """Return the error of the reference over the first trajectories against central differences of DOP853 at 1e-12.

    **Arguments:** `count`: how many; `part`: step of the differences, as a share of the value; its square bounds their
    own error.
    """
    params = problem.parameters(0, count, np.float64)
    slopes = []
    for name, (low, high) in RANGES.items():
        drawn = np.asarray(getattr(params, name), np.float64)
        move = part * low * (high - drawn) / (high - low)
        up, down = (_loss(replace(params, {name: drawn + sign * move})) for sign in (1.0, -1.0))
        slopes.append((up - down) / (2.0 * part * low))
    differences = Gradients(_loss(params), np.array(slopes))
    return {"gradient": errors(reference("gradient", 0.0, count), differences)["error"]}


def _loss(params: Any) -> float:
    times = HORIZON / TIMES * np.arange(1, TIMES + 1)
    rows = derive(params).T
    return float(np.mean([(h_along(Derived(*map(float, row)), times) - OBSERVED) ** 2 for row in rows]))
