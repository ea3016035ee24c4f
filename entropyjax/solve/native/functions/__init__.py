"""Mathematical functions."""

from entropyjax.solve.native.functions.exponential import exp, exp2, expm1, logistic, tanh
from entropyjax.solve.native.functions.logarithm import log, log1p
from entropyjax.solve.native.functions.power import pow
from entropyjax.solve.native.functions.trigonometric import cos, sin

FUNCTIONS = {"exp": exp, "exp2": exp2, "expm1": expm1, "log": log, "log1p": log1p, "logistic": logistic, "tanh": tanh, "pow":pow, "sin":sin, "cos":cos}
