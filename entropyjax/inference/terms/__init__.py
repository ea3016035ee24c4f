"""Likelihoods: one file for each thing that is observed."""

from entropyjax.inference.terms.agreement import Agreement as Agreement
from entropyjax.inference.terms.base import AbstractTerm as AbstractTerm, Seen as Seen
from entropyjax.inference.terms.completions import Completions as Completions
from entropyjax.inference.terms.dispatches import Dispatches as Dispatches
from entropyjax.inference.terms.entropies import Entropies as Entropies, LogProbabilities as LogProbabilities
from entropyjax.inference.terms.tokens import Tokens as Tokens
