"""What is done with the items of an ensemble, in a form for each solver path."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax

from entropyjax.ensemble.lanes import ItemFunction, Items, item_statistics, lane_sinks
from entropyjax.ensemble.moments import Moments
from entropyjax.ensemble.request import Ensemble

LaneSinks = Callable[[Ensemble, Items, Any, Any], Any]
"""Called as (ensemble, item, number of the lane, whether the item has it): a pytree of sinks."""


class Work(NamedTuple):
    """A job on items.

    **Attributes:**

    - `item`: for the scan: (ensemble, its lanes, item) to a pytree of statistics.
    - `lanes`: for kernels: what each of them does with one lane.
    - `finish`: from the kernels' results for a batch of items to the statistics of `item` with a leading axis of
      items: (ensemble, block size, items, results).
    """

    item: ItemFunction
    lanes: tuple[LaneSinks, ...]
    finish: Callable[[Ensemble, int, Items, list[Any]], Any]


def _moments(ensemble: Ensemble, block: int, items: Items, results: list[Any]) -> Any:
    del ensemble, block, items
    return as_moments(results[0])


def as_moments(results: Any) -> Any:
    """Return a kernel's results with the triples of its samples as `Moments`."""

    def triple(node: Any) -> bool:
        return type(node) is tuple

    return jax.tree.map(lambda node: Moments(*node) if triple(node) else node, results, is_leaf=triple)


STATISTICS = Work(item_statistics, (lane_sinks,), _moments)
"""The statistics of each item."""
