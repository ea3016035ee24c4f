"""Stability: equilibria, their spectrum, and where they appear or vanish."""

from entropyjax.stability.equilibria import Equilibria as Equilibria, equilibria as equilibria
from entropyjax.stability.margin import (
    has_margin_window as has_margin_window,
    margin_context as margin_context,
    margin_window as margin_window,
)
from entropyjax.stability.phases import Phases as Phases, phases as phases
from entropyjax.stability.spectrum import Spectrum as Spectrum
