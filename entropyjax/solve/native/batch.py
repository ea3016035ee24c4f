"""A native kernel for a batch of lanes: prepared once, called from inside jitted functions."""

import dataclasses
import hashlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from entropyjax.solve.native import avx512, build, direct
from entropyjax.solve.native.handler import handler_text
from entropyjax.solve.native.instructions import Instructions
from entropyjax.solve.native.kernel import AbstractKernelText
from entropyjax.solve.native.layout import SLOTS, Layout
from entropyjax.solve.native.nests import ItemNest, LaneNest
from entropyjax.solve.native.refill import RefillNest, main_loop
from entropyjax.solve.native.saved import Rows
from entropyjax.solve.native.trace import Traced, trace
from entropyjax.solve.split import LaneFunction

FULL = 4
"""Least number of vectors in an item whose lanes share vectors; with fewer, each slot takes an item of its own."""

FLAGS = "nsz contract"
"""Fast-math flags of arithmetic: a product and a sum may round once, and zeros may lose their sign."""


@dataclasses.dataclass(frozen=True)
class Options:
    """How kernels are generated.

    **Attributes:**

    - `width`: most lanes of a vector, a power of two of at most 64; 0 for four of the processor's registers. It is
      two registers at most where lanes end at different times or an item has few.
    - `flags`: LLVM's fast-math flags.
    - `cache`: where compiled objects are kept between processes.
    """

    width: int = 0
    flags: str = FLAGS
    cache: build.ObjectCache | None = None


class Kernel:
    """A compiled kernel for all lanes of items; two with the same code are equal.

    **Attributes:** `width`: lanes of a vector; `operations`: nodes of its graph.
    """

    def __init__(self, traced: Traced, block: int, width: int, uniform: bool, options: Options):
        self._prelude, self._layout, self._structure = traced.prelude, traced.layout, traced.structure
        self._block = block
        refill = uniform and main_loop(traced.block) is not None
        if refill:
            # With more slots, more of them wait.
            width = min(width, build.registers(traced.layout.dtype, 2))
        instructions = Instructions(width, options.flags, build.has(*avx512.FEATURES))
        nest = (RefillNest if refill else LaneNest if uniform else ItemNest)(traced, block, instructions)
        text = _module(traced, nest)
        self.width, self._lanes = width, nest.lanes
        self._target = build.register(text, options.cache)
        # Kernels with the same text may still take different shared values.
        self._key = hashlib.sha256(f"{self._target}\n{traced.prelude}\n{traced.structure}".encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Kernel) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __call__(self, shared: Any, items: Any) -> Any:
        """Return the sinks of all lanes of each item, added up.

        **Arguments:** `shared`: pytree of arrays for all lanes; `items`: pytree of arrays with a leading axis of
        items.

        **Returns:** the pytree of sinks with, for a `Sample`, the tuple (count, mean, square), and an array for the
        others, each with a leading axis of items; for an `Each` the axis of lanes follows, then that of rows.
        """
        leaves = jax.tree.leaves(items)
        inputs = jax.core.eval_jaxpr(self._prelude.jaxpr, self._prelude.consts, *jax.tree.leaves(shared))  # pyright: ignore
        shapes = [
            jax.ShapeDtypeStruct((leaves[0].shape[0], *shape), dtype)
            for shape, dtype in self._layout.shapes(self._lanes)
        ]
        outputs = jax.ffi.ffi_call(self._target, shapes)(*inputs, *leaves)
        return jax.tree.unflatten(self._structure, _results(self._layout, list(outputs), self._block))


def prepare(function: LaneFunction, shared: Any, items: Any, block: int, options: Options) -> Kernel:
    """Return the kernel of a lane's function.

    **Arguments:** `function`: called as function(shared, item, lane, valid), returns a pytree of sinks; `shared`,
    `items`: pytrees of arrays or of their shapes and types; `block`: lanes of an item.

    **Raises:** `Unsupported` if the function or the processor does not allow one.
    """
    item = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), items)
    whole = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), shared)
    # The floating type is that of the widest input.
    floats = [leaf.dtype for leaf in jax.tree.leaves((whole, item)) if jnp.issubdtype(leaf.dtype, np.floating)]
    dtype = max(floats, key=lambda dtype: dtype.itemsize, default=np.dtype(np.float32))
    width = options.width or build.registers(dtype, 4)
    if width not in (1, 2, 4, 8, 16, 32, 64):
        raise ValueError(f"A vector of {width} lanes cannot be made; choose a power of two of at most {SLOTS}.")
    if block < FULL * width:
        width = min(width, build.registers(dtype, 2))
    uniform = block >= FULL * width
    functions = direct.NAMES if build.has(*avx512.FEATURES) and width % 16 == 0 else frozenset()
    return Kernel(trace(function, whole, item, uniform, functions), block, width, uniform, options)


def _module(traced: Traced, nest: AbstractKernelText) -> str:
    work = nest.text()
    arguments = len(traced.shared) + len(traced.items)
    handler = handler_text(
        buffers=arguments + len(traced.layout.shapes(nest.lanes)),
        arguments=arguments,
        items_argument=len(traced.shared),
        group=nest.group,
        scratch_bytes=nest.scratch_bytes,
        flush=build.is_x86(),
    )
    return work + handler + build.attributes()


def _results(layout: Layout, outputs: list[jax.Array], block: int) -> list[Any]:
    """Return the result of each sink from the kernel's buffers."""
    rows, ends = layout.rows, layout.ends
    first = {"rows": 0, "ends": rows.columns}
    first["tally"] = first["ends"] + ends.columns
    first["total"] = first["tally"] + len(layout.tallies)
    first["each"] = first["total"] + len(layout.totals)
    results = []
    for kind, number in layout.places:
        if kind in ("rows", "ends"):
            group = rows if kind == "rows" else ends
            column = first[kind] + len(group.keeps) + 2 * number
            places = (first[kind] + group.samples[number][1], column, column + 1)
            parts = tuple(outputs[place] for place in places)
            results.append(parts if kind == "rows" else tuple(part[:, 0] for part in parts))
        elif kind == "each":
            out = jnp.moveaxis(outputs[first[kind] + number], 1, 2)[:, :block]
            results.append(out if isinstance(layout.each[number], Rows) else out[..., 0])
        else:
            out = outputs[first[kind] + number]
            results.append(out if kind == "tally" else out[:, 0])
    return results
