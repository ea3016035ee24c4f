"""Numerical continuation: branches of equilibria, their bifurcations, and curves of those in two parameters."""

from entropyjax.stability.continuation.algorithm import (
    AbstractAlgorithm as AbstractAlgorithm,
    Natural as Natural,
    PseudoArclength as PseudoArclength,
    StepControl as StepControl,
)
from entropyjax.stability.continuation.branch import Branch as Branch, End as End, SpecialPoint as SpecialPoint
from entropyjax.stability.continuation.errors import ContinuationError as ContinuationError
from entropyjax.stability.continuation.follow import (
    continue_equilibrium as continue_equilibrium,
    continue_fold as continue_fold,
    continue_hopf as continue_hopf,
)
from entropyjax.stability.continuation.lens import Lens as Lens
from entropyjax.stability.continuation.model import from_model as from_model
from entropyjax.stability.continuation.problem import Problem as Problem, Quantity as Quantity
from entropyjax.stability.continuation.switch import switch_branch as switch_branch
