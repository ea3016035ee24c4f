"""Values of a kernel for a vector of lanes: scalars where lanes agree, arrays of lanes where they differ."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from entropyjax.solve.unsupported import Unsupported

_OPERATIONS = {
    "add": lax.add,
    "sub": lax.sub,
    "mul": lax.mul,
    "div": lax.div,
    "and": lax.bitwise_and,
    "or": lax.bitwise_or,
    "xor": lax.bitwise_xor,
    "not": lax.bitwise_not,
    "eq": lax.eq,
    "ne": lax.ne,
    "lt": lax.lt,
    "le": lax.le,
    "gt": lax.gt,
    "ge": lax.ge,
    "select": lambda condition, chosen, other: lax.select_n(condition, other, chosen),
}


class Value:
    """One value of a lane: a numpy scalar if it is a constant, a traced scalar, or a traced array of lanes."""

    __slots__ = ("array",)

    def __init__(self, array: Any):
        self.array = array

    @property
    def dtype(self) -> np.dtype:
        """Type of the scalar."""
        return np.dtype(self.array.dtype)

    @property
    def constant(self) -> bool:
        """Whether it is known while the kernel is built."""
        return isinstance(self.array, np.generic)

    @property
    def op(self) -> str:
        """What rules of arrays ask a node for, that of a constant being "constant"."""
        return "constant" if self.constant else "array"

    @property
    def value(self) -> Any:
        """The number that a constant stands for."""
        return self.array

    @property
    def varying(self) -> bool:
        """Whether lanes may differ in it."""
        return self.array.shape != ()


class Vectors:
    """Builder of a kernel's values for `lanes` lanes, in the place that `Graph` has for native kernels."""

    def __init__(self, lanes: int):
        self.lanes = lanes

    def constant(self, value: Any, dtype: Any) -> Value:
        """Return a literal."""
        return Value(np.asarray(value).astype(dtype)[()])

    def node(self, op: str, args: Sequence[Value], dtype: Any, attribute: Any = None) -> Value:
        """Return the value of an operation by its name in native kernels."""
        del attribute
        if op in ("max", "min") and np.dtype(dtype).kind == "f":
            return self._extreme(op, *args)
        if op in ("max", "min"):
            return self.apply(lax.max if op == "max" else lax.min, args)
        if op not in _OPERATIONS:
            raise Unsupported(f"the operation '{op}' has no counterpart in a kernel for GPU")
        return self.apply(_OPERATIONS[op], args)

    def apply(self, function: Any, args: Sequence[Value]) -> Value:
        """Return an elementwise function of values: of constants a constant, of scalars a scalar."""
        if args and all(arg.constant for arg in args):
            with jax.ensure_compile_time_eval():
                return Value(np.asarray(function(*(jnp.asarray(arg.array) for arg in args)))[()])
        if any(arg.varying for arg in args):
            return Value(function(*map(self.spread, args)))
        return Value(function(*(arg.array for arg in args)))

    def spread(self, value: Value) -> Any:
        """Return a value as an array of lanes."""
        if value.varying:
            return value.array
        return lax.full((self.lanes,), value.array) if value.constant else lax.broadcast(value.array, (self.lanes,))

    def carried(self, value: Value, varying: bool) -> Any:
        """Return a value as the array that a loop carries."""
        return self.spread(value) if varying else lax.convert_element_type(value.array, value.dtype)

    def any_lane(self, flag: Value) -> Any:
        """Return whether a flag holds for some lane."""
        # Triton reduces sums, but not disjunctions.
        return jnp.max(flag.array.astype(np.int32)) > 0 if flag.varying else flag.array

    def _extreme(self, op: str, a: Value, b: Value) -> Value:
        # Triton's maximum and minimum drop a NaN, those of XLA keep it: compare and select.
        if a.constant:
            a, b = b, a
        better = self.node("ge" if op == "max" else "le", (a, b), np.bool_)
        if b.constant and not np.isnan(b.array):
            worse = self.node("lt" if op == "max" else "gt", (a, b), np.bool_)
            return self.node("select", (worse, b, a), a.dtype)
        lost = self.node("ne", (a, a), np.bool_)
        return self.node("select", (self.node("or", (better, lost), np.bool_), a, b), a.dtype)
