"""Phase diagrams: axes of a sweep and its cells."""

from entropyjax.phase.cells import Cells as Cells
