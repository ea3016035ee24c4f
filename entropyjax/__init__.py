"""entropyjax: large ensembles of the mean-field entropy dynamics of LLM orchestrators.

Names are imported when they are first used, so that `import entropyjax` costs nothing.
"""

import importlib
import importlib.metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from entropyjax.calibrate import apply_xla_flags as apply_xla_flags
    from entropyjax.ensemble import (
        Below as Below,
        Density as Density,
        Ensemble as Ensemble,
        Observed as Observed,
        TimeOf as TimeOf,
        ensemble_mean as ensemble_mean,
        ensemble_quantile as ensemble_quantile,
        make_plan as make_plan,
        run_chunks as run_chunks,
    )
    from entropyjax.inference import trace_entropy as trace_entropy
    from entropyjax.io.config import ConfigError as ConfigError, SweepConfig as SweepConfig, load as load
    from entropyjax.io.store import open_result as open_result
    from entropyjax.jobs import (
        JobError as JobError,
        entropy_of_traces as entropy_of_traces,
        simulate as simulate,
        summarise as summarise,
        sweep as sweep,
    )
    from entropyjax.models import Mesh as Mesh, Replicator as Replicator, Star as Star, Tree as Tree
    from entropyjax.params import ParameterError as ParameterError
    from entropyjax.phase import Boundary as Boundary, Lattice as Lattice, Range as Range, refine as refine
    from entropyjax.plots import (
        bifurcation_diagram as bifurcation_diagram,
        boundary_diagram as boundary_diagram,
        entropy_panels as entropy_panels,
        figures as figures,
        fold_curves as fold_curves,
        phase_diagram as phase_diagram,
        save_figure as save_figure,
        trace_entropy_panels as trace_entropy_panels,
    )
    from entropyjax.solve import Criteria as Criteria, Grid as Grid
    from entropyjax.stability import (
        Lens as Lens,
        collapse_time as collapse_time,
        continue_equilibrium as continue_equilibrium,
        continue_fold as continue_fold,
        continue_hopf as continue_hopf,
        critical_agents as critical_agents,
        critical_window as critical_window,
        cusps as cusps,
        elasticities as elasticities,
        equilibria as equilibria,
        from_model as from_model,
        margin_window as margin_window,
        phases as phases,
        reasoning_optimum as reasoning_optimum,
    )
    from entropyjax.traces import read_traces as read_traces

_EXPORTS = {
    "entropyjax.calibrate": ("apply_xla_flags",),
    "entropyjax.ensemble": (
        "Below",
        "Density",
        "Ensemble",
        "Observed",
        "TimeOf",
        "ensemble_mean",
        "ensemble_quantile",
        "make_plan",
        "run_chunks",
    ),
    "entropyjax.inference": ("trace_entropy",),
    "entropyjax.io.config": ("ConfigError", "SweepConfig", "load"),
    "entropyjax.io.store": ("open_result",),
    "entropyjax.jobs": ("JobError", "entropy_of_traces", "simulate", "summarise", "sweep"),
    "entropyjax.models": ("Mesh", "Replicator", "Star", "Tree"),
    "entropyjax.params": ("ParameterError",),
    "entropyjax.phase": ("Boundary", "Lattice", "Range", "refine"),
    "entropyjax.plots": (
        "bifurcation_diagram",
        "boundary_diagram",
        "entropy_panels",
        "figures",
        "fold_curves",
        "phase_diagram",
        "save_figure",
        "trace_entropy_panels",
    ),
    "entropyjax.solve": ("Criteria", "Grid"),
    "entropyjax.stability": (
        "Lens",
        "collapse_time",
        "continue_equilibrium",
        "continue_fold",
        "continue_hopf",
        "critical_agents",
        "critical_window",
        "cusps",
        "elasticities",
        "equilibria",
        "from_model",
        "margin_window",
        "phases",
        "reasoning_optimum",
    ),
    "entropyjax.traces": ("read_traces",),
}
_HOMES = {name: module for module, names in _EXPORTS.items() for name in names}

__all__ = [
    "Below",
    "Boundary",
    "ConfigError",
    "Criteria",
    "Density",
    "Ensemble",
    "Grid",
    "JobError",
    "Lattice",
    "Observed",
    "ParameterError",
    "Range",
    "Replicator",
    "Star",
    "SweepConfig",
    "TimeOf",
    "apply_xla_flags",
    "bifurcation_diagram",
    "boundary_diagram",
    "collapse_time",
    "continue_equilibrium",
    "continue_fold",
    "continue_hopf",
    "critical_agents",
    "critical_window",
    "cusps",
    "elasticities",
    "ensemble_mean",
    "ensemble_quantile",
    "entropy_of_traces",
    "entropy_panels",
    "equilibria",
    "figures",
    "fold_curves",
    "from_model",
    "load",
    "make_plan",
    "margin_window",
    "open_result",
    "phase_diagram",
    "phases",
    "read_traces",
    "reasoning_optimum",
    "refine",
    "run_chunks",
    "save_figure",
    "simulate",
    "summarise",
    "sweep",
    "trace_entropy",
    "trace_entropy_panels",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.metadata.version("entropyjax")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'entropyjax' has no attribute '{name}'")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
