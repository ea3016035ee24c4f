"""Elementwise mathematical functions for kernels, from arithmetic, selection and operations on bits alone.

`FUNCTIONS` maps names of JAX primitives to functions that replace them, of float32 or float64. Their errors, in
units in the last place, are at most (float32, float64):

| function | error | function | error |
|---|---|---|---|
| exp | 0.96, 0.96 | tanh | 1.5, 1.6 |
| exp2 | 1.1, 1.2 | pow | 1.0, 1.6 |
| expm1 | 1.5, 1.4 | erf | 1.4, 1.4 |
| log | 0.9, 0.9 | erfc | 5.5, 6.5 |
| log1p | 1.4, 1.5 | erf_inv | 4.0, 3.5 |
| logistic | 2.0, 2.0 | sin, cos | 1.4, 1.4 |

sin and cos up to |x| = 12800 and 1.6e6; `trigonometric` tells what holds beyond. Exceptional values are those of
C99. Where arithmetic flushes subnormal numbers to 0, so do results, but arguments of log and pow may be subnormal.

Measured at all float32 arguments for which values vary (erf_inv: every seventh; pow: 15 million pairs) and at
about ten million float64 ones each (erf_inv: 3500), as compiled by gcc 12 with and without contraction of a product
and a sum to one rounding, and for float32 with the signs of zeros ignored. These two flags are safe for every
function: products on which a compensation rests are exact. Reassociation, approximate reciprocals and the absence
of NaN or infinity must not be assumed.
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
