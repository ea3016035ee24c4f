"""Entropy functionals of the scheduling vector."""

from entropyjax.entropy import binary as binary, categorical as categorical, chain as chain
from entropyjax.entropy.binary import Choice as Choice
