"""Elementwise mathematical functions for kernels, from arithmetic and bit operations alone.

`FUNCTIONS` maps names of JAX primitives to functions of float32 or float64 that replace them.
"""

from collections.abc import Callable
from typing import Any

from entropyjax.solve.native.functions.error_function import erf, erfc
from entropyjax.solve.native.functions.exponential import exp, exp2, expm1, logistic, tanh
from entropyjax.solve.native.functions.inverse_error_function import erf_inv
from entropyjax.solve.native.functions.logarithm import log, log1p
from entropyjax.solve.native.functions.power import pow
from entropyjax.solve.native.functions.trigonometric import cos, sin

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "cos": cos,
    "erf": erf,
    "erf_inv": erf_inv,
    "erfc": erfc,
    "exp": exp,
    "exp2": exp2,
    "expm1": expm1,
    "log": log,
    "log1p": log1p,
    "logistic": logistic,
    "pow": pow,
    "sin": sin,
    "tanh": tanh,
}
