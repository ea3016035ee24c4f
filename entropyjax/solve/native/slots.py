"""Single slots of vectors: loops over the few in which a mask holds, and vectors that lie in memory meanwhile."""

from collections.abc import Iterator
from contextlib import contextmanager

from entropyjax.solve.native.emit import Emitter

CELL = 8
"""Bytes of the widest scalar."""


@contextmanager
def each_slot(e: Emitter, mask: str) -> Iterator[str]:
    """Write a loop, with what is written inside, over the slots (i64) in which a mask holds."""
    width = e.instructions.width
    head, body, done = e.new_label("slots"), e.new_label("slot"), e.new_label("passed")
    before, first = e.label, e.fresh(f"bitcast <{width} x i1> {mask} to i{width}")
    e.write(f"br label %{head}")
    e.block(head)
    bits = e.fresh(f"phi i{width} [ {first}, %{before} ]")
    line = len(e.lines) - 1
    e.write(f"br i1 {e.fresh(f'icmp eq i{width} {bits}, 0')}, label %{done}, label %{body}")
    e.block(body)
    name = f"@llvm.cttz.i{width}"
    e.instructions.declared.add(f"declare i{width} {name}(i{width}, i1)")
    place = e.fresh(f"call i{width} {name}(i{width} {bits}, i1 true)")
    yield place if width == 64 else e.fresh(f"zext i{width} {place} to i64")
    rest = e.fresh(f"and i{width} {bits}, {e.fresh(f'sub i{width} {bits}, 1')}")
    e.lines[line] += f", [ {rest}, %{e.label} ]"
    e.write(f"br label %{head}")
    e.block(done)


class Spill:
    """Vectors that lie in a thread's scratch memory, so that slots can be picked out.

    **Attributes:** `start`: where they begin, in bytes; `bytes`: size of all of them.
    """

    def __init__(self, emitter: Emitter, count: int, start: int = 0):
        self._emitter, self.start = emitter, start
        self._stride = CELL * emitter.instructions.width
        self.bytes = self._stride * count

    def address(self, number: int) -> str:
        """Return where a vector begins."""
        place = self.start + self._stride * number
        return self._emitter.fresh(f"getelementptr inbounds i8, ptr %scratch, i64 {place}")

    def put(self, number: int, kind: str, value: str) -> None:
        """Keep a vector, of the LLVM type `kind`."""
        self._emitter.write(f"store {kind} {value}, ptr {self.address(number)}, align 1")

    def pick(self, number: int, scalar: str, slot: str) -> str:
        """Return the scalar in a slot (i64) of a vector."""
        e = self._emitter
        address = e.fresh(f"getelementptr inbounds {scalar}, ptr {self.address(number)}, i64 {slot}")
        return e.fresh(f"load {scalar}, ptr {address}, align 1")
