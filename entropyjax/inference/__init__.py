"""Inference: what recorded runs of orchestrators say of their entropy."""

from entropyjax.inference.errors import InferenceError as InferenceError
from entropyjax.inference.result import DECOMPOSITIONS as DECOMPOSITIONS, TraceEntropy as TraceEntropy
from entropyjax.inference.series import SERIES as SERIES, Series as Series
from entropyjax.inference.tallies import Tallies as Tallies, tallies as tallies
from entropyjax.inference.trace_entropy import trace_entropy as trace_entropy
