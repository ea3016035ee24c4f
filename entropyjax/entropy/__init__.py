"""Entropy functionals of the scheduling vector, and estimators of them from counts."""

from entropyjax.entropy import binary as binary, categorical as categorical, chain as chain
from entropyjax.entropy.binary import Choice as Choice
from entropyjax.entropy.estimators import (
    chao_shen as chao_shen,
    collision as collision,
    conditional as conditional,
    miller_madow as miller_madow,
    plug_in as plug_in,
    renyi2 as renyi2,
)
from entropyjax.entropy.inverse import gap_at as gap_at
from entropyjax.entropy.nsb import Posterior as Posterior, nsb as nsb
