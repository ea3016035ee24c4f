"""Operations of AVX-512 on float32 that take numbers apart and scale them in one instruction, as LLVM text."""

from collections.abc import Callable

import numpy as np

FEATURES = ("+avx512f", "+avx512dq", "+avx512vl")
"""Extensions that they need."""

_PART = "<16 x float>"
_FEW = 32
"""Lanes up to which chains of operations do not hide each other's latency."""
_NO_MASK = f"{_PART} zeroinitializer, i16 -1, i32 4"


class Avx512:
    """Writes operations on vectors of `width` lanes, a multiple of 16.

    **Attributes:** `fresh`: writes an instruction and returns its name; `declare`: declares an intrinsic.
    """

    def __init__(
        self,
        width: int,
        constant: Callable[[float], str],
        fresh: Callable[[str], str],
        declare: Callable[[str], None],
    ):
        self.width, self._literal, self.fresh, self.declare = width, constant, fresh, declare
        self.kind, self.flag = f"<{width} x float>", f"<{width} x i1>"

    def constant(self, value: float | np.floating) -> str:
        """Return a literal in every lane."""
        return self._literal(float(value))

    def op(self, op: str, *args: str) -> str:
        """Write an instruction of LLVM on vectors."""
        return self.fresh(f"{op} {self.kind} {', '.join(args)}")

    def call(self, name: str, *args: str) -> str:
        """Call an intrinsic of LLVM that is overloaded on the type of vectors."""
        full = f"@llvm.{name}.v{self.width}f32"
        self.declare(f"declare {self.kind} {full}({', '.join([self.kind] * len(args))})")
        return self.fresh(f"call {self.kind} {full}({', '.join(f'{self.kind} {arg}' for arg in args)})")

    def fma(self, a: str, b: str, c: str) -> str:
        """Return a b + c, rounded once."""
        return self.call("fma", a, b, c)

    def minus(self, x: str) -> str:
        """Return -x."""
        return self.op("fneg", x)

    def where(self, condition: str, yes: str, no: str) -> str:
        """Return `yes` where the condition holds, else `no`."""
        return self.fresh(f"select {self.flag} {condition}, {self.kind} {yes}, {self.kind} {no}")

    def bounded(self, x: str, low: float | None, high: float | None) -> str:
        """Return x between bounds, and NaN for NaN."""
        for bound, beyond in ((low, "olt"), (high, "ogt")):
            if bound is not None:
                x = self.where(self.op(f"fcmp {beyond}", x, self.constant(bound)), self.constant(bound), x)
        return x

    def polynomial(self, x: str, coefficients: tuple[float, ...]) -> str:
        """Return c0 + c1 x + c2 x^2 + ...; where few registers take turns, as two chains of half the length."""
        if self.width <= _FEW and len(coefficients) > 3:
            square = self.op("fmul", x, x)
            even, odd = self._horner(square, coefficients[::2]), self._horner(square, coefficients[1::2])
            return self.fma(odd, x, even)
        return self._horner(x, coefficients)

    def _horner(self, x: str, coefficients: tuple[float, ...]) -> str:
        total = self.constant(coefficients[-1])
        for coefficient in reversed(coefficients[:-1]):
            total = self.fma(total, x, self.constant(coefficient))
        return total

    def scaled(self, x: str, power: str) -> str:
        """Return x 2^floor(power), in range or not."""
        return self._by_parts("mask.scalef", [x, power], "", _NO_MASK)

    def exponent(self, x: str) -> str:
        """Return floor(log2 |x|): -inf for 0, inf for inf."""
        return self._by_parts("mask.getexp", [x], "", _NO_MASK)

    def significand(self, x: str) -> str:
        """Return m in [3/4, 3/2) with x = 2^k m; NaN for x < 0, 1 for 0 and inf."""
        # 3: the interval; 8: NaN for negative numbers.
        return self._by_parts("mask.getmant", [x], "i32 11, ", _NO_MASK)

    def fraction(self, x: str) -> str:
        """Return x - floor(x); 0 for an infinite x."""
        return self._by_parts("mask.reduce", [x], "i32 1, ", _NO_MASK)

    def reciprocal_estimate(self, x: str) -> str:
        """Return 1/x to 14 bits."""
        return self._by_parts("rcp14", [x], "", f"{_PART} zeroinitializer, i16 -1")

    def _by_parts(self, name: str, args: list[str], before: str, after: str) -> str:
        """Call an intrinsic of 16 lanes on each part of the operands."""
        full = f"@llvm.x86.avx512.{name}.ps.512"
        others = ", ".join(item.split()[0] if item[0] == "i" else _PART for item in f"{before}{after}".split(", "))
        self.declare(f"declare {_PART} {full}({', '.join([_PART] * len(args))}, {others})")
        parts = []
        for start in range(0, self.width, 16):
            listed = ", ".join(f"{_PART} {self._part(arg, start)}" for arg in args)
            parts.append(self.fresh(f"call {_PART} {full}({listed}, {before}{after})"))
        return self._joined(parts)

    def _part(self, name: str, start: int) -> str:
        if self.width == 16:
            return name
        places = ", ".join(f"i32 {start + lane}" for lane in range(16))
        return self.fresh(f"shufflevector {self.kind} {name}, {self.kind} poison, <16 x i32> <{places}>")

    def _joined(self, parts: list[str]) -> str:
        """Return the vector of the parts in order."""
        size = 16
        while len(parts) > 1:
            kind = f"<{size} x float>"
            size *= 2
            places = ", ".join(f"i32 {lane}" for lane in range(size))
            pairs = zip(parts[::2], parts[1::2], strict=True)
            parts = [self.fresh(f"shufflevector {kind} {a}, {kind} {b}, <{size} x i32> <{places}>") for a, b in pairs]
        return parts[0]
