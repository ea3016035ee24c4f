"""From a configuration to an ensemble."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from entropyjax import ensemble as ens
from entropyjax.ensemble import Ensemble
from entropyjax.io.config import SweepConfig
from entropyjax.jobs.variants import split_axes
from entropyjax.params import cast
from entropyjax.phase import Cells
from entropyjax.solve import METHODS, Grid


def parameter_cells(config: SweepConfig) -> Cells:
    """Return the cells that one compiled program runs through, by dotted path; the corners of a map for a boundary."""
    if config.refine is not None:
        return Cells({axis.path: (axis.lower, axis.upper) for axis in config.refine.axes})
    return Cells({axis.path: axis.values for axis in split_axes(config)[1]})


def build_ensemble(config: SweepConfig) -> Ensemble:
    """Return the ensemble that a configuration without variant axes describes.

    Everything numeric is an array, so that new values do not recompile.
    """
    dtype = np.dtype(config.run.precision)
    model = config.model.build()
    columns = parameter_cells(config).columns()
    cells = {path.removeprefix("params."): v for path, v in columns.items() if path.startswith("params.")}
    criteria = {path.removeprefix("criteria."): v for path, v in columns.items() if path.startswith("criteria.")}
    population = {name: _distribution(item, dtype) for name, item in config.population.items()}
    params = model.params(**config.params)
    specs = type(params).specs()
    extent: dict[str, Any] = {name: getattr(params, name) for name in specs} | cells
    for name, distribution in population.items():
        extent[name] = np.asarray(distribution.ends(specs[name], dtype))
    return Ensemble(
        model=model.sized(extent),
        method=METHODS.get(config.run.method)(),
        grid=cast(_grid(config, params), dtype),
        constants=cast(params, dtype),
        cells=cells,
        criteria=cast(config.criteria.build(), dtype),
        cell_criteria=criteria,
        population=population,
        replicates=config.run.replicates,
        key=random_key(config.run.seed),
        dtype=dtype,
        observables=(*(name for name in ens.OBSERVABLES if name in model.observables), *model.reported),
    )


def random_key(seed: int) -> jax.Array:
    """Return the JAX key of a seed of up to 63 bits."""
    key = jax.random.key(seed & 0x7FFFFFFF)
    return jax.random.fold_in(key, seed >> 31) if seed >> 31 else key


def _grid(config: SweepConfig, params: Any) -> Grid:
    run = config.run
    # Agents without a micro-step of their own take whole steps.
    step = float(getattr(params, "step_size", 1.0)) if run.step is None else run.step
    return Grid.with_step(run.horizon, run.save_intervals, step)


def _distribution(item: Any, dtype: np.dtype) -> ens.AbstractDistribution:
    """Return the distribution that draws what a `[population]` entry describes."""
    fields = item.model_dump(exclude={"distribution", "rows"})
    arrays = {name: jnp.asarray(value, dtype) for name, value in fields.items()}
    if getattr(item, "rows", None) is not None:
        return ens.JointSamples(**arrays, rows=item.rows)
    return getattr(ens, type(item).__name__)(**arrays)
