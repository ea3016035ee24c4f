"""Figures of sweeps and branches: results in, matplotlib Axes and Figures out."""

from entropyjax.plots.bifurcation import bifurcation_diagram as bifurcation_diagram, fold_curves as fold_curves
from entropyjax.plots.boundary import boundary_diagram as boundary_diagram
from entropyjax.plots.branches import branch_figure as branch_figure
from entropyjax.plots.entropy import entropy_panels as entropy_panels
from entropyjax.plots.errors import PlotError as PlotError
from entropyjax.plots.forecast import forecast_figure as forecast_figure
from entropyjax.plots.gallery import figures as figures
from entropyjax.plots.line import line_diagram as line_diagram
from entropyjax.plots.noise import noise_diagram as noise_diagram
from entropyjax.plots.outcome import outcome_diagram as outcome_diagram
from entropyjax.plots.phase import phase_diagram as phase_diagram
from entropyjax.plots.phase_map import phase_map as phase_map
from entropyjax.plots.predictive import predictive_figure as predictive_figure
from entropyjax.plots.save import save_figure as save_figure
from entropyjax.plots.style import house_style as house_style
from entropyjax.plots.survival import survival_diagram as survival_diagram
from entropyjax.plots.trace_entropy import trace_entropy_panels as trace_entropy_panels
from entropyjax.plots.trap import trap_diagram as trap_diagram
