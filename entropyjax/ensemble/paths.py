"""Which solver path runs an ensemble: the scan, or a native kernel, and why."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import numpy as np

from entropyjax.ensemble.lanes import Items, gather, lane_sinks
from entropyjax.ensemble.moments import Moments
from entropyjax.ensemble.reduce import Statistics
from entropyjax.ensemble.request import Ensemble, EnsembleError
from entropyjax.records import Calibration
from entropyjax.solve import native

PATHS = ("auto", "native", "scan")
"""What may be asked for; `auto` takes the fastest path that can run the request."""


@dataclasses.dataclass(frozen=True)
class Path:
    """A solver path of an ensemble.

    **Attributes:** `name`: one of `PATHS` but `auto`; `why`: the reason, as the end of a sentence; `kernel`: the native
    kernel.
    """

    name: str
    why: str
    kernel: Any = None


def choose_path(ensemble: Ensemble, block: int, wanted: str, calibration: Calibration, cache: Any = None) -> Path:
    """Return the path that runs an ensemble with items of `block` lanes.

    **Arguments:** `wanted`: one of `PATHS`; `cache`: where native kernels are kept between processes.

    **Raises:** `EnsembleError` for a path that does not exist or cannot run this request.
    """
    if wanted not in PATHS:
        raise EnsembleError(f"'{wanted}' is not a solver path; choose one of {', '.join(PATHS)}.")
    if wanted == "scan":
        return Path("scan", "it was asked for")
    if wanted == "auto" and not calibration.prefers("native", "scan"):
        return Path("scan", f"it is faster here ({calibration.source})")
    kernel, reason = _kernel(ensemble, block, calibration, cache)
    if kernel is not None:
        return Path("native", "it was asked for" if wanted == "native" else "it is the fastest on a CPU", kernel)
    if wanted == "native":
        raise EnsembleError(f"The native path cannot run this: {reason}. Choose path 'auto' or 'scan'.")
    return Path("scan", reason)


def _kernel(ensemble: Ensemble, block: int, calibration: Calibration, cache: Any) -> tuple[Any, str]:
    """Return the native kernel of an ensemble, or `None` and the reason."""
    if jax.default_backend() != "cpu":
        return None, f"native kernels run on CPU, and this is {jax.default_backend()}"
    reason = native.unavailable()
    if reason is not None:
        return None, reason
    if not ensemble.method.native:
        return None, "this method has no native kernel"
    from entropyjax.solve.native import batch
    from entropyjax.solve.native.graph import Unsupported

    arrays, static = eqx.partition(ensemble.without_cells(), eqx.is_array)
    items = gather(ensemble, 1, block, np.zeros(1, int))
    width = calibration.native_width.get(str(np.dtype(ensemble.dtype)), 0)

    def lane(shared: Any, item: Items, number: Any, valid: Any) -> Statistics:
        return lane_sinks(eqx.combine(shared, static), item, number, valid)

    try:
        return batch.prepare(lane, arrays, items, block, batch.Options(width=width, cache=cache)), ""
    except Unsupported as unsupported:
        return None, f"{unsupported}, which the native path does not support"


def run_kernel(kernel: Any, ensemble: Ensemble, items: Items) -> Statistics:
    """Return the statistics of items by their native kernel."""
    arrays, _ = eqx.partition(ensemble, eqx.is_array)
    found = kernel(arrays, items)
    return jax.tree.map(
        lambda node: Moments(*node) if type(node) is tuple else node, found, is_leaf=lambda node: type(node) is tuple
    )
