"""Systems: one file per kind of point on a curve or at its special places."""

from entropyjax.stability.continuation.systems.base import AbstractSystem as AbstractSystem
from entropyjax.stability.continuation.systems.branch_point import BranchPoint as BranchPoint
from entropyjax.stability.continuation.systems.equilibrium import Equilibrium as Equilibrium
from entropyjax.stability.continuation.systems.fold import Fold as Fold
from entropyjax.stability.continuation.systems.hopf import Hopf as Hopf
