"""Noise: quasi-potential, escape rates, exact passage times, and ensembles that escape."""

from entropyjax.stability.noise.curvature import resting_curvature as resting_curvature
from entropyjax.stability.noise.escape import (
    Escape as Escape,
    Rate as Rate,
    escape as escape,
    escape_rate as escape_rate,
)
from entropyjax.stability.noise.exposure import Exposure as Exposure, exposure as exposure
from entropyjax.stability.noise.metastability import Metastability as Metastability, metastability as metastability
from entropyjax.stability.noise.passage import (
    fast_focus_passage as fast_focus_passage,
    mean_passage as mean_passage,
)
from entropyjax.stability.noise.plane import (
    NoiseError as NoiseError,
    Plane as Plane,
    plane_of as plane_of,
    scaled_noise as scaled_noise,
)
from entropyjax.stability.noise.simulate import (
    Collapses as Collapses,
    Runs as Runs,
    arrival as arrival,
    simulate_collapses as simulate_collapses,
)
from entropyjax.stability.noise.slice import CollapseSlice as CollapseSlice, collapse_slice as collapse_slice
