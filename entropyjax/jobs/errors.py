"""Errors that a job reports in a sentence."""

from entropyjax.agents import AgentError
from entropyjax.ensemble import EnsembleError
from entropyjax.inference import InferenceError
from entropyjax.io.config import ConfigError
from entropyjax.io.store import StoreError
from entropyjax.iwg.chat import ChatError
from entropyjax.params import ParameterError, UnknownNameError
from entropyjax.stability import ContinuationError
from entropyjax.traces import TraceError


class JobError(ValueError):
    """A job that cannot run as asked, or whose trajectories all failed."""


USER_ERRORS = (
    JobError,
    ConfigError,
    StoreError,
    EnsembleError,
    AgentError,
    ParameterError,
    UnknownNameError,
    ContinuationError,
    InferenceError,
    TraceError,
    ChatError,
)
"""Errors that a user can mend; their messages are sentences and need no traceback."""
