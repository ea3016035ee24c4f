"""LLVM instructions of single operations, as text."""

from collections.abc import Callable
from typing import Any

import numpy as np

from entropyjax.solve.native import avx512_functions
from entropyjax.solve.native.avx512 import Avx512
from entropyjax.solve.native.graph import Node, Unsupported
from entropyjax.solve.native.ranges import range_of

_TYPES = {"f4": "float", "f8": "double", "b1": "i1"}
_SUFFIXES = {"float": "f32", "double": "f64"}
_COMPARISONS = {"eq": "eq", "ne": "ne", "lt": "lt", "le": "le", "gt": "gt", "ge": "ge"}
# Numbers between these are normal, and so are their reciprocals.
_LEAST, _MOST = 2.0**-125, 2.0**125
_BINARY = {"add": "add", "sub": "sub", "mul": "mul"}


def scalar_type(dtype: Any) -> str:
    """Return the LLVM type of a numpy type."""
    dtype = np.dtype(dtype)
    return _TYPES.get(dtype.str[1:]) or f"i{8 * dtype.itemsize}"


def literal(value: Any, dtype: Any) -> str:
    """Return a literal of LLVM."""
    dtype = np.dtype(dtype)
    if dtype.kind == "f":
        # LLVM writes a float as the double of the same value.
        return f"0x{np.asarray(value, dtype).astype(np.float64).view(np.uint64)[()]:016X}"
    if dtype.kind == "b":
        return "true" if value else "false"
    return str(int(value))


class Instructions:
    """Writes single operations for vectors of `width` lanes.

    **Attributes:**

    - `flags`: fast-math flags of arithmetic that is not strict.
    - `estimates`: whether to divide by way of AVX-512's estimate of the reciprocal, three times as fast.
    - `declared`: declarations of the intrinsics that were used.
    """

    def __init__(self, width: int, flags: str, estimates: bool = False):
        self.width, self.flags, self.estimates = width, flags, estimates
        self.declared: set[str] = set()

    def type(self, dtype: Any, varying: bool) -> str:
        """Return the type of a value that may differ between lanes."""
        scalar = scalar_type(dtype)
        return f"<{self.width} x {scalar}>" if varying else scalar

    def constant(self, value: Any, dtype: Any, varying: bool) -> str:
        """Return a literal, repeated for each lane if need be."""
        text = literal(value, dtype)
        if not varying:
            return text
        return "<" + ", ".join([f"{scalar_type(dtype)} {text}"] * self.width) + ">"

    def intrinsic(self, name: str, result: str, *types: str) -> str:
        """Return the name of an intrinsic, overloaded on its first type, and declare it."""
        full = f"@llvm.{name}.{mangled(types[0])}"
        self.declared.add(f"declare {result} {full}({', '.join(types)})")
        return full

    def text(self, node: Node, names: list[str], fresh: Callable[[str], str]) -> str:
        """Return the right-hand side of a node; `fresh` writes a preceding instruction and returns its name."""
        method = self._function if node.op in avx512_functions.WRITERS else getattr(self, f"_{node.op}", None)
        if method is None:
            raise Unsupported(f"the operation '{node.op}' has no instruction")
        return method(node, names, fresh)

    def _fast(self, node: Node) -> str:
        return "" if node.strict else self.flags

    def _of(self, node: Node) -> str:
        return self.type(node.dtype, node.varying)

    def _arithmetic(self, node: Node, names: list[str], fresh: Any) -> str:
        kind = self._of(node)
        if node.dtype.kind == "f":
            return f"f{_BINARY[node.op]} {self._fast(node)} {kind} {names[0]}, {names[1]}"
        return f"{_BINARY[node.op]} {kind} {names[0]}, {names[1]}"

    _add = _sub = _mul = _arithmetic

    def _div(self, node: Node, names: list[str], fresh: Any) -> str:
        if self.estimates and node.varying and node.dtype == np.float32 and self.width % 16 == 0:
            return self._quotient(node, names, fresh)
        op = {"f": f"fdiv {self._fast(node)}", "i": "sdiv", "u": "udiv"}[node.dtype.kind]
        return f"{op} {self._of(node)} {names[0]}, {names[1]}"

    def _quotient(self, node: Node, names: list[str], fresh: Callable[[str], str]) -> str:
        low, high = range_of(node.args[1])
        write = avx512_functions.reciprocal_inside if low > _LEAST and high < _MOST else avx512_functions.reciprocal
        inverse = write(self._avx512(fresh), names[1])
        return f"fmul {self._fast(node)} {self._of(node)} {names[0]}, {inverse}"

    def _avx512(self, fresh: Callable[[str], str]) -> Avx512:
        return Avx512(self.width, lambda value: self.constant(value, np.float32, True), fresh, self.declared.add)

    def _function(self, node: Node, names: list[str], fresh: Callable[[str], str]) -> str:
        # A value that is there already is passed on as a bit cast to its own type.
        name = avx512_functions.WRITERS[node.op](self._avx512(fresh), names[0])
        return f"bitcast {self._of(node)} {name} to {self._of(node)}"

    def _rem(self, node: Node, names: list[str], fresh: Any) -> str:
        return f"{'srem' if node.dtype.kind == 'i' else 'urem'} {self._of(node)} {names[0]}, {names[1]}"

    def _bitwise(self, node: Node, names: list[str], fresh: Any) -> str:
        return f"{node.op} {self._of(node)} {names[0]}, {names[1]}"

    _and = _or = _xor = _bitwise

    def _not(self, node: Node, names: list[str], fresh: Any) -> str:
        ones = "true" if node.dtype == np.bool_ else "-1"
        return f"xor {self._of(node)} {names[0]}, {self._repeated(ones, node)}"

    def _neg(self, node: Node, names: list[str], fresh: Any) -> str:
        kind = self._of(node)
        if node.dtype.kind == "f":
            return f"fneg {kind} {names[0]}"
        return f"sub {kind} {self._repeated('0', node)}, {names[0]}"

    def _repeated(self, text: str, node: Node) -> str:
        """Return a literal for each lane of a node, or once."""
        scalar = scalar_type(node.dtype)
        return "<" + ", ".join([f"{scalar} {text}"] * self.width) + ">" if node.varying else text

    def _abs(self, node: Node, names: list[str], fresh: Any) -> str:
        kind = self._of(node)
        if node.dtype.kind == "f":
            return f"call {kind} {self.intrinsic('fabs', kind, kind)}({kind} {names[0]})"
        full = self.intrinsic("abs", kind, kind, "i1")
        return f"call {kind} {full}({kind} {names[0]}, i1 false)"

    def _unary(self, node: Node, names: list[str], fresh: Any) -> str:
        name = {"round_even": "roundeven"}.get(node.op, node.op)
        kind = self._of(node)
        return f"call {kind} {self.intrinsic(name, kind, kind)}({kind} {names[0]})"

    _sqrt = _floor = _ceil = _round = _round_even = _unary

    def _compare(self, node: Node, names: list[str], fresh: Any) -> str:
        operand = node.args[0]
        kind, name = self._of(operand), _COMPARISONS[node.op]
        if operand.dtype.kind == "f":
            return f"fcmp {'une' if name == 'ne' else 'o' + name} {kind} {names[0]}, {names[1]}"
        sign = "" if name in ("eq", "ne") else ("s" if operand.dtype.kind == "i" else "u")
        return f"icmp {sign}{name} {kind} {names[0]}, {names[1]}"

    _eq = _ne = _lt = _le = _gt = _ge = _compare

    def _is_finite(self, node: Node, names: list[str], fresh: Any) -> str:
        operand = node.args[0]
        kind = self._of(operand)
        size = fresh(f"call {kind} {self.intrinsic('fabs', kind, kind)}({kind} {names[0]})")
        return f"fcmp olt {kind} {size}, {self.constant(np.inf, operand.dtype, node.varying)}"

    def _extreme(self, node: Node, names: list[str], fresh: Any) -> str:
        kind, flag = self._of(node), self.type(np.bool_, node.varying)
        beyond = "gt" if node.op == "max" else "lt"
        a, b = names
        if node.dtype.kind != "f":
            sign = "s" if node.dtype.kind == "i" else "u"
            chosen = fresh(f"icmp {sign}{beyond} {kind} {a}, {b}")
        elif node.attribute == "number":
            # This form is one instruction on x86, and keeps a NaN of the first operand.
            chosen = fresh(f"fcmp o{beyond} {kind} {b}, {a}")
            return f"select {flag} {chosen}, {kind} {b}, {kind} {a}"
        else:
            larger, odd = fresh(f"fcmp o{beyond} {kind} {a}, {b}"), fresh(f"fcmp uno {kind} {a}, {a}")
            chosen = fresh(f"or {flag} {larger}, {odd}")
        return f"select {flag} {chosen}, {kind} {a}, {kind} {b}"

    _max = _min = _extreme

    def _select(self, node: Node, names: list[str], fresh: Any) -> str:
        kind = self._of(node)
        return f"select {self._of(node.args[0])} {names[0]}, {kind} {names[1]}, {kind} {names[2]}"

    def _shift(self, node: Node, names: list[str], fresh: Any) -> str:
        op = {"shift_left": "shl", "shift_right_logical": "lshr", "shift_right_arithmetic": "ashr"}[node.op]
        return f"{op} {self._of(node)} {names[0]}, {names[1]}"

    _shift_left = _shift_right_logical = _shift_right_arithmetic = _shift

    def _bitcast(self, node: Node, names: list[str], fresh: Any) -> str:
        if node.dtype.itemsize != node.args[0].dtype.itemsize or np.bool_ in (node.dtype, node.args[0].dtype):
            raise Unsupported("it reinterprets a number as one of another size")
        source, target = self._of(node.args[0]), self._of(node)
        return f"bitcast {source} {names[0]} to {target}"

    def _convert(self, node: Node, names: list[str], fresh: Any) -> str:
        operand = node.args[0]
        source, target = self._of(operand), self._of(node)
        old, new = operand.dtype, node.dtype
        if new == np.bool_:
            zero = self.constant(0, old, node.varying)
            return f"{'fcmp une' if old.kind == 'f' else 'icmp ne'} {source} {names[0]}, {zero}"
        if old == np.bool_:
            one, zero = (self.constant(value, new, node.varying) for value in (1, 0))
            return f"select {source} {names[0]}, {target} {one}, {target} {zero}"
        if old.kind == "f" and new.kind == "f":
            return f"{'fpext' if new.itemsize > old.itemsize else 'fptrunc'} {source} {names[0]} to {target}"
        if old.kind == "f":
            op = "fptosi" if new.kind == "i" else "fptoui"
            if node.strict:
                # Mathematical functions convert numbers within range, or discard the result.
                return f"{op} {source} {names[0]} to {target}"
            return self._saturated(node, names[0], op, fresh)
        if new.kind == "f":
            return f"{'sitofp' if old.kind == 'i' else 'uitofp'} {source} {names[0]} to {target}"
        if old.itemsize == new.itemsize:
            return f"bitcast {source} {names[0]} to {target}"
        grow = "sext" if old.kind == "i" else "zext"
        return f"{grow if new.itemsize > old.itemsize else 'trunc'} {source} {names[0]} to {target}"

    def _saturated(self, node: Node, name: str, op: str, fresh: Callable[[str], str]) -> str:
        """Convert as XLA does: out of range to the nearest integer there is, NaN to 0.

        LLVM's own saturating conversion is done lane by lane on x86.
        """
        old, new = node.args[0].dtype, node.dtype
        source, target, flag = self._of(node.args[0]), self._of(node), self.type(np.bool_, node.varying)
        limits = np.iinfo(new)
        high = np.nextafter(np.asarray(2.0**limits.bits if new.kind == "u" else 2.0 ** (limits.bits - 1), old), 0.0)
        top, bottom = (self.constant(value, old, node.varying) for value in (high, float(limits.min)))
        odd = fresh(f"fcmp uno {source} {name}, {name}")
        above = fresh(f"fcmp ogt {source} {name}, {top}")
        below = fresh(f"fcmp olt {source} {name}, {bottom}")
        inside = fresh(f"select {flag} {above}, {source} {top}, {source} {name}")
        inside = fresh(f"select {flag} {below}, {source} {bottom}, {source} {inside}")
        inside = fresh(f"select {flag} {odd}, {source} {self.constant(0.0, old, node.varying)}, {source} {inside}")
        number = fresh(f"{op} {source} {inside} to {target}")
        return f"select {flag} {above}, {target} {self.constant(limits.max, new, node.varying)}, {target} {number}"

    def _splat(self, node: Node, names: list[str], fresh: Any) -> str:
        operand = node.args[0]
        kind = self._of(node)
        one = fresh(f"insertelement {kind} poison, {scalar_type(operand.dtype)} {names[0]}, i64 0")
        return f"shufflevector {kind} {one}, {kind} poison, <{self.width} x i32> zeroinitializer"


def mangled(kind: str) -> str:
    """Return the suffix by which an intrinsic is overloaded on a type."""
    if kind.startswith("<"):
        count, _, scalar = kind[1:-1].partition(" x ")
        return f"v{count}{_SUFFIXES.get(scalar, scalar)}"
    return _SUFFIXES.get(kind, kind)
