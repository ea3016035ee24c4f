"""Jobs: what a user starts, on top of the core and the input and output."""

from entropyjax.jobs.asked import Asked as Asked, read_endpoint as read_endpoint
from entropyjax.jobs.errors import USER_ERRORS as USER_ERRORS, JobError as JobError
from entropyjax.jobs.forecast import forecast as forecast
from entropyjax.jobs.iwg import (
    generate_workflows as generate_workflows,
    score_workflows as score_workflows,
)
from entropyjax.jobs.iwg_committee import (
    review_workflows as review_workflows,
    validate_workflows as validate_workflows,
)
from entropyjax.jobs.iwg_run import run_workflows as run_workflows
from entropyjax.jobs.iwg_seeds import workflows_by_chat as workflows_by_chat, workflows_of_seeds as workflows_of_seeds
from entropyjax.jobs.predictive import predictive_check as predictive_check
from entropyjax.jobs.simulate import simulate as simulate
from entropyjax.jobs.suite import run_suite as run_suite
from entropyjax.jobs.suite_data import Suite as Suite
from entropyjax.jobs.summary import summarise as summarise
from entropyjax.jobs.sweep import sweep as sweep
from entropyjax.jobs.trace_entropy import entropy_of_traces as entropy_of_traces
from entropyjax.jobs.trap import MapAxis as MapAxis, trap as trap
