"""Inference: what recorded runs of orchestrators say of their entropy."""

from entropyjax.inference.errors import InferenceError as InferenceError
from entropyjax.inference.hazards import (
    constant_hazard as constant_hazard,
    constant_log_survival as constant_log_survival,
    constant_survival as constant_survival,
    weibull_hazard as weibull_hazard,
    weibull_log_survival as weibull_log_survival,
    weibull_survival as weibull_survival,
)
from entropyjax.inference.result import DECOMPOSITIONS as DECOMPOSITIONS, TraceEntropy as TraceEntropy
from entropyjax.inference.series import SERIES as SERIES, Series as Series
from entropyjax.inference.tallies import Tallies as Tallies, tallies as tallies
from entropyjax.inference.trace_entropy import trace_entropy as trace_entropy
