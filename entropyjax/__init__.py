"""entropyjax: large ensembles of the mean-field entropy dynamics of LLM orchestrators.

Names are imported when they are first used, so that `import entropyjax` costs nothing.
"""

import importlib
import importlib.metadata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from entropyjax.calibrate import apply_xla_flags as apply_xla_flags
    from entropyjax.endpoints import Endpoint as Endpoint, OpenAIChat as OpenAIChat, Recorded as Recorded
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
        forecast as forecast,
        generate_workflows as generate_workflows,
        predictive_check as predictive_check,
        run_suite as run_suite,
        run_workflows as run_workflows,
        score_workflows as score_workflows,
        simulate as simulate,
        summarise as summarise,
        sweep as sweep,
        trap as trap,
    )
    from entropyjax.models import (
        ConstantEntropy as ConstantEntropy,
        DampedEntropy as DampedEntropy,
        EntropyBalance as EntropyBalance,
        LinearEntropy as LinearEntropy,
        Mesh as Mesh,
        Replicator as Replicator,
        SaturatingEntropy as SaturatingEntropy,
        Star as Star,
        Tree as Tree,
    )
    from entropyjax.params import ParameterError as ParameterError
    from entropyjax.phase import (
        Boundary as Boundary,
        Change as Change,
        Lattice as Lattice,
        Range as Range,
        refine as refine,
    )
    from entropyjax.plots import (
        bifurcation_diagram as bifurcation_diagram,
        boundary_diagram as boundary_diagram,
        entropy_panels as entropy_panels,
        figures as figures,
        fold_curves as fold_curves,
        phase_diagram as phase_diagram,
        save_figure as save_figure,
        survival_diagram as survival_diagram,
        trace_entropy_panels as trace_entropy_panels,
        trap_diagram as trap_diagram,
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
        escape as escape,
        from_model as from_model,
        margin_window as margin_window,
        metastability as metastability,
        phases as phases,
        reasoning_optimum as reasoning_optimum,
        reasoning_trap as reasoning_trap,
    )
    from entropyjax.traces import (
        Problems as Problems,
        TraceError as TraceError,
        read_traces as read_traces,
        simulated_traces as simulated_traces,
        trajectory_traces as trajectory_traces,
        write_traces as write_traces,
    )

_EXPORTS = {
    "entropyjax.calibrate": ("apply_xla_flags",),
    "entropyjax.endpoints": ("Endpoint", "OpenAIChat", "Recorded"),
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
    "entropyjax.jobs": (
        "JobError",
        "entropy_of_traces",
        "forecast",
        "predictive_check",
        "generate_workflows",
        "run_suite",
        "run_workflows",
        "score_workflows",
        "simulate",
        "summarise",
        "sweep",
        "trap",
    ),
    "entropyjax.models": (
        "ConstantEntropy",
        "DampedEntropy",
        "EntropyBalance",
        "LinearEntropy",
        "Mesh",
        "Replicator",
        "SaturatingEntropy",
        "Star",
        "Tree",
    ),
    "entropyjax.params": ("ParameterError",),
    "entropyjax.phase": ("Boundary", "Change", "Lattice", "Range", "refine"),
    "entropyjax.plots": (
        "bifurcation_diagram",
        "boundary_diagram",
        "entropy_panels",
        "figures",
        "fold_curves",
        "phase_diagram",
        "save_figure",
        "survival_diagram",
        "trace_entropy_panels",
        "trap_diagram",
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
        "escape",
        "from_model",
        "margin_window",
        "metastability",
        "phases",
        "reasoning_optimum",
        "reasoning_trap",
    ),
    "entropyjax.traces": (
        "Problems",
        "TraceError",
        "read_traces",
        "simulated_traces",
        "trajectory_traces",
        "write_traces",
    ),
}
_HOMES = {name: module for module, names in _EXPORTS.items() for name in names}

__all__ = [
    "Below",
    "Boundary",
    "Change",
    "ConfigError",
    "ConstantEntropy",
    "Criteria",
    "DampedEntropy",
    "Density",
    "Endpoint",
    "Ensemble",
    "EntropyBalance",
    "Grid",
    "JobError",
    "Lattice",
    "Lens",
    "LinearEntropy",
    "Mesh",
    "Observed",
    "OpenAIChat",
    "ParameterError",
    "Problems",
    "Range",
    "Recorded",
    "Replicator",
    "SaturatingEntropy",
    "Star",
    "SweepConfig",
    "TimeOf",
    "TraceError",
    "Tree",
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
    "escape",
    "figures",
    "fold_curves",
    "forecast",
    "from_model",
    "generate_workflows",
    "load",
    "make_plan",
    "margin_window",
    "metastability",
    "open_result",
    "phase_diagram",
    "phases",
    "predictive_check",
    "read_traces",
    "reasoning_optimum",
    "reasoning_trap",
    "refine",
    "run_chunks",
    "run_suite",
    "run_workflows",
    "save_figure",
    "score_workflows",
    "simulate",
    "simulated_traces",
    "summarise",
    "survival_diagram",
    "sweep",
    "trace_entropy",
    "trace_entropy_panels",
    "trajectory_traces",
    "trap",
    "trap_diagram",
    "write_traces",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.metadata.version("entropyjax")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'entropyjax' has no attribute '{name}'")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
