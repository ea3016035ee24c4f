"""Rigorous ranges of functions: interval arithmetic on the equations that JAX records."""

from entropyjax.stability.enclosure.follow import Enclosed as Enclosed
from entropyjax.stability.enclosure.interval import Enclosure as Enclosure
from entropyjax.stability.enclosure.rules import NotEnclosable as NotEnclosable
from entropyjax.stability.enclosure.sampled import Sampled as Sampled
