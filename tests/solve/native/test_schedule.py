"""The order of instructions in straight code: what must stay in order does, and chains take turns."""

import collections

import hypothesis
import pytest
from hypothesis import strategies as st

from entropyjax.solve.native import schedule
from entropyjax.solve.native.schedule import FEW, WINDOW, scheduled

VECTOR = "<32 x float>"
# A line of each kind with its operands left open; whether it has a result, reads memory, changes memory.
KINDS = {
    "sum": ("fadd " + VECTOR + " {}, {}", True, False, False),
    "product": ("fmul nsz contract " + VECTOR + " {}, {}", True, False, False),
    "quotient": ("fdiv " + VECTOR + " {}, {}", True, False, False),
    "comparison": ("fcmp olt " + VECTOR + " {}, {}", True, False, False),
    "part": ("shufflevector " + VECTOR + " {}, " + VECTOR + " {}, <16 x i32> zeroinitializer", True, False, False),
    "number": ("add i64 {}, {}", True, False, False),
    "intrinsic": ("call " + VECTOR + " @llvm.fma.v32f32(" + VECTOR + " {}, " + VECTOR + " {})", True, False, False),
    "load": ("load " + VECTOR + ", ptr {}, align 4, !other {}", True, True, False),
    "store": ("store " + VECTOR + " {}, ptr {}, align 4", False, False, True),
    "void call": ("call void @llvm.memset.p0.i64(ptr {}, i8 0, i64 {}, i1 false)", False, False, True),
}
OUTSIDE = ["%p1", "%counter", "%a.very_Long.name"]


class Program:
    """Straight code, and of each line what it needs: the two places that it takes values from, and its kind."""

    def __init__(self, steps):
        self.lines, self.needs, self.kinds = [], [], []
        names: list[tuple[str, int | None]] = [(name, None) for name in OUTSIDE]
        for kind, *operands in steps:
            text, has_result, _, _ = KINDS[kind]
            # Near ones more often than far ones, so that there are long chains.
            chosen = [names[-1 - min(operand) % len(names)] for operand in operands]
            line = text.format(*(name for name, _ in chosen))
            place = len(self.lines)
            self.lines.append(f"  %v{place} = {line}" if has_result else f"  {line} ; {place}")
            self.needs.append({other for _, other in chosen if other is not None})
            self.kinds.append(kind)
            if has_result:
                names.append((f"%v{place}", place))


def check(program, order):
    """Check that lines in a new order do what they did."""
    places = {line: place for place, line in enumerate(program.lines)}
    assert len(places) == len(program.lines)
    assert collections.Counter(order) == collections.Counter(program.lines)
    done = set()
    for line in order:
        place = places[line]
        assert program.needs[place] <= done, f"{line} comes before a value that it needs"
        done.add(place)
    assert _memory(program, order, places) == _memory(program, program.lines, places)


def _memory(program, order, places):
    """The lines that change memory, in order, each with the reads between it and the one before."""
    groups = [(None, set())]
    for line in order:
        _, _, reads, changes = KINDS[program.kinds[places[line]]]
        if changes:
            groups.append((line, set()))
        elif reads:
            groups[-1][1].add(line)
    return groups


OPERAND = st.tuples(st.integers(0, 200), st.integers(0, 200))
STEP = st.tuples(st.sampled_from(sorted(KINDS)), OPERAND, OPERAND)
ARITHMETIC = st.tuples(st.sampled_from(["sum", "product", "quotient", "intrinsic"]), OPERAND, OPERAND)
# Now and then a run of one kind, far longer than the window.
PROGRAMS = st.builds(
    lambda steps, times: steps * times, st.lists(STEP | ARITHMETIC, min_size=20, max_size=60), st.integers(1, 8)
)


@hypothesis.settings(max_examples=100)
@hypothesis.given(steps=PROGRAMS, registers=st.sampled_from([1, 2, 4]))
def test_a_new_order_does_the_same(steps, registers):
    program = Program(steps)
    order = scheduled(list(program.lines), registers)
    check(program, order)
    assert scheduled(list(program.lines), registers) == order
    assert (order == program.lines) or len(program.lines) >= FEW


@hypothesis.given(steps=PROGRAMS, window=st.sampled_from([1, 5, 40, WINDOW]))
def test_no_line_overtakes_more_than_a_window(steps, window):
    program, places, begun, first = Program(steps), {}, set(), 0
    places = {line: place for place, line in enumerate(program.lines)}
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(schedule, "WINDOW", window)
        order = scheduled(list(program.lines), 1)
    check(program, order)
    if len(order) < FEW:
        return
    for line in order:
        assert places[line] < first + window
        begun.add(places[line])
        while first in begun:
            first += 1
    if window == 1:
        assert order == program.lines


def chain(name, length, op="fmul"):
    """Lines each of which needs the one before."""
    names = ["%x", *(f"%{name}{number}" for number in range(length))]
    return [f"  {names[k + 1]} = {op} {VECTOR} {names[k]}, {names[k]}" for k in range(length)]


def numbers(order, name):
    """The places of a chain's lines."""
    return [place for place, line in enumerate(order) if line.startswith(f"  %{name}")]


def test_two_chains_take_turns():
    one, other = chain("a", 30), chain("b", 30)
    order = scheduled(one + other, 1)
    assert sorted(order) == sorted(one + other)
    assert [order[place] for place in numbers(order, "a")] == one
    assert [order[place] for place in numbers(order, "b")] == other
    for place in range(0, 60, 2):
        assert {line[3] for line in order[place : place + 2]} == {"a", "b"}


def test_the_longer_chain_goes_first():
    """However late it comes in the text, as long as it is within the window."""
    short = [f"  %s{number} = fadd {VECTOR} %x, %x" for number in range(50)]
    order = scheduled(short + chain("a", 20), 1)
    assert order[0].startswith("  %a0 ")
    # The others fill the time in which it waits for itself: eight slots of half a cycle for each line.
    assert numbers(order, "a")[:5] == [0, 8, 16, 24, 32]


def test_a_slow_instruction_counts_as_a_long_chain():
    lines = chain("a", 4) + chain("b", 4, "fdiv") + [f"  %s{number} = fadd {VECTOR} %x, %x" for number in range(40)]
    order = scheduled(lines, 1)
    assert numbers(order, "b")[0] == 0
    assert numbers(order, "a")[0] > 0


def test_a_single_chain_stays_and_loads_move_only_between_stores():
    lines = chain("a", FEW)
    assert scheduled(list(lines), 2) == lines
    # The loads at the end have a long chain after them, but must not pass the store.
    store = "  store " + VECTOR + " %x, ptr %p"
    load = f"  %l = load {VECTOR}, ptr %p"
    after = [load, *(line.replace("%x", "%l") for line in chain("b", 30))]
    order = scheduled([f"  %s{number} = fadd {VECTOR} %x, %x" for number in range(20)] + [store, *after], 1)
    assert order.index(store) < order.index(load)
    assert order.index(store) < 20


def test_short_code_is_left_as_it_is():
    half = (FEW - 1) // 2
    lines = chain("a", half) + chain("b", FEW - 1 - half)
    assert scheduled(list(lines), 1) == lines
    longer = lines + chain("c", 1)
    assert scheduled(list(longer), 1) != longer
    assert scheduled([], 1) == []


@pytest.mark.parametrize(
    ("first", "second"), [("sum", "product"), ("store", "store"), ("store", "load"), ("load", "void call")]
)
def test_a_wrong_order_is_noticed(first, second):
    # The product needs the sum; the others nothing but their turn.
    program = Program([(first, (0, 0), (0, 0)), (second, (0, 0), (0, 0))])
    check(program, program.lines)
    with pytest.raises(AssertionError):
        check(program, program.lines[::-1])


@pytest.mark.parametrize("kind", ["load", "store"])
def test_a_forgotten_dependence_is_noticed(kind, monkeypatch):
    """The property fails for a schedule that takes no notice of memory."""
    original = schedule._read
    near, far = (0, 0), (FEW + len(OUTSIDE) - 1,) * 2
    # What follows the store of a chain's end needs nothing else of the chain.
    program = Program([("product", near, near)] * FEW + [("store", near, far), (kind, far, far)])
    check(program, scheduled(list(program.lines), 1))
    monkeypatch.setattr(schedule, "_read", lambda text: original(text)._replace(reads=False, changes=False))
    with pytest.raises(AssertionError):
        check(program, scheduled(list(program.lines), 1))
