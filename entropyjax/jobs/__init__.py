"""Jobs: what a user starts, on top of the core and the input and output."""

from entropyjax.jobs.errors import USER_ERRORS as USER_ERRORS, JobError as JobError
from entropyjax.jobs.forecast import forecast as forecast
from entropyjax.jobs.iwg import (
    generate_workflows as generate_workflows,
    run_workflows as run_workflows,
    score_workflows as score_workflows,
)
from entropyjax.jobs.predictive import predictive_check as predictive_check
from entropyjax.jobs.simulate import simulate as simulate
from entropyjax.jobs.suite import run_suite as run_suite
from entropyjax.jobs.suite_data import Suite as Suite
from entropyjax.jobs.summary import summarise as summarise
from entropyjax.jobs.sweep import sweep as sweep
from entropyjax.jobs.trace_entropy import entropy_of_traces as entropy_of_traces
from entropyjax.jobs.trap import MapAxis as MapAxis, trap as trap
