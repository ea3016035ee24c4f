"""Errors that a job reports in a sentence."""

from entropyjax.agents import AgentError
from entropyjax.ensemble import EnsembleError
from entropyjax.io.config import ConfigError
from entropyjax.io.store import StoreError
from entropyjax.params import ParameterError, UnknownNameError
from entropyjax.stability import ContinuationError


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
)
"""Errors that a user can mend; their messages are sentences and need no traceback."""
