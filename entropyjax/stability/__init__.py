"""Stability: closed-form criteria on the fixed points, continuation and bifurcations."""

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
from entropyjax.stability.margin import (
    has_margin_window as has_margin_window,
    margin_context as margin_context,
    margin_window as margin_window,
)
