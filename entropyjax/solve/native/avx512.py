"""Exponentials and logarithms of float32 by AVX-512, which takes numbers apart and scales them in one instruction.

The polynomials are those of `functions`; what is saved is the work on bit patterns. Subnormal arguments
count as zero here, as everywhere in a kernel.
"""

from collections.abc import Callable

import numpy as np

from entropyjax.solve.native.functions import exponential, logarithm
from entropyjax.solve.native.functions.bits import format_of

NAMES = frozenset({"exp", "log", "log1p", "logistic"})
"""Functions that are written here."""

FEATURES = ("+avx512f", "+avx512dq", "+avx512vl")
"""Extensions that they need."""

_PART = "<16 x float>"
_HIGH, _LOW = format_of(np.zeros((), np.float32)).log_2  # type: ignore[arg-type]
_NO_MASK = f"{_PART} zeroinitializer, i16 -1, i32 4"


class Avx512:
    """Writes the functions for vectors of `width` lanes, a multiple of 16.

    **Attributes:** `constant`: a literal in every lane; `fresh`: writes an instruction and returns its name;
    `declare`: declares an intrinsic.
    """

    def __init__(
        self,
        width: int,
        constant: Callable[[float], str],
        fresh: Callable[[str], str],
        declare: Callable[[str], None],
    ):
        self.width, self.constant, self.fresh, self._declare = width, constant, fresh, declare
        self.kind, self.flag = f"<{width} x float>", f"<{width} x i1>"

    def _op(self, op: str, *args: str) -> str:
        return self.fresh(f"{op} {self.kind} {', '.join(args)}")

    def _fma(self, a: str, b: str, c: str) -> str:
        name = f"@llvm.fma.v{self.width}f32"
        self._declare(f"declare {self.kind} {name}({self.kind}, {self.kind}, {self.kind})")
        return self.fresh(f"call {self.kind} {name}({self.kind} {a}, {self.kind} {b}, {self.kind} {c})")

    def _where(self, condition: str, yes: str, no: str) -> str:
        return self.fresh(f"select {self.flag} {condition}, {self.kind} {yes}, {self.kind} {no}")

    def _bounded(self, x: str, low: float | None, high: float | None) -> str:
        """Return x between bounds, and NaN for NaN."""
        for bound, beyond in ((low, "olt"), (high, "ogt")):
            if bound is not None:
                x = self._where(self._op(f"fcmp {beyond}", x, self.constant(bound)), self.constant(bound), x)
        return x

    def _intrinsic(self, name: str, args: list[str], extra: str = "", types: str = "") -> str:
        """Call an intrinsic of 16 lanes on each part of the operands."""
        full = f"@llvm.x86.avx512.mask.{name}.ps.512"
        self._declare(f"declare {_PART} {full}({', '.join([_PART] * len(args))}{types}, {_PART}, i16, i32)")
        parts = []
        for start in range(0, self.width, 16):
            pieces = [self._part(arg, start) for arg in args]
            listed = ", ".join(f"{_PART} {piece}" for piece in pieces)
            parts.append(self.fresh(f"call {_PART} {full}({listed}{extra}, {_NO_MASK})"))
        if len(parts) == 1:
            return parts[0]
        places = ", ".join(f"i32 {lane}" for lane in range(32))
        return self.fresh(f"shufflevector {_PART} {parts[0]}, {_PART} {parts[1]}, <32 x i32> <{places}>")

    def _part(self, name: str, start: int) -> str:
        if self.width == 16:
            return name
        places = ", ".join(f"i32 {start + lane}" for lane in range(16))
        return self.fresh(f"shufflevector {self.kind} {name}, {self.kind} poison, <16 x i32> <{places}>")

    def _scaled(self, x: str, power: str) -> str:
        """Return x 2^power, in range or not."""
        return self._intrinsic("scalef", [x, power])

    def _polynomial(self, x: str, coefficients: tuple[float, ...]) -> str:
        total = self.constant(coefficients[-1])
        for coefficient in reversed(coefficients[:-1]):
            total = self._fma(total, x, self.constant(coefficient))
        return total

    def exp(self, x: str) -> str:
        """Return 2^n e^r, n = round(x / ln 2), r = x - n ln 2; scaling takes care of the ends of the range."""
        return self._exp_within(self._bounded(x, -104.0, 89.0))

    def _exp_within(self, x: str) -> str:
        name = f"@llvm.roundeven.v{self.width}f32"
        self._declare(f"declare {self.kind} {name}({self.kind})")
        n = self.fresh(f"call {self.kind} {name}({self.kind} {self._op('fmul', x, self.constant(np.log2(np.e)))})")
        r = self._fma(n, self.constant(-_LOW), self._fma(n, self.constant(-_HIGH), x))
        square = self._op("fmul", r, r)
        rest = self._fma(square, self._polynomial(r, exponential._Q["float32"]), r)
        return self._scaled(self._op("fadd", rest, self.constant(1.0)), n)

    def logistic(self, x: str) -> str:
        """Return q = 1 / (1 + e^-|x|), and e^-|x| q for x < 0."""
        size = f"@llvm.fabs.v{self.width}f32"
        self._declare(f"declare {self.kind} {size}({self.kind})")
        minus = self.fresh(f"fneg {self.kind} {self.fresh(f'call {self.kind} {size}({self.kind} {x})')}")
        t = self._exp_within(self._bounded(minus, -104.0, None))
        total = self._op("fadd", t, self.constant(1.0))
        guess = self.reciprocal_estimate(total)
        rest = self._fma(self.fresh(f"fneg {self.kind} {total}"), guess, self.constant(1.0))
        q = self._fma(guess, rest, guess)
        negative = self._op("fcmp olt", x, self.constant(0.0))
        return self._where(negative, self._op("fmul", t, q), q)

    def reciprocal_estimate(self, x: str) -> str:
        """Return 1/x to 14 bits."""
        full = "@llvm.x86.avx512.rcp14.ps.512"
        self._declare(f"declare {_PART} {full}({_PART}, {_PART}, i16)")
        parts = [
            self.fresh(f"call {_PART} {full}({_PART} {self._part(x, start)}, {_PART} zeroinitializer, i16 -1)")
            for start in range(0, self.width, 16)
        ]
        if len(parts) == 1:
            return parts[0]
        places = ", ".join(f"i32 {lane}" for lane in range(32))
        return self.fresh(f"shufflevector {_PART} {parts[0]}, {_PART} {parts[1]}, <32 x i32> <{places}>")

    def _split(self, x: str) -> tuple[str, str]:
        """Return k and m in [3/4, 3/2) with x = 2^k m; m is NaN for x < 0, and k is -inf for 0 and inf for inf."""
        # 3: the interval; 8: NaN for negative numbers.
        m = self._intrinsic("getmant", [x], ", i32 11", ", i32")
        k = self._op("fsub", self._intrinsic("getexp", [x]), self._intrinsic("getexp", [m]))
        return k, m

    def _log_of_parts(self, f: str, k: str) -> str:
        """Return k ln 2 + log(1 + f)."""
        square = self._op("fmul", f, f)
        cubed = self._op("fmul", f, square)
        tail = self._fma(k, self.constant(_LOW), self._op("fmul", square, self.constant(-0.5)))
        tail = self._fma(cubed, self._polynomial(f, logarithm._SERIES), tail)
        return self._fma(k, self.constant(_HIGH), self._op("fadd", f, tail))

    def log(self, x: str) -> str:
        """Return the natural logarithm."""
        k, m = self._split(x)
        return self._log_of_parts(self._op("fadd", m, self.constant(-1.0)), k)

    def log1p(self, x: str) -> str:
        """Return log(1 + x), of 1 + x = 2^k (1 + f) with f = x 2^-k + (2^-k - 1), rounded once."""
        k, _ = self._split(self._op("fadd", x, self.constant(1.0)))
        scale = self._scaled(self.constant(1.0), self.fresh(f"fneg {self.kind} {k}"))
        f = self._fma(x, scale, self._op("fadd", scale, self.constant(-1.0)))
        size = f"@llvm.fabs.v{self.width}f32"
        self._declare(f"declare {self.kind} {size}({self.kind})")
        endless = self._op(
            "fcmp oeq", self.fresh(f"call {self.kind} {size}({self.kind} {k})"), self.constant(float("inf"))
        )
        return self._where(endless, k, self._log_of_parts(f, k))
