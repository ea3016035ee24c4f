"""A Pallas kernel for a batch of lanes: prepared once, called from inside jitted functions."""

import dataclasses
import hashlib
import re
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import lax
from jax.experimental import pallas as pl
from jax.experimental.pallas import triton

from entropyjax.solve.native.interpret import Rows, plain
from entropyjax.solve.native.layout import Layout
from entropyjax.solve.pallas.control import RULES
from entropyjax.solve.pallas.interpret import LaneInterpreter
from entropyjax.solve.pallas.reduce import Reducer, merge, outline, shapes
from entropyjax.solve.pallas.vectors import Value
from entropyjax.solve.split import LaneFunction, LaneJaxpr, split_lane
from entropyjax.solve.unsupported import Unsupported

LARGEST = 256
"""Most elements of a shared array: each is loaded by itself."""


@dataclasses.dataclass(frozen=True)
class Options:
    """How kernels are generated. The defaults were never timed.

    **Attributes:**

    - `lanes`: lanes of a program, a power of two.
    - `warps`: groups of 32 threads that a program runs on; with lanes = 32 warps, a thread holds one lane.
    - `interpret`: whether to run the kernel's operations through XLA instead, on any backend, to test it.
    """

    lanes: int = 128
    warps: int = 4
    interpret: bool = False


class Kernel:
    """A kernel for all lanes of items, a program for each vector of an item's lanes; with the same code two are equal.

    **Attributes:** `lanes`: lanes of a vector.
    """

    def __init__(self, lane: LaneJaxpr, block: int, options: Options):
        self.lanes, self._lane, self._block, self._options = options.lanes, lane, block, options
        self._layout, text = _rehearse(lane, options.lanes, block)
        # The addresses of functions that an equation refers to differ from trace to trace.
        code = re.sub(r" at 0x[0-9a-f]+", "", f"{lane.prelude}\n{lane.lanes}\n{text}")
        constants = [np.asarray(const).tobytes() for const in lane.prelude.consts]
        self._key = hashlib.sha256(repr((code, constants, lane.structure, block, options)).encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Kernel) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    @property
    def bytes_per_item(self) -> int:
        """Memory that the results of one item's programs take until XLA merges them."""
        buffers = shapes(self._layout, self.lanes)
        return self._vectors * sum(int(np.prod(shape)) * np.dtype(dtype).itemsize for shape, dtype in buffers)

    @property
    def _vectors(self) -> int:
        return -(-self._block // self.lanes)

    def __call__(self, shared: Any, items: Any) -> Any:
        """Return the sinks of all lanes of each item, added up; arguments and result are those of a native kernel."""
        prelude, leaves = self._lane.prelude, jax.tree.leaves(items)
        taken = jax.core.eval_jaxpr(prelude.jaxpr, prelude.consts, *jax.tree.leaves(shared))  # pyright: ignore
        inputs = [*(array.reshape(-1) for array in taken), *leaves]
        count, vectors = leaves[0].shape[0], self._vectors
        buffers = shapes(self._layout, self.lanes)
        outputs = pl.pallas_call(
            self._program,
            grid=(count, vectors),
            in_specs=[pl.BlockSpec(array.shape, lambda item, vector: (0,)) for array in inputs],
            out_specs=[_own(shape) for shape, _ in buffers],
            out_shape=[jax.ShapeDtypeStruct((count, vectors, *shape), dtype) for shape, dtype in buffers],
            interpret=self._options.interpret,
            compiler_params=triton.CompilerParams(num_warps=self._options.warps, num_stages=1),
            name="entropyjax_lanes",
        )(*inputs)
        return jax.tree.unflatten(self._lane.structure, merge(self._layout, list(outputs), self._block))

    def _program(self, *refs: Any) -> None:
        lane, item, vector = self._lane, pl.program_id(0), pl.program_id(1)
        first = vector.astype(np.uint32) * np.uint32(self.lanes)
        inputs = len(lane.shared) + len(lane.items)
        shared = [lambda place, ref=ref: ref[place] for ref in refs[: len(lane.shared)]]
        mine = [ref[item] for ref in refs[len(lane.shared) : inputs]]
        interpreter = LaneInterpreter(self.lanes, RULES)
        reducer = Reducer(self._layout, interpreter.graph, refs[inputs:])
        interpreter.save = reducer.save
        reducer.finish(_run(interpreter, lane, self._block, shared, mine, first))


def prepare(function: LaneFunction, shared: Any, items: Any, block: int, options: Options) -> Kernel:
    """Return the kernel of a lane's function.

    **Arguments:** `function`: called as function(shared, item, lane, valid), returns a pytree of sinks; `shared`,
    `items`: pytrees of arrays or of their shapes and types; `block`: lanes of an item.

    **Raises:** `Unsupported` if the function does not allow one.
    """
    if options.lanes < 1 or options.lanes & (options.lanes - 1):
        raise ValueError(f"A vector of {options.lanes} lanes cannot be made; choose a power of two.")
    item = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), items)
    whole = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), shared)
    return Kernel(split_lane(function, whole, item), block, options)


def _own(shape: tuple[int, ...]) -> pl.BlockSpec:
    """Return that each program has its own part of a buffer."""
    return pl.BlockSpec((None, None, *shape), lambda item, vector: (item, vector, *(0 for _ in shape)))


def _rehearse(lane: LaneJaxpr, lanes: int, block: int) -> tuple[Layout, str]:
    """Return the layout of a lane's sinks and the text of its computation.

    Which of a loop's rows belong to which sink is known only when the lane has been evaluated to its end, and the
    kernel has to know it inside the loop.
    """
    found: list[Layout] = []

    def dry(shared: list[Any], mine: list[Any], first: Any) -> list[Any]:
        interpreter = LaneInterpreter(lanes, RULES)
        reads = [lambda place, array=array: array[place] for array in shared]
        sinks = _run(interpreter, lane, block, reads, mine, first)
        found[:] = [outline(sinks)]
        ends = (leaf for leaf in jax.tree.leaves(sinks) if not isinstance(leaf, Rows))
        return [interpreter.graph.spread(leaf) for leaf in ends]

    for aval in lane.shared:
        if aval.dtype.kind not in "fiub" or aval.size > LARGEST:
            raise Unsupported(f"its lanes use a shared array of type {aval.dtype} and shape {aval.shape}")
    flat = [jax.ShapeDtypeStruct((aval.size,), aval.dtype) for aval in lane.shared]
    text = str(jax.make_jaxpr(dry)(flat, list(lane.items), jax.ShapeDtypeStruct((), np.uint32)))
    return found[0], text


def _run(
    interpreter: LaneInterpreter,
    lane: LaneJaxpr,
    block: int,
    shared: list[Callable[[int], Any]],
    mine: list[Any],
    first: Any,
) -> list[Any]:
    """Return the sinks of the vector of lanes that starts at number `first`; `shared` are functions of a place."""
    args = []
    for aval, read in zip(lane.shared, shared, strict=True):
        value = np.empty(aval.shape, object)
        for element, place in enumerate(np.ndindex(aval.shape)):
            value[place] = Value(read(element))
        args.append(plain(value))
    lanes = interpreter.graph.lanes
    number = lax.broadcast(first, (lanes,)) + lax.iota(np.uint32, lanes)
    valid = number < lax.full((lanes,), block, np.uint32)
    args += [*map(Value, mine), Value(number), Value(valid)]
    return lane.collect(interpreter.evaluate(lane.lanes, [], args))
