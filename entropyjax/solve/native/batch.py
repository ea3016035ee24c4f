"""A native kernel for a batch of lanes: prepared once, called from inside jitted functions."""

import dataclasses
import hashlib
from typing import Any

import jax

from entropyjax.solve.native import build
from entropyjax.solve.native.handler import handler_text
from entropyjax.solve.native.kernel import KernelText
from entropyjax.solve.native.layout import Layout
from entropyjax.solve.native.trace import LaneFunction, Traced, trace

FLAGS = "nsz contract"
"""Fast-math flags of arithmetic: a product and a sum may round once, and zeros may lose their sign."""


@dataclasses.dataclass(frozen=True)
class Options:
    """How kernels are generated.

    **Attributes:**

    - `width`: lanes of a vector, a power of two of at most 32; 0 for twice the processor's registers.
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

    def __init__(self, traced: Traced, block: int, options: Options):
        self.width = options.width or build.default_width(traced.layout.dtype)
        self._prelude, self._layout, self._structure = traced.prelude, traced.layout, traced.structure
        text = _module(traced, block, self.width, options.flags)
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
        others, each with a leading axis of items.
        """
        leaves = jax.tree.leaves(items)
        inputs = jax.core.eval_jaxpr(self._prelude.jaxpr, self._prelude.consts, *jax.tree.leaves(shared))  # pyright: ignore
        shapes = [jax.ShapeDtypeStruct((leaves[0].shape[0], *shape), dtype) for shape, dtype in self._layout.shapes()]
        outputs = jax.ffi.ffi_call(self._target, shapes)(*inputs, *leaves)
        return jax.tree.unflatten(self._structure, _results(self._layout, list(outputs)))


def prepare(function: LaneFunction, shared: Any, items: Any, block: int, options: Options) -> Kernel:
    """Return the kernel of a lane's function.

    **Arguments:** `function`: called as function(shared, item, lane, valid), returns a pytree of sinks; `shared`,
    `items`: pytrees of arrays or of their shapes and types; `block`: lanes of an item.

    **Raises:** `Unsupported` if the function or the processor does not allow one.
    """
    item = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), items)
    whole = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), shared)
    return Kernel(trace(function, whole, item, uniform=True), block, options)


def _module(traced: Traced, block: int, width: int, flags: str) -> str:
    kernel = KernelText(traced, block, width, flags, build.has_reciprocal_estimate())
    work = kernel.text()
    arguments = len(traced.shared) + len(traced.items)
    handler = handler_text(
        arguments + len(traced.layout.shapes()),
        arguments,
        len(traced.shared),
        kernel.scratch_bytes,
        flush=build.is_x86(),
    )
    return work + handler + build.attributes()


def _results(layout: Layout, outputs: list[jax.Array]) -> list[Any]:
    """Return the result of each sink from the kernel's buffers."""
    rows, ends = layout.rows, layout.ends
    first = {"rows": 0, "ends": rows.columns}
    first["tally"] = first["ends"] + ends.columns
    first["total"] = first["tally"] + len(layout.tallies)
    results = []
    for kind, number in layout.places:
        if kind in ("rows", "ends"):
            group = rows if kind == "rows" else ends
            column = first[kind] + len(group.keeps) + 2 * number
            places = (first[kind] + group.samples[number][1], column, column + 1)
            parts = tuple(outputs[place] for place in places)
            results.append(parts if kind == "rows" else tuple(part[:, 0] for part in parts))
        else:
            out = outputs[first[kind] + number]
            results.append(out if kind == "tally" else out[:, 0])
    return results
