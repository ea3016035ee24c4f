"""One pass over all trajectories in a compiled program, and how it is differentiated."""

import dataclasses
import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from entropyjax.ensemble.chunks import Cut, Part, Sums, cut, sum_cells
from entropyjax.ensemble.differentials import MEANS, MeansRequest, zeros
from entropyjax.ensemble.groups import Lanes
from entropyjax.ensemble.paths import choose_path, run_kernels
from entropyjax.ensemble.plan import BLOCK
from entropyjax.records import Calibration
from entropyjax.solve import native
from entropyjax.solve.guard import guarded

DIRECTIONS = 8
"""Most derivatives that one forward pass carries along; more values take several passes."""


@dataclasses.dataclass(frozen=True)
class Options:
    """How passes run: the arguments of `ensemble_mean` by these names."""

    mode: str
    path: str
    lanes: int
    calibration: Calibration
    cache: Any


def forward(request: MeansRequest, columns: Any, options: Options, numbers: tuple[Any, ...]) -> Any:
    """Return mean, count and error of all samples; their derivatives are worked out in one pass with them."""

    def run(numbers: Any, seeds: Any, path: str) -> Any:
        asked = dataclasses.replace(request, numbers=numbers, seeds=seeds)
        return _pass(asked, columns, dataclasses.replace(options, path=path))

    def jacobian_by(path: str) -> Any:
        return lambda numbers: run(numbers, _seeds(len(numbers), request.dtype), path)

    # Kernels have neither derivatives nor batches of their own.
    @jax.custom_jvp
    def jacobian(numbers: Any) -> Any:
        return _one_by_one(jacobian_by(options.path), options)(numbers)

    @jacobian.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        return jax.jvp(jacobian_by("scan"), primals, tangents)

    @jax.custom_jvp
    def means(numbers: Any) -> Any:
        return _one_by_one(lambda numbers: run(numbers, (), options.path)[0], options)(numbers)

    @means.defjvp
    def _(primals: Any, tangents: Any) -> Any:
        found, slopes = jacobian(*primals)
        seed = jnp.stack(tangents[0])
        return found, [
            (jnp.tensordot(seed, slope, 1), np.zeros(count.shape, jax.dtypes.float0), jnp.zeros_like(error))
            for (_, count, error), slope in zip(found, slopes, strict=True)
        ]

    return means(numbers)


def reverse(request: MeansRequest, columns: Any, options: Options, numbers: tuple[Any, ...]) -> Any:
    """Return mean, count and error of all samples, to be differentiated by going back over the scan."""
    method: Any = request.method
    asked = dataclasses.replace(request, method=guarded(method), numbers=numbers)
    return _pass(asked, columns, dataclasses.replace(options, path="scan"))[0]


def _one_by_one(function: Any, options: Options) -> Any:
    return function if options.path == "scan" else jax.custom_batching.sequential_vmap(function)


def _seeds(count: int, dtype: Any) -> tuple[Any, ...]:
    """Return for each value its component of all directions, cut into rounds of equal size."""
    rounds = math.ceil(count / DIRECTIONS)
    size = math.ceil(count / rounds)
    identity = np.eye(rounds * size, count, dtype=dtype)
    return tuple(jnp.asarray(column.reshape(rounds, size)) for column in identity.T)


@eqx.filter_jit
def _pass(request: MeansRequest, columns: Any, options: Options) -> tuple[Any, Any]:
    """Return mean, count and error of all samples, and their derivatives by all values if there are seeds."""

    def one(seeds: Any) -> Any:
        found = _sums(dataclasses.replace(request, seeds=seeds), columns, options)
        plain = [(column[0].mean, column[0].count, lax.stop_gradient(column[0].error)) for column in found]
        return plain, [jnp.stack([sums.mean for sums in column[1:]]) for column in found if seeds]

    if not request.seeds:
        return one(())
    found, slopes = lax.map(one, request.seeds)
    whole = [slope.reshape(-1, *slope.shape[2:])[: len(request.seeds)] for slope in slopes]
    return jax.tree.map(lambda leaf: leaf[0], found), whole


def _sums(request: MeansRequest, columns: Any, options: Options) -> list[list[Sums]]:
    """Return the sums over all cells of the samples and of their derivatives in the directions of the seeds."""
    swept = [column for group in columns for column in group.values()]
    n_cells = len(swept[0]) if swept else 1
    part, plan = _solver(request, columns, n_cells, options)
    return sum_cells(part, plan, zeros(request), n_cells, *columns, recompute=options.mode == "reverse")


def _solver(request: MeansRequest, columns: Any, n_cells: int, options: Options) -> tuple[Part, Cut]:
    """Return what reduces items, and how trajectories are cut into them."""
    known = _narrowed(options.calibration, request.dtype) if request.seeds else options.calibration
    plan = cut(request.replicates, n_cells, known.chunk_lanes, BLOCK)
    # Kernels are made for the types of the swept values, not for their numbers.
    cells, criteria = ({name: np.zeros(1, request.dtype) for name in group} for group in columns)
    typical = dataclasses.replace(request, cells=cells, cell_criteria=criteria)
    path = choose_path(typical, plan.block, options.path, known, options.cache, MEANS)
    if path.kernels:
        return lambda items: run_kernels(path, MEANS, request, plan.block, items), plan
    plan = cut(request.replicates, n_cells, options.lanes, options.lanes)
    return jax.vmap(lambda item: MEANS.item(request, Lanes(plan.block, plan.block), item)), plan


def _narrowed(calibration: Calibration, dtype: Any) -> Calibration:
    """Return the calibration with native vectors of one register: more of them do not hold all derivatives."""
    if native.unavailable() is not None:
        return calibration
    from entropyjax.solve.native import build

    widths = {str(np.dtype(dtype)): build.registers(dtype, 1)}
    return dataclasses.replace(calibration, native_width=widths)
