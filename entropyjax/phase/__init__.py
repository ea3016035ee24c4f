"""Phase diagrams: the cells of a sweep, and boundaries refined where a field changes."""

from entropyjax.phase.boundary import IN_BAND as IN_BAND, Boundary as Boundary, Check as Check
from entropyjax.phase.cells import Cells as Cells
from entropyjax.phase.changes import Change as Change, small_changes as small_changes
from entropyjax.phase.lattice import FINEST as FINEST, Lattice as Lattice, Range as Range
from entropyjax.phase.leaders import Leaders as Leaders, leaders as leaders
from entropyjax.phase.ranking import rank_shares as rank_shares
from entropyjax.phase.refine import refine as refine
from entropyjax.phase.rules import (
    FAILED as FAILED,
    AbstractRule as AbstractRule,
    Crossing as Crossing,
    Labels as Labels,
    Plurality as Plurality,
    Share as Share,
    Verdict as Verdict,
)
from entropyjax.phase.samples import Ask as Ask, Field as Field, batched as batched
