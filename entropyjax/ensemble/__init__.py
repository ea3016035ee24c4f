"""Ensembles: many trajectories in many cells, reduced as they run."""

from entropyjax.ensemble.accumulate import Accumulator as Accumulator
from entropyjax.ensemble.check import StepCheck as StepCheck, check_step as check_step
from entropyjax.ensemble.endings import (
    CHANCE_ENDINGS as CHANCE_ENDINGS,
    ENDINGS as ENDINGS,
    Endings as Endings,
    run_endings as run_endings,
)
from entropyjax.ensemble.gradient import Mean as Mean, ensemble_mean as ensemble_mean
from entropyjax.ensemble.moments import Moments as Moments
from entropyjax.ensemble.plan import Plan as Plan, make_plan as make_plan
from entropyjax.ensemble.population import (
    AbstractDistribution as AbstractDistribution,
    JointSamples as JointSamples,
    LogNormal as LogNormal,
    Normal as Normal,
    Samples as Samples,
    Uniform as Uniform,
)
from entropyjax.ensemble.quantile import Quantile as Quantile, ensemble_quantile as ensemble_quantile
from entropyjax.ensemble.quantities import (
    Below as Below,
    Density as Density,
    Observed as Observed,
    TimeOf as TimeOf,
)
from entropyjax.ensemble.reduce import (
    Statistics as Statistics,
    from_arrays as from_arrays,
    to_arrays as to_arrays,
)
from entropyjax.ensemble.request import (
    OBSERVABLES as OBSERVABLES,
    TIME_BINS as TIME_BINS,
    Ensemble as Ensemble,
    EnsembleError as EnsembleError,
)
from entropyjax.ensemble.run import run_chunks as run_chunks, sample_paths as sample_paths
from entropyjax.ensemble.summary import (
    cognitive_horizon as cognitive_horizon,
    histogram_quantile as histogram_quantile,
    wilson_interval as wilson_interval,
    without_sampling as without_sampling,
)
