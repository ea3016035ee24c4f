"""Streaming reductions inside a kernel: running moments per slot, merged when an item ends."""

from entropyjax.solve.native.emit import Emitter
from entropyjax.solve.native.graph import Node
from entropyjax.solve.native.instructions import literal, scalar_type
from entropyjax.solve.native.layout import SLOTS, Group, Layout


class Reductions:
    """Writes what adds a vector of lanes to the accumulators, and what turns these into an item's results.

    The moments follow Welford's recurrence per slot (Technometrics 4, 1962); slots are merged by the sums of
    Chan, Golub and LeVeque (1979).
    """

    def __init__(self, emitter: Emitter, layout: Layout, slots: int):
        self.emitter, self.layout, self.slots = emitter, layout, slots
        self.scalar = scalar_type(layout.dtype)
        self.vector = f"<{emitter.instructions.width} x {self.scalar}>"

    def _address(self, row: str, column: int, group: Group, offset: str) -> str:
        """Return the address of a column's accumulators at a row (i64), lanes beginning at slot `offset`."""
        e = self.emitter
        first = e.fresh(f"mul i64 {row}, {group.columns * self.slots}")
        place = e.fresh(f"add i64 {first}, {(group.base + column) * self.slots}")
        place = e.fresh(f"add i64 {place}, {offset}")
        return e.fresh(f"getelementptr inbounds {self.scalar}, ptr %scratch, i64 {place}")

    def sample(self, group: Group, row: str, offset: str, values: list[Node], keeps: list[Node]) -> None:
        """Add the samples of one row: n += 1, d = x - mean, mean += d/n, square += d (x - mean)."""
        e, kind, ins = self.emitter, self.vector, self.emitter.instructions
        flag = ins.type(bool, True)
        one, zero = (ins.constant(value, self.layout.dtype, True) for value in (1.0, 0.0))
        inverses = []
        masks = [e.name(keep) for keep in keeps]
        for number, mask in enumerate(masks):
            address = self._address(row, number, group, offset)
            old = e.fresh(f"load {kind}, ptr {address}, align 4")
            increment = e.fresh(f"select {flag} {mask}, {kind} {one}, {kind} {zero}")
            count = e.fresh(f"fadd {kind} {old}, {increment}")
            e.write(f"store {kind} {count}, ptr {address}, align 4")
            empty = e.fresh(f"fcmp olt {kind} {count}, {one}")
            safe = e.fresh(f"select {flag} {empty}, {kind} {one}, {kind} {count}")
            inverses.append(e.fresh(f"fdiv {kind} {one}, {safe}"))
        for number, (value, (_, keep)) in enumerate(zip(values, group.samples, strict=True)):
            column = len(keeps) + 2 * number
            mean_at, square_at = (self._address(row, column + k, group, offset) for k in (0, 1))
            mean = e.fresh(f"load {kind}, ptr {mean_at}, align 4")
            square = e.fresh(f"load {kind}, ptr {square_at}, align 4")
            x = e.name(value)
            apart = e.fresh(f"fsub {kind} {x}, {mean}")
            apart = e.fresh(f"select {flag} {masks[keep]}, {kind} {apart}, {kind} {zero}")
            move = e.fresh(f"fmul contract {kind} {apart}, {inverses[keep]}")
            moved = e.fresh(f"fadd contract {kind} {mean}, {move}")
            after = e.fresh(f"fsub {kind} {x}, {moved}")
            after = e.fresh(f"select {flag} {masks[keep]}, {kind} {after}, {kind} {zero}")
            product = e.fresh(f"fmul contract {kind} {apart}, {after}")
            grown = e.fresh(f"fadd contract {kind} {square}, {product}")
            e.write(f"store {kind} {moved}, ptr {mean_at}, align 4")
            e.write(f"store {kind} {grown}, ptr {square_at}, align 4")

    def total(self, number: int, value: Node, keep: Node, offset: str) -> None:
        """Add an integer of each lane."""
        e, width = self.emitter, self.emitter.instructions.width
        kind = f"<{width} x i32>"
        address = self._total_address(number, offset)
        old = e.fresh(f"load {kind}, ptr {address}, align 4")
        kept = e.fresh(f"select <{width} x i1> {e.name(keep)}, {kind} {e.name(value)}, {kind} zeroinitializer")
        e.write(f"store {kind} {e.fresh(f'add {kind} {old}, {kept}')}, ptr {address}, align 4")

    def _total_address(self, number: int, offset: str) -> str:
        e = self.emitter
        floats = sum(group.rows * group.columns for group in self.layout.groups)
        start = e.fresh(f"getelementptr inbounds {self.scalar}, ptr %scratch, i64 {floats * self.slots}")
        place = e.fresh(f"add i64 {offset}, {number * self.slots}")
        return e.fresh(f"getelementptr inbounds i32, ptr {start}, i64 {place}")

    def tally(self, place: Node, keep: Node, size: int, counts: list[str]) -> None:
        """Add one to the bins of the lanes that are kept; `counts` is the table of each lane, or one for all."""
        e, width = self.emitter, self.emitter.instructions.width
        bound = e.instructions.constant(size, "u4", True)
        inside = e.fresh(f"icmp ult <{width} x i32> {e.name(place)}, {bound}")
        mask = e.fresh(f"and <{width} x i1> {e.name(keep)}, {inside}")
        if len(counts) == 1 and size <= 8:
            for code in range(size):
                here = e.fresh(f"icmp eq <{width} x i32> {e.name(place)}, {e.instructions.constant(code, 'u4', True)}")
                both = e.fresh(f"and <{width} x i1> {here}, {mask}")
                bits = e.fresh(f"bitcast <{width} x i1> {both} to i{width}")
                name = e.instructions.intrinsic("ctpop", f"i{width}", f"i{width}")
                number = e.fresh(f"call i{width} {name}(i{width} {bits})")
                if width != 32:
                    number = e.fresh(f"{'zext' if width < 32 else 'trunc'} i{width} {number} to i32")
                self._increase(counts[0], str(code), number)
            return
        ones = e.fresh(f"zext <{width} x i1> {mask} to <{width} x i32>")
        at = e.fresh(f"select <{width} x i1> {mask}, <{width} x i32> {e.name(place)}, <{width} x i32> zeroinitializer")
        for lane in range(width):
            index = e.fresh(f"extractelement <{width} x i32> {at}, i64 {lane}")
            one = e.fresh(f"extractelement <{width} x i32> {ones}, i64 {lane}")
            self._increase(counts[lane % len(counts)], e.fresh(f"zext i32 {index} to i64"), one)

    def _increase(self, table: str, place: str, amount: str) -> None:
        e = self.emitter
        address = e.fresh(f"getelementptr inbounds i32, ptr {table}, i64 {place}")
        old = e.fresh(f"load i32, ptr {address}, align 4")
        e.write(f"store i32 {e.fresh(f'add i32 {old}, {amount}')}, ptr {address}, align 4")

    def merge(self, group: Group, outputs: list[str], item: str) -> None:
        """Write an item's counts, means and squares: those of its slots, merged."""
        e, kind = self.emitter, f"<{SLOTS} x {self.scalar}>"
        wide = e.instructions.__class__(SLOTS, "")
        label, done, before = e.new_label("merge"), e.new_label("merged"), e.label
        if not group.columns or not group.rows:
            return
        e.write(f"br label %{label}")
        e.block(label)
        row = e.fresh(f"phi i64 [ 0, %{before} ]")
        line = len(e.lines) - 1
        first = e.fresh(f"mul i64 {item}, {group.rows}")
        target = e.fresh(f"add i64 {first}, {row}")
        totals, counts = [], []
        for number in range(len(group.keeps)):
            counts.append(e.fresh(f"load {kind}, ptr {self._address(row, number, group, '0')}, align 4"))
            totals.append(self._sum(counts[-1]))
            self._store(outputs[number], target, totals[-1])
        one, zero = (literal(value, self.layout.dtype) for value in (1.0, 0.0))
        for number, (_, keep) in enumerate(group.samples):
            column = len(group.keeps) + 2 * number
            means = e.fresh(f"load {kind}, ptr {self._address(row, column, group, '0')}, align 4")
            squares = e.fresh(f"load {kind}, ptr {self._address(row, column + 1, group, '0')}, align 4")
            empty = e.fresh(f"fcmp olt {self.scalar} {totals[keep]}, {one}")
            safe = e.fresh(f"select i1 {empty}, {self.scalar} {one}, {self.scalar} {totals[keep]}")
            # The first slot is a shift that keeps the sums free of cancellation.
            shift = self._spread(e.fresh(f"extractelement {kind} {means}, i64 0"))
            none = e.fresh(f"fcmp oeq {kind} {counts[keep]}, zeroinitializer")
            moved = e.fresh(f"fsub {kind} {means}, {shift}")
            moved = e.fresh(f"select <{SLOTS} x i1> {none}, {kind} zeroinitializer, {kind} {moved}")
            weighted = self._sum(e.fresh(f"fmul {kind} {moved}, {counts[keep]}"))
            mean = e.fresh(f"fdiv {self.scalar} {weighted}, {safe}")
            apart = e.fresh(f"fsub {kind} {moved}, {self._spread(mean)}")
            apart = e.fresh(f"fmul {kind} {apart}, {apart}")
            between = self._sum(e.fresh(f"fmul {kind} {apart}, {counts[keep]}"))
            square = e.fresh(f"fadd {self.scalar} {self._sum(squares)}, {between}")
            back = e.fresh(f"extractelement {kind} {shift}, i64 0")
            mean = e.fresh(f"fadd {self.scalar} {mean}, {back}")
            mean = e.fresh(f"select i1 {empty}, {self.scalar} {zero}, {self.scalar} {mean}")
            square = e.fresh(f"select i1 {empty}, {self.scalar} {zero}, {self.scalar} {square}")
            self._store(outputs[column], target, mean)
            self._store(outputs[column + 1], target, square)
        following = e.fresh(f"add nuw i64 {row}, 1")
        e.lines[line] += f", [ {following}, %{e.label} ]"
        more = e.fresh(f"icmp ult i64 {following}, {group.rows}")
        e.write(f"br i1 {more}, label %{label}, label %{done}")
        e.block(done)
        e.instructions.declared |= wide.declared

    def _sum(self, vector: str) -> str:
        e, kind = self.emitter, f"<{SLOTS} x {self.scalar}>"
        suffix = "f32" if self.scalar == "float" else "f64"
        name = f"@llvm.vector.reduce.fadd.v{SLOTS}{suffix}"
        e.instructions.declared.add(f"declare {self.scalar} {name}({self.scalar}, {kind})")
        # Summed in pairs, in an order that the target's vectors fix.
        start = f"{self.scalar} {literal(0.0, self.layout.dtype)}"
        return e.fresh(f"call reassoc {self.scalar} {name}({start}, {kind} {vector})")

    def _spread(self, scalar: str) -> str:
        e, kind = self.emitter, f"<{SLOTS} x {self.scalar}>"
        one = e.fresh(f"insertelement {kind} poison, {self.scalar} {scalar}, i64 0")
        return e.fresh(f"shufflevector {kind} {one}, {kind} poison, <{SLOTS} x i32> zeroinitializer")

    def _store(self, buffer: str, place: str, value: str, kind: str | None = None) -> None:
        kind = kind or self.scalar
        address = self.emitter.fresh(f"getelementptr inbounds {kind}, ptr {buffer}, i64 {place}")
        self.emitter.write(f"store {kind} {value}, ptr {address}, align 4")

    def copy(self, group: Group, outputs: list[str], item: str, slot: str) -> None:
        """Write an item's results, which are those of one slot."""
        e = self.emitter
        if not group.columns or not group.rows:
            return
        label, done, before = e.new_label("copy"), e.new_label("copied"), e.label
        e.write(f"br label %{label}")
        e.block(label)
        row = e.fresh(f"phi i64 [ 0, %{before} ]")
        line = len(e.lines) - 1
        target = e.fresh(f"add i64 {e.fresh(f'mul i64 {item}, {group.rows}')}, {row}")
        for column, buffer in enumerate(outputs):
            value = e.fresh(f"load {self.scalar}, ptr {self._address(row, column, group, slot)}, align 4")
            self._store(buffer, target, value)
        following = e.fresh(f"add nuw i64 {row}, 1")
        e.lines[line] += f", [ {following}, %{e.label} ]"
        more = e.fresh(f"icmp ult i64 {following}, {group.rows}")
        e.write(f"br i1 {more}, label %{label}, label %{done}")
        e.block(done)

    def copy_totals(self, outputs: list[str], item: str, slot: str) -> None:
        """Write an item's integer sums, which are those of one slot."""
        for number, buffer in enumerate(outputs):
            value = self.emitter.fresh(f"load i32, ptr {self._total_address(number, slot)}, align 4")
            self._store(buffer, item, value, "i32")

    def merge_totals(self, outputs: list[str], item: str) -> None:
        """Write an item's integer sums."""
        e, kind = self.emitter, f"<{SLOTS} x i32>"
        for number, buffer in enumerate(outputs):
            values = e.fresh(f"load {kind}, ptr {self._total_address(number, '0')}, align 4")
            name = f"@llvm.vector.reduce.add.v{SLOTS}i32"
            e.instructions.declared.add(f"declare i32 {name}({kind})")
            self._store(buffer, item, e.fresh(f"call i32 {name}({kind} {values})"), "i32")
