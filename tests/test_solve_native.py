"""Native kernels against the same functions under XLA: operations, reductions, control flow, threads and caches."""

import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

pytest.importorskip("llvmlite", reason="native kernels need the extra 'cpu'")

from entropyjax.solve.masked import masked_while
from entropyjax.solve.native import batch, build, unavailable
from entropyjax.solve.rows import Rows
from entropyjax.solve.sinks import Each, Sample, Tally, Total
from entropyjax.solve.unsupported import Unsupported

SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 0.3, -2.5, 7.0, 1e30, -1e30, 1e-30, np.inf, -np.inf, np.nan, 3.0, 2.5, -3.5])


def run(function, shared, items, block, **options):
    kernel = batch.prepare(function, shared, items, block, batch.Options(**options))
    return jax.jit(kernel)(shared, items)


def test_the_machine_of_the_tests_has_native_kernels():
    assert unavailable() is None


def operations(x, y, k):
    """Return many operations of two numbers and an integer, by name."""
    wide = x.dtype
    return {
        "add": x + y,
        "sub": x - y,
        "mul": x * y,
        "div": x / y,
        "neg": -x,
        "abs": jnp.abs(x),
        "max": jnp.maximum(x, y),
        "min": jnp.minimum(x, y),
        "max with a constant": jnp.maximum(x, 0.5),
        "min with a constant": jnp.minimum(x, 0.5),
        "clip": jnp.clip(x, -1.0, 2.0),
        "sqrt": jnp.sqrt(x),
        "floor": jnp.floor(x),
        "ceil": jnp.ceil(x),
        "round": jnp.round(x),
        "sign": jnp.sign(x),
        "cube": x**3,
        "inverse square": x**-2,
        "equal": x == y,
        "unequal": x != y,
        "less": x < y,
        "at least": x >= y,
        "finite": jnp.isfinite(x),
        "select": jnp.where(x > y, x, y),
        "switch": lax.select_n(jnp.clip(k, 0, 2), x, y, x * y),
        "to integer": jnp.clip(x, -1e6, 1e6).astype(jnp.int32),
        "saturated": x.astype(jnp.int32),
        "from integer": k.astype(wide),
        "from unsigned": k.astype(jnp.uint32).astype(wide),
        "from bool": (x > y).astype(wide),
        "to bool": x.astype(bool),
        "integer arithmetic": (k * 7 - 3) // 5 + k % 4,
        "shifts": (k << 3) ^ (k >> 1),
        "rotation": lax.shift_right_logical(k.astype(jnp.uint32), jnp.uint32(5)) | (k.astype(jnp.uint32) << 27),
        "bits": lax.bitcast_convert_type(x.astype(jnp.float32), jnp.int32) & 0xFFFF,
        "not": ~k,
        "integer max": jnp.maximum(k, 3),
        "exp": jnp.exp(x),
        "log": jnp.log(jnp.abs(x)),
        "log1p": jnp.log1p(jnp.abs(x)),
        "expm1": jnp.expm1(x),
        "tanh": jnp.tanh(x),
        "logistic": jax.nn.sigmoid(x),
        "power": jnp.abs(x) ** jnp.clip(y, -3.0, 3.0),
    }


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_operations_equal_xla_also_at_special_values(dtype):
    x, y = (part.ravel().astype(dtype) for part in np.meshgrid(SPECIAL, SPECIAL))
    with jax.enable_x64(dtype == np.float64):
        items = {"x": x, "y": y, "k": np.arange(x.size, dtype=np.int32) - 100}

        def lane(shared, item, number, valid):
            return {name: Each(value) for name, value in operations(item["x"], item["y"], item["k"]).items()}

        found = jax.tree.map(np.asarray, run(lane, {}, items, 1))
        expected = jax.tree.map(np.asarray, jax.jit(operations)(items["x"], items["y"], items["k"]))
    ulp = np.finfo(dtype).eps
    for name, want in expected.items():
        got = found[name][:, 0]
        if want.dtype.kind != "f":
            wrong = got != want
        else:
            # Both sides are within a few ulp of the true value; subnormal results count as zero.
            with np.errstate(all="ignore"):
                near = np.abs(got - want) <= 8 * ulp * np.abs(want) + np.finfo(dtype).tiny
            wrong = ~(near | (got == want) | (np.isnan(got) & np.isnan(want)))
        assert not wrong.any(), (name, x[wrong][:3], y[wrong][:3], got[wrong][:3], want[wrong][:3])


def mixed(shared, item, lane, valid):
    """Return sinks of every kind, of a lane with a loop that saves."""
    x = shared["a"] * item["b"] + lane.astype(jnp.float32)

    def body(carry, _):
        y = carry[0] * 0.5 + 1.0
        return (y, carry[1] + 1), (Sample(y, valid), Each(y))

    (_, count), (rows, each) = lax.scan(body, (x, jnp.int32(0)), None, length=5)
    return {
        "sample": Sample(x, valid & (x > 3.0)),
        "quotient": Each(x / (x + 1.0)),
        "rows": rows,
        "each": each,
        "flag": Each(x > 3.0),
        "small": Tally((lane % 7).astype(jnp.int32), valid, 7),
        "large": Tally((lane % 20).astype(jnp.int32), valid & (x > 3.0), 20),
        "total": Total(count + lane.astype(jnp.int32), valid),
    }


def reference(block, shared, items):
    """Return what `mixed` gives for every lane, by numpy."""
    lanes = np.arange(block)
    x = (float(shared["a"]) * np.asarray(items["b"])[:, None] + lanes).astype(np.float32)
    every = np.ones(x.shape, bool)
    rows = [x]
    for _ in range(5):
        rows.append(rows[-1] * np.float32(0.5) + np.float32(1.0))
    saved = np.stack(rows[1:], axis=-1)
    return {
        "sample": Sample(x, x > 3.0),
        "rows": Sample(saved, every),
        "each": Each(saved),
        "quotient": Each(x / (x + np.float32(1.0))),
        "flag": Each(x > 3.0),
        "small": Tally(lanes % 7 * np.ones(x.shape, int), every, 7),
        "large": Tally(lanes % 20 * np.ones(x.shape, int), x > 3.0, 20),
        "total": Total(5 + lanes * np.ones(x.shape, int), every),
    }


def moments(sample):
    value = sample.value.astype(float)
    keep = sample.keep.reshape(sample.keep.shape + (1,) * (value.ndim - sample.keep.ndim)) & np.ones(value.shape, bool)
    count = keep.sum(axis=1)
    mean = np.where(keep, value, 0.0).sum(axis=1) / np.maximum(count, 1)
    return count, mean, np.where(keep, (value - mean[:, None]) ** 2, 0.0).sum(axis=1)


@pytest.mark.parametrize("block", [1, 15, 17, 31, 33, 129, 1023, 1025])
def test_reductions_at_awkward_sizes(block):
    for n_items, width in ((1, 0), (3, 4), (33, 16), (2, 8)):
        shared, items = {"a": jnp.float32(2.0)}, {"b": jnp.arange(n_items, dtype=jnp.float32)}
        got = jax.tree.map(np.asarray, run(mixed, shared, items, block, width=width))
        want = reference(block, shared, items)
        for name in ("sample", "rows"):
            for a, b in zip(got[name], moments(want[name]), strict=True):
                # Sums of at most 1025 float32 numbers of equal sign, merged in pairs.
                np.testing.assert_allclose(a, b, rtol=5e-6, atol=1e-5)
        # Division by way of an estimate is good to 1.5 ulp.
        np.testing.assert_allclose(got["quotient"], want["quotient"].value, rtol=2e-7)
        for name in ("each", "flag"):
            np.testing.assert_array_equal(got[name], want[name].value)
        for name in ("small", "large"):
            sink = want[name]
            tables = [np.bincount(p, k, sink.size) for p, k in zip(sink.place, sink.keep, strict=True)]
            np.testing.assert_array_equal(got[name], tables)
        np.testing.assert_array_equal(got["total"], want["total"].value.sum(axis=1))


def collatz(shared, item, lane, valid):
    """Return how many steps of Collatz's map lead to 1: lanes end at very different times."""

    def step(carry):
        n, count, odd = carry
        up = lax.cond(n % 2 == 1, lambda n: 3 * n + 1, lambda n: n // 2, n)
        return up, count + 1, odd + (n % 2)

    start = (lane.astype(jnp.int32) + item["first"], jnp.int32(0), jnp.int32(0))
    _, count, odd = lax.while_loop(lambda carry: carry[0] > 1, step, start)
    return Each(count), Total(odd, valid), Sample(count.astype(jnp.float32), valid)


@pytest.mark.parametrize("block", [5, 64, 1000])
def test_lanes_that_end_at_different_times(block):
    items = {"first": np.array([1, 27, 97], np.int32)}
    count, odd, sample = (jax.tree.map(np.asarray, part) for part in run(collatz, {}, items, block))
    for row, first in enumerate(items["first"]):
        want = [_collatz(first + k) for k in range(block)]
        np.testing.assert_array_equal(count[row], [steps for steps, _ in want])
        assert odd[row] == sum(ups for _, ups in want)
        np.testing.assert_allclose(sample[1][row], np.mean([steps for steps, _ in want]), rtol=1e-5)


def _collatz(n):
    steps = ups = 0
    while n > 1:
        steps, ups, n = steps + 1, ups + n % 2, 3 * n + 1 if n % 2 else n // 2
    return steps, ups


def test_control_flow_inside_a_lane():
    def lane(shared, item, number, valid):
        x = item["x"]
        total, last = lax.scan(lambda c, v: (c + v * x, c), 0.0 * x, jnp.asarray([1.0, 2.0, 3.0], x.dtype))
        inner = lax.fori_loop(0, 10, lambda i, c: c + i.astype(x.dtype) * x, 0.0 * x)
        nested = lax.while_loop(
            lambda c: c < 50.0, lambda c: lax.while_loop(lambda d: d < 10.0, lambda d: d + x, c) * 2.0, x
        )
        chosen = lax.switch(number.astype(jnp.int32) % 3, [lambda v: v, lambda v: v * v, lambda v: -v], x)
        table = jnp.asarray([1.0, 4.0, 9.0], x.dtype)
        vector = jnp.stack([x, x * x, -x])
        return {
            "scan": Each(total + last[2]),
            "loop": Each(inner),
            "nested": Each(nested),
            "switch": Each(chosen),
            "lookup": Each(table[jnp.clip(number.astype(jnp.int32), 0, 2)]),
            "vector": Each(
                jnp.sum(jax.nn.softmax(vector) * jnp.arange(3, dtype=x.dtype)) + jnp.max(vector) + vector[::-1] @ vector
            ),
        }

    items = {"x": np.array([0.7, 1.1, 3.0], np.float32)}
    got = run(lane, {}, items, 70)
    lanes = jnp.arange(70, dtype=jnp.uint32)
    want = jax.jit(jax.vmap(lambda x: jax.vmap(lambda n: lane({}, {"x": x}, n, True))(lanes)))(items["x"])
    for name, sink in want.items():
        np.testing.assert_allclose(got[name], sink.value, rtol=2e-6, err_msg=name)


# --- Rows in memory -------------------------------------------------------------------------------------------


def filling(intervals, dtype, two_loops=False):
    """Return a lane that fills rows at a pace of its own, up to a row of its own at which it stops.

    **Arguments:** `two_loops`: whether another loop precedes the one that fills them.
    """

    def lane(shared, item, number, valid):
        level = number.astype(dtype) * item["slope"]
        stop, stride = _stops(number, intervals), 1 + (number % 5).astype(jnp.int32)

        def values(row):
            return {"value": level + row.astype(dtype), "odd": row % 2 == 1, "count": 2 * row, "same": valid}

        def advance(carry):
            now, rows = carry
            now = jnp.minimum(now + stride, stop)
            return now, rows.fill(lambda row: (row <= now) & (row <= intervals), values)

        first = lax.while_loop(lambda now: now < stop, lambda now: now + stride, jnp.int32(0)) if two_loops else stop
        start = (first - first, Rows.start(values(stop), intervals))
        now, rows = masked_while(lambda carry: carry[0] < stop, advance, start)
        unreached = {"value": -level, "odd": False, "count": -1, "same": False}
        saved = rows.saved(values(jnp.int32(0)), unreached)
        sample = Sample(saved["value"], saved["same"])
        return {"sample": sample, "each": jax.tree.map(Each, saved), "stop": Total(now, valid)}

    return lane


def _stops(number, intervals):
    """Some lanes stop at once, and some beyond the last row."""
    return (number * 37 % (2 * intervals)).astype("int32")


def check_filled(found, items, block, intervals):
    lanes, row = np.arange(block)[:, None], np.arange(intervals + 1)
    level = lanes * items["slope"][:, None, None]
    filled = (row == 0) | (row <= _stops(lanes, intervals))
    whole = np.ones_like(level, bool)
    want = {
        "value": np.where(filled, level + row, -level),
        "odd": np.where(filled & whole, row % 2 == 1, False),
        "count": np.where(filled & whole, 2 * row, -1),
        "same": filled & whole,
    }
    for name, rows in want.items():
        np.testing.assert_array_equal(found["each"][name], rows, err_msg=name)
    number = filled.sum(axis=0)
    mean = np.where(filled, want["value"], 0.0).sum(axis=1) / np.maximum(number, 1)
    square = np.where(filled, (want["value"] - mean[:, None]) ** 2, 0.0).sum(axis=1)
    # Sums of at most 1025 numbers of equal sign, merged in pairs.
    for part, exact in zip(found["sample"], (number * np.ones_like(mean), mean, square), strict=True):
        np.testing.assert_allclose(part, exact, rtol=5e-6, atol=1e-5)
    assert np.all(found["stop"] == _stops(lanes, intervals).sum())


@pytest.mark.parametrize(
    ("block", "intervals", "width", "two_loops", "dtype"),
    [
        # Items of few lanes, an item in each slot; the last vector is not full.
        (1, 3, 0, False, np.float32),
        (15, 129, 0, False, np.float64),
        (17, 1, 8, True, np.float32),
        # Lanes of one item, in slots that take the next lane.
        (17, 64, 4, False, np.float64),
        (33, 300, 8, False, np.float32),
        (1023, 129, 0, False, np.float32),
        (1025, 64, 0, False, np.float64),
        # Two loops in a lane, neither of which is the main one.
        (130, 129, 16, True, np.float32),
    ],
)
def test_rows_that_lanes_fill_at_their_own_pace(block, intervals, width, two_loops, dtype):
    with jax.enable_x64(dtype == np.float64):
        items = {"slope": np.array([1.0, 2.0, 0.5], dtype)}
        found = run(filling(intervals, dtype, two_loops), {}, items, block, width=width)
        check_filled(jax.tree.map(np.asarray, found), items, block, intervals)


def test_code_does_not_grow_with_the_rows(monkeypatch):
    texts = []
    monkeypatch.setattr(build, "register", lambda text, cache: texts.append(text) or "none")
    items = {"slope": np.ones(1, np.float32)}
    for block in (3, 1000):
        del texts[:]
        for intervals in (3, 1000):
            batch.prepare(filling(intervals, np.float32), {}, items, block, batch.Options())
        lengths = [text.count("\n") for text in texts]
        assert lengths[0] == lengths[1]


def _with_rows(use):
    """Return a lane that does something with an array that a loop fills."""

    def lane(shared, item, number, valid):
        blank = lax.empty((9,), np.float32)

        def put(carry):
            return carry[0] + 1, lax.dynamic_update_index_in_dim(carry[1], item["x"], carry[0], 0)

        last, rows = lax.while_loop(lambda carry: carry[0] < number.astype(jnp.int32), put, (jnp.int32(0), blank))
        return Each(use(blank, last, rows))

    return lane


@pytest.mark.parametrize(
    ("use", "sentence"),
    [
        (lambda blank, last, rows: jnp.sum(rows), "it does 'reduce_sum' with"),
        (lambda blank, last, rows: jax.jit(jnp.cumsum)(rows), "it does 'cumsum' with"),
        (lambda blank, last, rows: jax.jit(lambda x: x[::-1][:9])(rows), "with arrays? that"),
        (lambda blank, last, rows: jax.jit(lambda x: 1.0 + x[:8])(blank), "with an array that is filled by a loop"),
        (lambda blank, last, rows: rows, "a lane gives a whole array"),
        (lambda blank, last, rows: lax.cond(last > 3, lambda x: x, lambda x: lax.rev(x, (0,)), rows), "a branch takes"),
    ],
)
def test_what_cannot_be_done_with_rows_in_memory_is_said(use, sentence):
    with pytest.raises(Unsupported, match=sentence):
        batch.prepare(_with_rows(use), {}, {"x": np.zeros(3, np.float32)}, 100, batch.Options())


def test_an_array_that_was_written_to_is_not_gone_back_to():
    def lane(shared, item, number, valid):
        def step(carry):
            count, rows = carry
            lax.dynamic_update_index_in_dim(rows, item["x"], count, 0)
            return count + 1, lax.dynamic_update_index_in_dim(rows, 2.0 * item["x"], count, 0)

        rows = lax.while_loop(lambda c: c[0] < 9, step, (jnp.int32(0), lax.empty((9,), np.float32)))[1]
        return Each(jax.jit(lambda x: x[:9] + 1.0)(rows))

    with pytest.raises(Unsupported, match="goes back to what an array held"):
        batch.prepare(lane, {}, {"x": np.zeros(3, np.float32)}, 100, batch.Options())


def test_rows_that_take_too_much_memory_are_refused():
    items = {"slope": np.ones(1, np.float32)}
    with pytest.raises(Unsupported, match=r"save takes \d+ MiB a thread, more than 256"):
        batch.prepare(filling(30_000, np.float32), {}, items, 1000, batch.Options())


def test_busy_threads_do_not_block_each_other():
    """More calls at once than the pool has threads, each of which asks for helpers."""
    shared, items = {"a": jnp.float32(2.0)}, {"b": jnp.arange(64, dtype=jnp.float32)}
    kernel = batch.prepare(mixed, shared, items, 200, batch.Options())
    compiled = jax.jit(kernel)
    want = jax.tree.map(np.asarray, compiled(shared, items))
    wrong = []

    def work():
        for _ in range(10):
            got = jax.tree.map(np.asarray, compiled(shared, items))
            wrong.extend(
                not np.array_equal(a, b) for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True)
            )

    threads = [threading.Thread(target=work, daemon=True) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not any(thread.is_alive() for thread in threads)
    assert not any(wrong)


ALIVE = []
"""Engines that XLA may still call when a test has ended."""


class Shelf:
    """A cache in memory that counts what is asked of it."""

    def __init__(self, content=None):
        self.kept, self.given = {}, content

    def get(self, key):
        return self.given if self.given is not None else self.kept.get(key)

    def put(self, key, content):
        self.kept[key] = content


def test_compiled_objects_are_kept_and_a_damaged_one_is_compiled_again(monkeypatch):
    compiled = []
    original = build._compile
    monkeypatch.setattr(build, "_compile", lambda text: compiled.append(1) or original(text))
    shared, items = {"a": jnp.float32(2.0)}, {"b": jnp.arange(3, dtype=jnp.float32)}
    want = run(mixed, shared, items, 6)["total"]
    shelf = Shelf()

    def again(cache):
        again.alive.append({})
        monkeypatch.setattr(build, "_engines", again.alive[-1])
        # A target can be registered only once; another text gives another name.
        again.flags += " "
        return run(mixed, shared, items, 6, cache=cache, flags="nsz contract" + again.flags)["total"]

    again.flags = ""
    again.alive = ALIVE
    np.testing.assert_array_equal(again(shelf), want)
    assert len(shelf.kept) == 1
    del compiled[:]
    kept = next(iter(shelf.kept.values()))
    for content in (b"", b"not an object", kept[:-100], kept[:500] + b"\0" + kept[501:]):
        np.testing.assert_array_equal(again(Shelf(content)), want)
    assert len(compiled) == 4


def test_what_cannot_be_expressed_is_said():
    def sorts(shared, item, number, valid):
        return Each(jnp.sort(jnp.stack([item["x"], 2.0 - item["x"]]))[0])

    with pytest.raises(Unsupported, match="'sort'"):
        batch.prepare(sorts, {}, {"x": np.zeros(3, np.float32)}, 1, batch.Options())
    with pytest.raises(ValueError, match="power of two"):
        batch.prepare(mixed, {"a": jnp.float32(1.0)}, {"b": np.zeros(3, np.float32)}, 1, batch.Options(width=12))


def test_a_wrong_kernel_is_noticed(monkeypatch):
    """The comparison with XLA fails if one operation is wrong."""
    from entropyjax.solve.native.instructions import Instructions

    original = Instructions._arithmetic

    def wrong(self, node, names, fresh):
        return (
            original(self, node, names, fresh).replace("fadd", "fsub")
            if node.dtype.kind == "f"
            else original(self, node, names, fresh)
        )

    monkeypatch.setattr(Instructions, "_add", wrong)
    with pytest.raises(AssertionError, match="add"):
        test_operations_equal_xla_also_at_special_values(np.float32)


def test_kernels_load_anywhere_in_memory():
    """Code may come to lie more than 2 GiB from its constants, as in a process that has lived long."""

    def lane(shared, item, number, valid):
        return Each(jnp.exp(item["x"]))

    gaps = []
    for number in range(3):
        found = run(lane, {}, {"x": np.ones(3, np.float32)}, 1, flags="nsz contract" + " " * (number + 40))
        np.testing.assert_allclose(found, np.full((3, 1), np.e), rtol=1e-6)
        # Address space alone: nothing is written there.
        gaps.append(np.empty(2**29))
