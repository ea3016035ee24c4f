"""Inverse workflow generation: benchmarks made backwards from their answers, runs of orchestrators on them, scores."""

from entropyjax.iwg.chat import (
    Chat as Chat,
    ChatError as ChatError,
    ContextError as ContextError,
    Message as Message,
    Options as Options,
    Reply as Reply,
    ReplyError as ReplyError,
)
from entropyjax.iwg.chat_engine import ChatEngine as ChatEngine
from entropyjax.iwg.checkpoint import PREDICATES as PREDICATES, matches as matches, predicate as predicate
from entropyjax.iwg.codec import decode as decode, encode as encode, from_json as from_json, to_json as to_json
from entropyjax.iwg.committee import (
    Case as Case,
    ChatSolver as ChatSolver,
    Decision as Decision,
    Extraction as Extraction,
    Report as Report,
    Solution as Solution,
    Solver as Solver,
    Verdict as Verdict,
    validate as validate,
)
from entropyjax.iwg.difficulty import Difficulty as Difficulty
from entropyjax.iwg.environment import Environment as Environment, State as State
from entropyjax.iwg.errors import WorkflowError as WorkflowError
from entropyjax.iwg.families import FAMILIES as FAMILIES
from entropyjax.iwg.from_seed import from_seed as from_seed
from entropyjax.iwg.generate import generate as generate
from entropyjax.iwg.history import POLICIES as POLICIES, Policy as Policy
from entropyjax.iwg.instance import (
    Checkpoint as Checkpoint,
    ExceptionScenario as ExceptionScenario,
    Executor as Executor,
    Fact as Fact,
    Instance as Instance,
    Seed as Seed,
    Stage as Stage,
    TaskMark as TaskMark,
)
from entropyjax.iwg.lockstep import drive as drive, lockstep as lockstep
from entropyjax.iwg.loop import Rules as Rules, run as run
from entropyjax.iwg.metrics import Scores as Scores, score as score
from entropyjax.iwg.orchestrators import (
    SCRIPTED as SCRIPTED,
    ChatOrchestrator as ChatOrchestrator,
    ChatSettings as ChatSettings,
    Maker as Maker,
    Orchestrator as Orchestrator,
    View as View,
    scripted as scripted,
    simulate as simulate,
)
from entropyjax.iwg.replies import Exchange as Exchange, Keeping as Keeping, Replay as Replay
from entropyjax.iwg.scenarios import SCENARIOS as SCENARIOS
from entropyjax.iwg.scheduling import scheduling_vector as scheduling_vector
from entropyjax.iwg.scout import scout as scout
from entropyjax.iwg.structure import check as check, findings as findings
from entropyjax.iwg.tokens import Budget as Budget, Counter as Counter, count_characters as count_characters
from entropyjax.iwg.trajectory import (
    Dispatch as Dispatch,
    Observation as Observation,
    Plan as Plan,
    Reflexion as Reflexion,
    Scheduling as Scheduling,
    Step as Step,
    Trajectory as Trajectory,
    Turn as Turn,
    Usage as Usage,
)
