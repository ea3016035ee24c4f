"""Which solver path runs an ensemble: the scan, or a native kernel, and why."""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np

from entropyjax.ensemble.lanes import Items, gather
from entropyjax.ensemble.request import Ensemble, EnsembleError
from entropyjax.ensemble.work import STATISTICS, Work
from entropyjax.records import Calibration
from entropyjax.solve import METHODS, native, pallas
from entropyjax.solve.unsupported import Unsupported

PATHS = ("auto", "native", "pallas", "scan")
"""What may be asked for; `auto` takes the fastest path that can run the request."""


@dataclasses.dataclass(frozen=True)
class Path:
    """A solver path of an ensemble.

    **Attributes:** `name`: one of `PATHS` but `auto`; `why`: the reason, as the end of a sentence; `kernels`: compiled
    kernels, if it has any.
    """

    name: str
    why: str
    kernels: tuple[Any, ...] = ()


def choose_path(
    ensemble: Ensemble, block: int, wanted: str, calibration: Calibration, cache: Any = None, work: Work = STATISTICS
) -> Path:
    """Return the path that runs an ensemble with items of `block` lanes.

    **Arguments:** `wanted`: one of `PATHS`; `cache`: where native kernels are kept between processes; `work`: what is
    done with the items.

    **Raises:** `EnsembleError` for a path that does not exist or cannot run this request.
    """
    if wanted not in PATHS:
        raise EnsembleError(f"'{wanted}' is not a solver path; choose one of {', '.join(PATHS)}.")
    if wanted == "scan":
        return Path("scan", "it was asked for")
    rates = calibration.rates
    faster = rates.get("pallas", 0.0) > max(rates.get(name, 0.0) for name in ("scan", "native"))
    if wanted == "pallas" or (wanted == "auto" and faster):
        kernels, reason = _pallas_kernels(ensemble, block, work)
        if kernels:
            why = "it was asked for" if wanted == "pallas" else f"it is faster here ({calibration.source})"
            return Path("pallas", why, kernels)
        if wanted == "pallas":
            raise EnsembleError(f"The pallas path cannot run this: {reason}. Choose path 'auto' or 'scan'.")
    if wanted == "auto" and not calibration.prefers("native", "scan"):
        return Path("scan", f"it is faster here ({calibration.source})")
    kernels, reason = _kernels(ensemble, block, calibration, cache, work)
    if kernels:
        return Path("native", "it was asked for" if wanted == "native" else "it is the fastest on a CPU", kernels)
    if wanted == "native":
        raise EnsembleError(f"The native path cannot run this: {reason}. Choose path 'auto' or 'scan'.")
    return Path("scan", reason)


def _kernels(
    ensemble: Ensemble, block: int, calibration: Calibration, cache: Any, work: Work
) -> tuple[tuple[Any, ...], str]:
    """Return the native kernels of an ensemble, or none and the reason."""
    if jax.default_backend() != "cpu":
        return (), f"native kernels run on CPU, and this is {jax.default_backend()}"
    reason = native.unavailable()
    if reason is not None:
        return (), reason
    if not ensemble.method.native:
        return (), f"method {METHODS.name_of(ensemble.method)} has no native kernel"
    from entropyjax.solve.native import batch

    width = calibration.native_width.get(str(np.dtype(ensemble.dtype)), 0)
    options = batch.Options(width=width, cache=cache)
    return _prepared(batch.prepare, options, ensemble, block, work, "a native kernel")


def _pallas_kernels(ensemble: Ensemble, block: int, work: Work) -> tuple[tuple[Any, ...], str]:
    """Return the GPU kernels of an ensemble, or none and the reason."""
    reason = pallas.unavailable()
    if reason is not None:
        return (), reason
    from entropyjax.solve.pallas import batch

    return _prepared(batch.prepare, batch.Options(), ensemble, block, work, "a Pallas kernel")


def _prepared(
    prepare: Callable[..., Any], options: Any, ensemble: Ensemble, block: int, work: Work, what: str
) -> tuple[tuple[Any, ...], str]:
    """Return a kernel for each lane function of `work`, or none and what stands in the way."""
    arrays, static = eqx.partition(ensemble.without_cells(), eqx.is_array)
    items = gather(ensemble, 1, block, np.zeros(1, int))

    def on_lane(lane: Any) -> Any:
        return lambda shared, item, number, valid: lane(eqx.combine(shared, static), item, number, valid)

    try:
        return tuple(prepare(on_lane(lane), arrays, items, block, options) for lane in work.lanes), ""
    except Unsupported as unsupported:
        return (), f"{what} cannot express it: {unsupported}"


def run_kernels(path: Path, work: Work, ensemble: Ensemble, block: int, items: Items) -> Any:
    """Return what `work` gives for items, by the kernels of a path."""
    arrays, _ = eqx.partition(ensemble, eqx.is_array)
    return work.finish(ensemble, block, items, [kernel(arrays, items) for kernel in path.kernels])
