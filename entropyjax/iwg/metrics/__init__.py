"""Scores of runs: the six metrics of arXiv:2606.01351 as its public code defines them, and this library's own."""

from entropyjax.iwg.metrics.bags import Embedding as Embedding
from entropyjax.iwg.metrics.failures import BLAME as BLAME, macro_f1 as macro_f1
from entropyjax.iwg.metrics.score import COLUMNS as COLUMNS, Column as Column, Scores as Scores, score as score
from entropyjax.iwg.metrics.sequences import Overlap as Overlap, lcs_f1 as lcs_f1
from entropyjax.iwg.metrics.steps import step_success as step_success, task_success as task_success
from entropyjax.iwg.metrics.strategies import exception_handling as exception_handling
from entropyjax.iwg.metrics.texts import consistency as consistency, faithfulness as faithfulness
