"""Stability: equilibria, their spectrum, where they appear or vanish, and continuation."""

from entropyjax.stability.continuation import (
    Branch as Branch,
    ContinuationError as ContinuationError,
    End as End,
    Lens as Lens,
    Natural as Natural,
    Problem as Problem,
    PseudoArclength as PseudoArclength,
    Quantity as Quantity,
    SpecialPoint as SpecialPoint,
    StepControl as StepControl,
    continue_equilibrium as continue_equilibrium,
    continue_fold as continue_fold,
    continue_hopf as continue_hopf,
    from_model as from_model,
    switch_branch as switch_branch,
)
from entropyjax.stability.critical import (
    Critical as Critical,
    critical_agents as critical_agents,
    critical_window as critical_window,
)
from entropyjax.stability.cusps import Cusps as Cusps, cusps as cusps
from entropyjax.stability.diagram import Diagram as Diagram, bifurcation_branches as bifurcation_branches
from entropyjax.stability.effort import (
    attention_cost as attention_cost,
    critical_gain as critical_gain,
    evidence_return as evidence_return,
    reasoning_balance as reasoning_balance,
)
from entropyjax.stability.elasticity import Elasticities as Elasticities, elasticities as elasticities
from entropyjax.stability.equilibria import Equilibria as Equilibria, equilibria as equilibria
from entropyjax.stability.foldset import FoldSet as FoldSet, folds_over as folds_over
from entropyjax.stability.margin import (
    has_margin_window as has_margin_window,
    margin_context as margin_context,
    margin_window as margin_window,
)
from entropyjax.stability.noise import (
    Collapses as Collapses,
    CollapseSlice as CollapseSlice,
    Escape as Escape,
    Exposure as Exposure,
    Metastability as Metastability,
    NoiseError as NoiseError,
    Plane as Plane,
    Rate as Rate,
    Runs as Runs,
    arrival as arrival,
    collapse_slice as collapse_slice,
    escape as escape,
    escape_rate as escape_rate,
    exposure as exposure,
    fast_focus_passage as fast_focus_passage,
    mean_passage as mean_passage,
    metastability as metastability,
    plane_of as plane_of,
    resting_curvature as resting_curvature,
    scaled_noise as scaled_noise,
    simulate_collapses as simulate_collapses,
)
from entropyjax.stability.optimum import (
    AtRest as AtRest,
    ReasoningOptimum as ReasoningOptimum,
    Success as Success,
    reasoning_optimum as reasoning_optimum,
)
from entropyjax.stability.phases import Phases as Phases, phases as phases
from entropyjax.stability.rest import certificate as certificate
from entropyjax.stability.spectrum import Spectrum as Spectrum
from entropyjax.stability.times import cognitive_horizon as cognitive_horizon, collapse_time as collapse_time
from entropyjax.stability.trap import (
    ReasoningTrap as ReasoningTrap,
    TaskSuccess as TaskSuccess,
    reasoning_trap as reasoning_trap,
    task_length as task_length,
    with_task_length as with_task_length,
)
