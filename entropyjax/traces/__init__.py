"""Traces in: readers of logs, one file a format, and the set of runs that they give."""

from entropyjax.traces.problems import Problem as Problem, Problems as Problems, TraceError as TraceError
from entropyjax.traces.read import (
    FORMATS as FORMATS,
    AbstractFormat as AbstractFormat,
    read_traces as read_traces,
    register as register,
)
from entropyjax.traces.runs import RunRecord as RunRecord, StepRecord as StepRecord, trace_set as trace_set
from entropyjax.traces.simulated import simulated_traces as simulated_traces
from entropyjax.traces.workflows import trajectory_traces as trajectory_traces
from entropyjax.traces.write import write_traces as write_traces
