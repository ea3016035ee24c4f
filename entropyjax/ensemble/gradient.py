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

from entropyjax.ensemble.chunks import Cut, Part, Sums, cut, sum_cells
from entropyjax.ensemble.differentials import MEANS, MeansRequest
from entropyjax.ensemble.paths import choose_path, run_kernels
from entropyjax.ensemble.plan import BLOCK, DEFAULTS
from entropyjax.ensemble.quantities import AbstractQuantity, is_quantity
from entropyjax.ensemble.request import Ensemble, EnsembleError
from entropyjax.ensemble.values import check_values
from entropyjax.params import cast
from entropyjax.records import Calibration
from entropyjax.solve import METHODS, native
from entropyjax.solve.guard import guarded
from entropyjax.solve.scan import AbstractFixedStep

MODES = ("auto", "forward", "reverse")

DIRECTIONS = 8
"""Most derivatives that one forward pass carries along; more values take several passes."""

MANY = 16
"""More values than this are differentiated in reverse where no native kernel serves."""

SCAN_LANES = 512
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


@dataclasses.dataclass(frozen=True)
class _Options:
    mode: str
    path: str
    lanes: int
    calibration: Calibration
    cache: Any


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
    mean nor derivative from there on. Memory does not grow with the number of trajectories. It may be called inside
    `jax.jit`, `jax.grad`, `jax.jvp`, `jax.vmap` (over the values) and `jax.hessian`.

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
    columns = [{name: np.asarray(c, request.dtype) for name, c in group.items()} for group in _swept(ensemble)]
    mode = _mode(ensemble, mode, path, len(values))
    lanes = _lanes(request, mode, calibration) if lanes is None else lanes
    options = _Options(mode, path, lanes, calibration, cache)
    numbers = tuple(jnp.asarray(value, request.dtype) for value in values.values())
    sums = (_reverse if mode == "reverse" else _forward)(request, columns, options, numbers)
    return jax.tree.unflatten(tree, _means(request, sums, bool(columns[0] or columns[1])))


def _swept(ensemble: Ensemble) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    return ensemble.cells, ensemble.cell_criteria


def _check(ensemble: Ensemble, wanted: list[Any], values: Mapping[str, Any], mode: str) -> None:
    ensemble.check()
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
    request = MeansRequest(**fields, quantities=cast(tuple(wanted), dtype), names=tuple(values))
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


def _forward(request: MeansRequest, columns: Any, options: _Options, numbers: tuple[Any, ...]) -> Any:
    """Return the sums of all samples; their derivative is worked out with them, in one pass or a few."""

    def run(numbers: Any, seeds: Any, path: str) -> Any:
        asked = dataclasses.replace(request, numbers=numbers, seeds=seeds)
        return _pass(asked, columns, dataclasses.replace(options, path=path))

    def values_at(numbers: Any) -> Any:
        return [_plain(column[0]) for column in run(numbers, (), options.path)]

    def jacobian_at(numbers: Any, path: str) -> Any:
        def one(seeds: Any) -> Any:
            found = run(numbers, seeds, path)
            return [_plain(column[0]) for column in found], [jnp.stack([s.mean for s in c[1:]]) for c in found]

        values, slopes = lax.map(one, _seeds(len(numbers), request.dtype))
        first = jax.tree.map(lambda leaf: leaf[0], values)
        return first, [slope.reshape(-1, *slope.shape[2:])[: len(numbers)] for slope in slopes]

    # Kernels have neither derivatives nor batches of their own.
    @jax.custom_jvp
    def jacobian(numbers: Any) -> Any:
        return _one_by_one(lambda numbers: jacobian_at(numbers, options.path), options)(numbers)

    @jacobian.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        return jax.jvp(lambda numbers: jacobian_at(numbers, "scan"), primals, tangents)

    @jax.custom_jvp
    def values(numbers: Any) -> Any:
        return _one_by_one(values_at, options)(numbers)

    @values.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        found, slopes = jacobian(*primals)
        seed = jnp.stack(tangents[0])
        return found, [
            (jnp.tensordot(seed, slope, 1), np.zeros(count.shape, jax.dtypes.float0), jnp.zeros_like(error))
            for (_, count, error), slope in zip(found, slopes, strict=True)
        ]

    return values(numbers)


def _reverse(request: MeansRequest, columns: Any, options: _Options, numbers: tuple[Any, ...]) -> Any:
    """Return the sums of all samples, to be differentiated by going back over the scan."""
    asked = dataclasses.replace(request, model=guarded(request.model), numbers=numbers)
    return [_plain(column[0]) for column in _pass(asked, columns, dataclasses.replace(options, path="scan"))]


def _plain(sums: Sums) -> tuple[Any, Any, Any]:
    return sums.mean, sums.count, lax.stop_gradient(sums.error)


def _one_by_one(function: Any, options: _Options) -> Any:
    return function if options.path == "scan" else jax.custom_batching.sequential_vmap(function)


def _seeds(count: int, dtype: Any) -> tuple[Any, ...]:
    """Return for each value its component of all directions, cut into rounds of equal size."""
    rounds = math.ceil(count / DIRECTIONS)
    size = math.ceil(count / rounds)
    identity = np.eye(rounds * size, count, dtype=dtype)
    return tuple(jnp.asarray(column.reshape(rounds, size)) for column in identity.T)


@eqx.filter_jit
def _pass(request: MeansRequest, columns: Any, options: _Options) -> Any:
    """Return the `Sums` over all cells of the samples and of their derivatives in the directions of the seeds."""
    swept = [column for group in columns for column in group.values()]
    n_cells = len(swept[0]) if swept else 1
    part, plan = _solver(request, columns, n_cells, options)
    if options.mode == "reverse":
        part = jax.checkpoint(part, prevent_cse=False)
    return sum_cells(part, plan, n_cells, *columns)


def _solver(request: MeansRequest, columns: Any, n_cells: int, options: _Options) -> tuple[Part, Cut]:
    """Return what reduces items, and how trajectories are cut into them."""
    known = options.calibration
    plan = cut(request.replicates, n_cells, known.chunk_lanes, BLOCK)
    # Kernels are made for the types of the swept values, not for their numbers.
    cells, criteria = ({name: np.zeros(1, request.dtype) for name in group} for group in columns)
    typical = dataclasses.replace(request, cells=cells, cell_criteria=criteria)
    path = choose_path(typical, plan.block, options.path, known, options.cache, MEANS)
    if path.kernels:
        return lambda items: run_kernels(path, MEANS, request, plan.block, items), plan
    plan = cut(request.replicates, n_cells, options.lanes, options.lanes)
    return jax.vmap(lambda item: MEANS.item(request, plan.block, item)), plan


def _means(request: MeansRequest, sums: list[Any], swept: bool) -> list[Mean]:
    """Return the result for each quantity from the mean, count and error of all samples in order."""
    if not swept:
        sums = jax.tree.map(lambda leaf: leaf[0], sums)
    *rest, (_, finished, _) = sums
    failures = request.replicates - finished
    out = []
    for quantity in request.quantities:
        mine, rest = rest[: quantity.terms], rest[quantity.terms :]
        out.append(Mean(*(quantity.shaped(list(column)) for column in zip(*mine, strict=True)), failures))
    return out
