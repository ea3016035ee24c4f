"""Means of quantities over lanes, and their derivatives by shared values: one definition for every solver path."""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, UInt32

from entropyjax.ensemble.groups import Lanes
from entropyjax.ensemble.lanes import Items, integrate_lane
from entropyjax.ensemble.quantities import AbstractQuantity
from entropyjax.ensemble.reduce import add_up
from entropyjax.ensemble.request import Ensemble
from entropyjax.ensemble.values import with_values
from entropyjax.ensemble.work import Work, as_moments
from entropyjax.results import Failure
from entropyjax.solve.sinks import Sample, is_sink


class MeansRequest(Ensemble):
    """An ensemble of which the means of some quantities are wanted.

    **Attributes:**

    - `quantities`: what is averaged; the levels of those in `by_cell` come with the items, named by `level_name`.
    - `names`, `numbers`: shared values by name, which take the place of the ensemble's own.
    - `seeds`: for each of the `numbers`, its component of the directions in which derivatives are wanted.
    """

    quantities: tuple[AbstractQuantity, ...] = ()
    by_cell: frozenset[int] = eqx.field(static=True, default=frozenset())
    names: tuple[str, ...] = eqx.field(static=True, default=())
    numbers: tuple[Any, ...] = ()
    seeds: tuple[Any, ...] = ()


def level_name(quantity: int, level: int) -> str:
    """Return the name under which items carry a level of a quantity; no parameter is called so."""
    return f"{quantity}: {level}"


Columns = list[list[Sample]]
"""For each mean that is wanted its sample, and then the derivative of that sample in each direction."""


def lane_means(request: Any, item: Items, number: UInt32[Array, ""], valid: Bool[Array, ""]) -> Columns:
    """Integrate lane `number` of an item; return what it adds to the means and their derivatives."""
    return _columns(request, lambda numbers: _samples(request, numbers, item, number, valid))


def item_means(request: Any, lanes: Lanes, item: Items) -> Any:
    """Integrate the lanes of an item; return `Moments` where `lane_means` has samples.

    Directions are batched outside lanes, for lanes have to lie side by side in memory.
    """

    def samples(numbers: Any) -> list[Sample]:
        every = jnp.arange(lanes.block, dtype=jnp.uint32)
        return jax.vmap(lambda number: _samples(request, numbers, item, number, jnp.asarray(True)))(every)

    return jax.tree.map(add_up, _columns(request, samples), is_leaf=is_sink)


def zeros(request: MeansRequest) -> Any:
    """Return zeros in place of the samples of `lane_means`."""
    directions = request.seeds[0].shape[0] if request.seeds else 0
    rows = request.grid.intervals + 1
    shapes = [(rows,) if quantity.along else () for quantity in request.quantities for _ in range(quantity.terms)]
    return [[jnp.zeros(shape, request.dtype)] * (1 + directions) for shape in [*shapes, ()]]


def _finish(request: Ensemble, block: int, items: Items, results: list[Any]) -> Any:
    del request, block, items
    return as_moments(results[0])


MEANS = Work(item_means, (lane_means,), _finish)
"""The means of a `MeansRequest`, with their derivatives."""


def _columns(request: MeansRequest, samples: Callable[[Any], list[Sample]]) -> Columns:
    if not request.seeds:
        return [[sample] for sample in samples(request.numbers)]

    def split(numbers: Any) -> tuple[list[Any], list[Any]]:
        found = samples(numbers)
        return [sample.value for sample in found], [sample.keep for sample in found]

    def push(seed: Any) -> Any:
        return jax.jvp(split, (request.numbers,), (seed,), has_aux=True)

    values, slopes, keeps = jax.vmap(push, out_axes=(None, 0, None))(request.seeds)
    directions = request.seeds[0].shape[0]
    return [
        [Sample(value, keep), *(Sample(_direction(slope, place), keep) for place in range(directions))]
        for value, slope, keep in zip(values, slopes, keeps, strict=True)
    ]


def _direction(slope: Array, place: int) -> Array:
    return lax.index_in_dim(slope, place, 0, keepdims=False)


def _samples(request: MeansRequest, numbers: Any, item: Items, number: Any, valid: Any) -> list[Sample]:
    """Return the samples of all quantities in order; the last one counts the lanes that did not fail."""
    ensemble = with_values(request, dict(zip(request.names, numbers, strict=True)))
    quantities, item = _with_levels(request, item)
    replicate = item.first + number
    keep = valid & (replicate < jnp.uint32(request.replicates))

    def save(params: Any, state: Any, alive: Bool[Array, ""]) -> list[list[Sample]]:
        model = ensemble.model
        values = {name: law.evaluate(model, state, params) for name, law in model.observables.items()}
        return [quantity.samples(values, alive & keep) for quantity in quantities if quantity.along]

    result = integrate_lane(ensemble, item, replicate, save)
    good = keep & (result.failure == Failure.NONE)
    rows = iter(result.saved)
    found: list[Sample] = []
    for quantity in quantities:
        found += next(rows) if quantity.along else quantity.samples(result.events, good)
    return [*found, Sample(jnp.zeros((), request.dtype), good)]


def _with_levels(request: MeansRequest, item: Items) -> tuple[list[AbstractQuantity], Items]:
    """Return the quantities with the levels that the item carries, and the item without them."""
    values, quantities = dict(item.values), list(request.quantities)
    for place in request.by_cell:
        levels = [values.pop(level_name(place, number)) for number in range(quantities[place].terms)]
        quantities[place] = dataclasses.replace(quantities[place], level=jnp.stack(levels))
    return quantities, item._replace(values=values)
