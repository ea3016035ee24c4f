"""Measure which solver path is the fastest on this machine, and remember it."""

import dataclasses
import importlib.metadata
import os
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from entropyjax.calibrate.cache import Memory, cache_folder
from entropyjax.calibrate.processor import this_processor
from entropyjax.ensemble import Ensemble, Plan, Uniform, make_plan, run_chunks
from entropyjax.models import MODELS
from entropyjax.params import cast
from entropyjax.records import Calibration
from entropyjax.solve import METHODS, Criteria, Grid, pallas

_WIDTHS = {"float32": (16, 32, 64), "float64": (8, 16, 32)}
_LANES = (1024, 4096, 16384, 65536)
_REPLICATES = 65536


def load_calibration() -> Calibration:
    """Return what was measured on this machine with these versions, or the defaults.

    Where XLA compiles loops whole, fewer lanes of the scan together were the fastest (docs/benchmarks.md).
    """
    whole = "xla_cpu_small_while_loop_byte_threshold" in os.environ.get("XLA_FLAGS", "")
    default = Calibration(scan_lanes=128) if whole else Calibration()
    found = _memory().recall(_question())
    try:
        return Calibration(**found) if isinstance(found, dict) else default
    except TypeError:
        return default


def measure(progress: Callable[[str], None] | None = None) -> Calibration:
    """Measure the paths on an ensemble of the star model and remember the result; takes about a minute.

    **Arguments:** `progress`: called with a line about each thing that is measured.
    """
    say = progress or (lambda _: None)
    calibration, rates = Calibration(), {}
    scan: dict[int, float] = {}
    for lanes in _LANES:
        scan[lanes] = _rate(_problem("float32"), path="scan", lanes=lanes)
        say(f"scan, {lanes} lanes together: {scan[lanes]:.3g} lane-steps/s")
    best = max(scan, key=lambda lanes: scan[lanes])
    rates["scan"] = scan[best]
    widths = {}
    for precision, choices in _WIDTHS.items():
        found = {}
        for width in choices:
            tried = dataclasses.replace(calibration, native_width={precision: width})
            rate = _native_rate(_problem(precision), tried)
            if rate is not None:
                found[width] = rate
                say(f"native, {precision}, vectors of {width} lanes: {rate:.3g} lane-steps/s")
        if found:
            widths[precision] = max(found, key=lambda width: found[width])
            if precision == "float32":
                rates["native"] = max(found.values())
    if pallas.unavailable() is None:
        rates["pallas"] = _rate(_problem("float32"), path="pallas")
        say(f"pallas, float32: {rates['pallas']:.3g} lane-steps/s")
    field = "scan_lanes" if jax.default_backend() == "cpu" else "accelerator_lanes"
    source = f"measured on {this_processor().name}, {jax.device_count()} device(s), jax {jax.__version__}"
    result = dataclasses.replace(Calibration(source=source, native_width=widths, rates=rates), **{field: best})
    _memory().remember(_question(), dataclasses.asdict(result))
    return result


def _native_rate(ensemble: Ensemble, calibration: Calibration) -> float | None:
    with jax.enable_x64(np.dtype(ensemble.dtype) == np.float64):
        if make_plan(ensemble, calibration=calibration).path.name != "native":
            return None
    return _rate(ensemble, path="native", calibration=calibration)


def _rate(ensemble: Ensemble, **choices: Any) -> float:
    """Return lane-steps per second, the best of three runs after one that compiles."""
    with jax.enable_x64(np.dtype(ensemble.dtype) == np.float64):
        plan = make_plan(ensemble, **choices)
        _run(ensemble, plan)
        seconds = min(_run(ensemble, plan) for _ in range(3))
    return ensemble.replicates * ensemble.grid.total_steps / seconds


def _run(ensemble: Ensemble, plan: Plan) -> float:
    began = time.perf_counter()
    for _ in run_chunks(ensemble, plan, range(plan.chunks)):
        pass
    return time.perf_counter() - began


def _problem(precision: str) -> Ensemble:
    """Return the star with noise, each trajectory with a roster of its own."""
    model, dtype = MODELS.get("star")(), np.dtype(precision)
    with jax.enable_x64(precision == "float64"):
        return Ensemble(
            model=model,
            method=METHODS.get("euler_maruyama")(),
            grid=cast(Grid(64.0, 4, 16), dtype),
            constants=cast(model.params(), dtype),
            cells={},
            criteria=cast(Criteria(), dtype),
            cell_criteria={},
            population={"n_agents": Uniform(jnp.asarray(4.0, dtype), jnp.asarray(40.0, dtype))},
            replicates=_REPLICATES,
            key=jax.random.key(0),
            dtype=dtype,
        )


def _memory() -> Memory:
    root = cache_folder()
    return Memory(root / "calibration" if root is not None else None)


def _question() -> dict[str, str]:
    from entropyjax.solve import native

    return {
        "schema": "2",
        "entropyjax": importlib.metadata.version("entropyjax"),
        "processor": this_processor().name,
        "cores": str(os.cpu_count()),
        "backend": f"{jax.default_backend()} {jax.devices()[0].device_kind} x {jax.device_count()}",
        "jax": jax.__version__,
        "native": native.unavailable() or "available",
    }
