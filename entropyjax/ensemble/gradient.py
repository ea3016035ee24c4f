"""Means over an ensemble as differentiable functions of values that its trajectories share."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from entropyjax.ensemble.differentials import MeansRequest, level_name
from entropyjax.ensemble.passes import Options, forward, reverse
from entropyjax.ensemble.plan import DEFAULTS
from entropyjax.ensemble.quantities import AbstractQuantity, is_quantity
from entropyjax.ensemble.request import Ensemble, EnsembleError
from entropyjax.ensemble.values import check_values
from entropyjax.params import cast
from entropyjax.records import Calibration
from entropyjax.solve import METHODS, native
from entropyjax.solve.scan import AbstractFixedStep

MODES = ("auto", "forward", "reverse")

MANY = 16
"""More values than this are differentiated in reverse where no native kernel serves."""

SCAN_LANES = 256
"""Lanes that advance together in the scan on a CPU."""

REVERSE_BYTES = 2**28
"""Memory for the states that the scan keeps to go back over."""


class Mean(NamedTuple):
    """The mean of a quantity in each cell.

    Arrays have a leading axis of cells if anything is swept, then one of levels if a `Below` has several, and
    last the K+1 save times for a quantity along trajectories.

    **Attributes:**

    - `mean`: the mean, differentiable; 0 where there was nothing to average.
    - `count`: trajectories that entered it: those that had not failed, and had the event.
    - `error`: standard error of the mean, without derivative.
    - `failures`: trajectories of the cell that failed.
    """

    mean: Any
    count: Any
    error: Any
    failures: Any


def ensemble_mean(
    ensemble: Ensemble,
    quantity: Any,
    values: Mapping[str, Any] | None = None,
    *,
    mode: str = "auto",
    path: str = "auto",
    lanes: int | None = None,
    calibration: Calibration = DEFAULTS,
    cache: Any = None,
) -> Any:
    """Return the mean of a quantity over the trajectories of each cell, differentiable with respect to `values`.

    The derivative is that of each trajectory at its own random numbers, averaged; trajectories that fail enter neither
    mean nor derivative from there on. Memory does not grow with the number of trajectories, but by 5 bytes for each in
    reverse mode. It may be called inside `jax.jit`, `jax.grad`, `jax.jvp`, `jax.vmap` (over the values) and
    `jax.hessian`; second derivatives take the scan.

    **Arguments:**

    - `quantity`: an `Observed`, a `TimeOf`, a `Below`, or a pytree of them, all of which one pass serves.
    - `values`: numbers that take the place of the ensemble's, by name: parameters (`evidence`), what describes a
      distribution (`evidence.mean`) and criteria (`collapse_threshold`).
    - `mode`: `forward` carries one derivative for each value along, `reverse` goes back over the scan, whose steps and
      chunks are computed again; `auto` takes the former unless there are many values and no native kernel.
    - `path`: solver path, as for `make_plan`; `reverse` is always the scan.
    - `lanes`: lanes that advance together, instead of a default.
    - `calibration`: what is known of the device; `cache`: where native kernels are kept between processes.

    **Returns:** a `Mean`, or the pytree of them.

    **Raises:** `EnsembleError` or `ParameterError` for a request that has no answer, and says what to change.
    """
    values = {} if values is None else values
    wanted, tree = jax.tree.flatten(quantity, is_leaf=is_quantity)
    _check(ensemble, wanted, values, mode)
    request = _request(ensemble, wanted, values)
    columns = _columns(ensemble, request)
    mode = _mode(ensemble, mode, path, len(values))
    lanes = _lanes(request, mode, calibration) if lanes is None else lanes
    options = Options(mode, path, lanes, calibration, cache)
    numbers = tuple(jnp.asarray(value, request.dtype) for value in values.values())
    sums = (reverse if mode == "reverse" else forward)(request, columns, options, numbers)
    swept = bool(ensemble.cells or ensemble.cell_criteria)
    return jax.tree.unflatten(tree, _means(request, sums, swept))


def _columns(ensemble: Ensemble, request: MeansRequest) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what differs between cells by name: values with levels, and criteria."""
    values, criteria = (
        {name: np.asarray(column, request.dtype) for name, column in swept.items()}
        for swept in (ensemble.cells, ensemble.cell_criteria)
    )
    for place in request.by_cell:
        quantity: Any = request.quantities[place]
        values |= {level_name(place, number): column for number, column in enumerate(quantity.cell_levels())}
    return values, criteria


def _check(ensemble: Ensemble, wanted: list[Any], values: Mapping[str, Any], mode: str) -> None:
    ensemble.check()
    if ensemble.cell_numbers is not None:
        raise EnsembleError("A derivative takes cells in their order; leave cell_numbers out.")
    if ensemble.method.dynamics == "agents":
        raise EnsembleError(
            "Agents choose between whole alternatives, so their means have no derivative along trajectories; use an "
            "SDE method such as ri6."
        )
    for quantity in wanted:
        if not isinstance(quantity, AbstractQuantity):
            raise EnsembleError(f"{quantity!r} is not a quantity; choose Observed, TimeOf or Below.")
        quantity.check(ensemble)
    check_values(ensemble, values)
    if mode not in MODES:
        raise EnsembleError(f"'{mode}' is not a mode of differentiation; choose one of {', '.join(MODES)}.")
    if mode == "reverse" and not isinstance(ensemble.method, AbstractFixedStep):
        raise EnsembleError(
            f"Method {METHODS.name_of(ensemble.method)} adapts its steps and cannot be gone back over; choose mode "
            "'forward', or a fixed-step method such as tsit5."
        )


def _request(ensemble: Ensemble, wanted: list[AbstractQuantity], values: Mapping[str, Any]) -> MeansRequest:
    """Return the request; whatever is not in `values` is a constant of the derivative."""
    dtype = ensemble.dtype
    fields = {field.name: getattr(ensemble, field.name) for field in dataclasses.fields(Ensemble)}
    for name in ("grid", "constants", "criteria", "population"):
        fields[name] = cast(fields[name], dtype)
    fields |= {"cells": {}, "cell_criteria": {}, "stride": ensemble.index_stride, "observables": ()}
    quantities = cast(tuple(wanted), dtype)
    by_cell = frozenset(place for place, quantity in enumerate(quantities) if quantity.by_cell)
    request = MeansRequest(**fields, quantities=quantities, by_cell=by_cell, names=tuple(values))
    arrays, static = eqx.partition(request, eqx.is_array)
    return eqx.combine(lax.stop_gradient(arrays), static)


def _mode(ensemble: Ensemble, mode: str, path: str, count: int) -> str:
    if mode != "auto":
        return mode
    kernels = path != "scan" and jax.default_backend() == "cpu" and native.unavailable() is None
    many = count > MANY and not (kernels and ensemble.method.native)
    return "reverse" if many and isinstance(ensemble.method, AbstractFixedStep) else "forward"


def _lanes(request: MeansRequest, mode: str, calibration: Calibration) -> int:
    """Return how many lanes the scan advances together."""
    lanes = SCAN_LANES if jax.default_backend() == "cpu" else calibration.accelerator_lanes
    if mode != "reverse":
        return lanes
    state = jax.eval_shape(lambda: request.model.initial_state(request.constants))
    size = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(state))
    # A step keeps the state, the slope and the record of events.
    kept = request.grid.total_steps * (2 * size + 32) * np.dtype(request.dtype).itemsize
    return max(16, min(lanes, REVERSE_BYTES // kept))


def _means(request: MeansRequest, sums: list[Any], swept: bool) -> list[Mean]:
    """Return the result for each quantity from the mean, count and error of all samples in order."""
    if not swept:
        sums = jax.tree.map(lambda leaf: leaf[0], sums)
    *rest, last = sums
    failures = request.replicates - last[1]
    out = []
    for quantity in request.quantities:
        mine, rest = rest[: quantity.terms], rest[quantity.terms :]
        mean, count, error = (quantity.shaped(list(column)) for column in zip(*mine, strict=True))
        out.append(Mean(mean, count, error, failures))
    return out
