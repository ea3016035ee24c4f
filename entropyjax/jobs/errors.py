"""Errors that a job reports in a sentence."""

from entropyjax.agents import AgentError
from entropyjax.ensemble import EnsembleError
from entropyjax.inference import InferenceError
from entropyjax.io.config import ConfigError
from entropyjax.io.lines import LinesError
from entropyjax.io.settings import SettingsError
from entropyjax.io.store import StoreError
from entropyjax.iwg import WorkflowError
from entropyjax.iwg.chat import ChatError
from entropyjax.models import RestError
from entropyjax.params import ParameterError, UnknownNameError
from entropyjax.stability import ContinuationError
from entropyjax.traces import TraceError


class JobError(ValueError):
    """A job that cannot run as asked, or whose trajectories all failed."""


USER_ERRORS = (
    JobError,
    ConfigError,
    StoreError,
    LinesError,
    SettingsError,
    WorkflowError,
    EnsembleError,
    AgentError,
    ParameterError,
    RestError,
    UnknownNameError,
    ContinuationError,
    InferenceError,
    TraceError,
    ChatError,
)
"""Errors that a user can mend; their messages are sentences and need no traceback."""
