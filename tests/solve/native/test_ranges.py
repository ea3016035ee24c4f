"""Bounds of values that are known before a kernel runs, and the forms of functions that rest on them."""

import math

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st

from entropyjax.solve.native import avx512_functions
from entropyjax.solve.native.direct import NAMES, direct
from entropyjax.solve.native.graph import Graph
from entropyjax.solve.native.instructions import Instructions
from entropyjax.solve.native.ranges import range_of
from entropyjax.solve.native.trace import trace
from entropyjax.solve.sinks import Each

# --- Bounds of expressions --------------------------------------------------------------------------------------

FLOAT = np.float32
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, 3e38, -3e38, 2e-38, -2e-38, 89.0, -104.0, math.inf, -math.inf, math.nan]
NUMBERS = st.sampled_from([*SPECIAL, 1e-10, -1e-10, 1.0 - 2.0**-24, 2.0**24]) | st.floats(width=32)
UNARY = ["neg", "abs", "sqrt"]
BINARY = ["add", "mul", "div", "max", "min", "sub"]
WITH_NUMBER = {"plus": "add", "at least": "max", "at most": "min"}
STEPS = st.tuples(
    st.sampled_from([*UNARY, *BINARY, *WITH_NUMBER, "select", *sorted(NAMES), "constant"]),
    st.tuples(*[st.integers(0, 30)] * 3),
    NUMBERS,
)
INPUTS = 3


EVALUATED = {
    "neg": np.negative,
    "abs": np.abs,
    "sqrt": np.sqrt,
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    # Zeros have no sign in a kernel, whose arithmetic has the flag "nsz".
    "div": lambda a, b: a / (b + FLOAT(0.0)),
    "max": np.maximum,
    "min": np.minimum,
    "gt": np.greater,
    "select": np.where,
    "splat": lambda a: a,
    "exp": np.exp,
    "exp2": np.exp2,
    "exp_minus": lambda a: np.exp(-a),
    "log": np.log,
    "log2": np.log2,
    "log1p": np.log1p,
    "log1p_unit": np.log1p,
    "logistic": lambda a: FLOAT(1.0) / (FLOAT(1.0) + np.exp(-a)),
    "logistic2_minus": lambda a: FLOAT(1.0) / (FLOAT(1.0) + np.exp2(a)),
}
PROMISED = {"exp_minus": (0.0, math.inf), "log1p_unit": (0.0, 1.0)}
"""What arguments the forms are for."""


def expression(steps):
    """Return nodes, each of a random operation on earlier ones, the inputs first; one of these is not varying."""
    graph = Graph(NAMES)
    nodes = [graph.local("item", FLOAT, number > 0, number) for number in range(INPUTS)]
    for op, places, value in steps:
        a, b, c = (nodes[-1 - place % len(nodes)] for place in places)
        if op == "constant":
            nodes.append(graph.constant(value, FLOAT))
        elif op in WITH_NUMBER:
            nodes.append(graph.node(WITH_NUMBER[op], (a, graph.constant(value, FLOAT)), FLOAT))
        elif op in NAMES:
            nodes.append(direct(graph, op, graph.splat(a)))
        elif op == "select":
            nodes.append(graph.node("select", (graph.node("gt", (a, b), np.bool_), b, c), FLOAT))
        else:
            nodes.append(graph.node(op, (a,) if op in UNARY else (a, b), FLOAT))
    return nodes


def evaluate(node, inputs, known):
    """Return the values of a node for arrays of inputs, in float32."""
    if id(node) not in known:
        if node.op == "item":
            value = inputs[node.attribute]
        elif node.op == "constant":
            value = np.full(inputs[0].shape, node.value)
        else:
            value = EVALUATED[node.op](*(evaluate(arg, inputs, known) for arg in node.args))
        assert value.dtype == node.dtype
        known[id(node)] = value
    return known[id(node)]


def inside(value, bounds):
    low, high = bounds
    return np.isnan(value) | ((value >= low) & (value <= high))


def check(steps, values):
    """Check the values of an expression at all combinations of inputs."""
    columns = np.meshgrid(*[np.array([*values, *SPECIAL], FLOAT)] * INPUTS)
    inputs, known = [column.ravel() for column in columns], {}
    with np.errstate(all="ignore"):
        for node in expression(steps):
            value, bounds = evaluate(node, inputs, known), range_of(node)
            assert inside(value, bounds).all(), (node.op, bounds, value[~inside(value, bounds)][:3])
            if node.op in PROMISED:
                argument = known[id(node.args[0])]
                assert inside(argument, PROMISED[node.op]).all(), (node.op, argument)


ROUNDED_AWAY = [("at least", (0, 0, 0), 1e-10), ("plus", (0, 0, 0), 1.0), ("plus", (0, 0, 0), -1.0)]


@hypothesis.settings(max_examples=300)
@hypothesis.given(steps=st.lists(STEPS, min_size=1, max_size=12), values=st.lists(NUMBERS, min_size=4, max_size=4))
@hypothesis.example(steps=ROUNDED_AWAY[:2], values=[])
@hypothesis.example(steps=ROUNDED_AWAY, values=[])
def test_values_lie_within_their_bounds(steps, values):
    check(steps, values)


def test_a_wrong_bound_is_noticed(monkeypatch):
    from entropyjax.solve.native import ranges

    monkeypatch.setitem(ranges._RULES, "max", ranges._RULES["min"])
    with pytest.raises(AssertionError, match="max"):
        check([("at least", (0, 0, 0), 1.0), ("at most", (0, 0, 0), 2.0), ("at least", (0, 0, 0), 1.5)], [])


def bounds_of(build):
    graph = Graph()
    x, y = (graph.local("item", FLOAT, True, number) for number in range(2))

    def node(op, *args):
        operands = [arg if hasattr(arg, "op") else graph.constant(arg, FLOAT) for arg in args]
        return graph.node(op, operands, FLOAT)

    return range_of(build(node, x, y))


EVERYTHING = (-math.inf, math.inf)


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda node, x, y: x, EVERYTHING),
        (lambda node, x, y: node("exp", x), (0.0, math.inf)),
        (lambda node, x, y: node("abs", x), (0.0, math.inf)),
        (lambda node, x, y: node("neg", node("abs", x)), (-math.inf, 0.0)),
        (lambda node, x, y: node("min", node("max", x, -2.0), 3.0), (-2.0, 3.0)),
        (lambda node, x, y: node("abs", node("min", node("max", x, -2.0), 3.0)), (0.0, 3.0)),
        (lambda node, x, y: node("add", 1.0, node("exp_minus", x)), (1.0, 2.0)),
        (lambda node, x, y: node("mul", node("exp", x), node("sqrt", y)), (0.0, math.inf)),
        (lambda node, x, y: node("mul", node("exp", x), y), EVERYTHING),
        (lambda node, x, y: node("sub", node("exp", x), 1.0), EVERYTHING),
    ],
)
def test_bounds_of_examples(build, expected):
    assert bounds_of(build) == expected


# --- The form of a function -------------------------------------------------------------------------------------


def operations(function, names=NAMES, dtype="float32"):
    """Return the operations that the value of a function of (x, y, k, shared) is made of."""

    def lane(shared, item, number, valid):
        return Each(function(item["x"], item["y"], item["k"], shared["a"]))

    scalar = jax.ShapeDtypeStruct((), np.dtype(dtype))
    items = {"x": scalar, "y": scalar, "k": jax.ShapeDtypeStruct((), np.int32)}
    (root,) = trace(lane, {"a": scalar}, items, False, names).layout.each
    found, stack = {}, [root]
    while stack:
        node = stack.pop()
        found[id(node)] = node
        stack.extend(arg for arg in node.args if id(arg) not in found)
    return [node.op for node in found.values()]


FORMS = frozenset(avx512_functions.WRITERS)
SIZE = jnp.abs
WHERE = jnp.where


@pytest.mark.parametrize(
    ("forms", "function"),
    [
        # e^-x for x >= 0
        ({"exp_minus"}, lambda x, y, k, a: jnp.exp(-SIZE(x))),
        ({"exp_minus"}, lambda x, y, k, a: jnp.exp(-(SIZE(x) * SIZE(y) + 1.0))),
        ({"exp_minus"}, lambda x, y, k, a: jnp.exp(-(SIZE(x) / SIZE(y)))),
        ({"exp_minus"}, lambda x, y, k, a: jnp.exp(-jnp.maximum(x, 0.0))),
        ({"exp_minus"}, lambda x, y, k, a: jnp.exp(-jnp.sqrt(x))),
        ({"exp_minus"}, lambda x, y, k, a: jnp.exp(-WHERE(x >= 0.0, x, -x))),
        ({"exp"}, lambda x, y, k, a: jnp.exp(x)),
        ({"exp"}, lambda x, y, k, a: jnp.exp(-x)),
        ({"exp"}, lambda x, y, k, a: jnp.exp(SIZE(x))),
        ({"exp"}, lambda x, y, k, a: jnp.exp(-jnp.maximum(x, -1e-30))),
        ({"exp"}, lambda x, y, k, a: jnp.exp(-jnp.minimum(SIZE(x), y))),
        ({"exp"}, lambda x, y, k, a: jnp.exp(-(SIZE(x) * y))),
        ({"exp"}, lambda x, y, k, a: jnp.exp(-(SIZE(x) + -1.0))),
        ({"exp"}, lambda x, y, k, a: jnp.exp(-(SIZE(x) - 1.0))),
        ({"exp"}, lambda x, y, k, a: jnp.exp(-WHERE(x >= y, SIZE(x), y))),
        # log(1 + x) for x in [0, 1]
        ({"log1p_unit", "exp_minus"}, lambda x, y, k, a: jnp.log1p(jnp.exp(-SIZE(x)))),
        ({"log1p_unit", "logistic"}, lambda x, y, k, a: jnp.log1p(jax.nn.sigmoid(x))),
        ({"log1p_unit"}, lambda x, y, k, a: jnp.log1p(jnp.clip(x, 0.0, 1.0))),
        ({"log1p_unit", "exp_minus"}, lambda x, y, k, a: jnp.log1p(WHERE(x > y, jnp.exp(-SIZE(x)), 0.5))),
        ({"log1p"}, lambda x, y, k, a: jnp.log1p(SIZE(x))),
        ({"log1p"}, lambda x, y, k, a: jnp.log1p(jnp.clip(x, 0.0, 1.0000002))),
        ({"log1p"}, lambda x, y, k, a: jnp.log1p(jnp.clip(x, -1e-30, 1.0))),
        ({"log1p", "exp"}, lambda x, y, k, a: jnp.log1p(jnp.exp(x))),
        ({"log1p", "exp_minus"}, lambda x, y, k, a: jnp.log1p(-jnp.exp(-SIZE(x)))),
        ({"log1p", "exp_minus"}, lambda x, y, k, a: jnp.log1p(jnp.exp(-SIZE(x)) + 1e-3)),
        ({"log1p", "exp_minus"}, lambda x, y, k, a: jnp.log1p(WHERE(x > y, jnp.exp(-SIZE(x)), y))),
        # powers
        ({"exp2", "log2"}, lambda x, y, k, a: jnp.exp(y * jnp.log(x))),
        ({"exp2", "log2"}, lambda x, y, k, a: jnp.exp(jnp.log(x) * a)),
        ({"exp2", "log2"}, lambda x, y, k, a: jnp.exp(-(a * jnp.log(x)))),
        ({"exp2", "log2"}, lambda x, y, k, a: jnp.exp(-(y * jnp.log(SIZE(x))))),
        ({"logistic2_minus", "log2"}, lambda x, y, k, a: jax.nn.sigmoid(a * jnp.log(x))),
        ({"logistic2_minus", "log2"}, lambda x, y, k, a: jax.nn.sigmoid(-(jnp.log(x) * y))),
        ({"exp", "log"}, lambda x, y, k, a: jnp.exp(jnp.log(x))),
        ({"exp", "log"}, lambda x, y, k, a: jnp.exp(a + jnp.log(x))),
        ({"exp", "log1p"}, lambda x, y, k, a: jnp.exp(a * jnp.log1p(x))),
        ({"logistic", "log"}, lambda x, y, k, a: jax.nn.sigmoid(a * jnp.log(x) + 1.0)),
        ({"logistic"}, lambda x, y, k, a: jax.nn.sigmoid(a * x)),
        # Both uses of one logarithm.
        ({"exp2", "log2", "log"}, lambda x, y, k, a: jnp.exp(a * jnp.log(x)) + jnp.log(x)),
        # No function of it is for what does not vary, nor for other functions.
        (set(), lambda x, y, k, a: x + jnp.log1p(jnp.exp(-a))),
        (set(), lambda x, y, k, a: jnp.expm1(x) + jnp.tanh(y)),
    ],
)
def test_forms(forms, function):
    assert set(operations(function)) & FORMS == forms
    # Neither without the instructions nor for float64.
    assert not set(operations(function, frozenset())) & FORMS
    assert not set(operations(function, dtype="float64")) & FORMS


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("uniform", [False, True])
@pytest.mark.parametrize(
    ("function", "form", "direction"), [("exp", "exp2", 1.0), ("logistic", "logistic2_minus", -1.0)]
)
def test_the_exponent_of_a_power(function, form, direction, uniform, sign):
    """The argument is a log2(y) with the right sign, which a factor that does not vary takes before the loop."""
    graph = Graph(NAMES)
    a, y = graph.local("shared", FLOAT, not uniform), graph.local("item", FLOAT, True)
    product = graph.node("mul", (a, direct(graph, "log", y)), FLOAT)
    node = direct(graph, function, product if sign > 0.0 else graph.node("neg", (product,), FLOAT))
    assert node.op == form
    factor, other = node.args[0].args
    assert (other.op, other.args) == ("log2", (y,))
    factor = factor.args[0] if uniform else factor
    assert factor is a if sign * direction > 0.0 else factor.op == "neg" and factor.args == (a,)


@pytest.mark.parametrize(
    ("is_size", "function"),
    [
        (True, lambda x, y, k, a: WHERE(x >= 0.0, x, -x)),
        (True, lambda x, y, k, a: WHERE(x > 0.0, x, -x)),
        (False, lambda x, y, k, a: WHERE(x >= 1.0, x, -x)),
        (False, lambda x, y, k, a: WHERE(x >= y, x, -x)),
        (False, lambda x, y, k, a: WHERE(y >= 0.0, x, -x)),
        (False, lambda x, y, k, a: WHERE(x >= 0.0, -x, x)),
        (False, lambda x, y, k, a: WHERE(x >= 0.0, x, -y)),
        (False, lambda x, y, k, a: WHERE(x >= 0.0, x, x)),
        (False, lambda x, y, k, a: WHERE(x != 0.0, x, -x)),
        (False, lambda x, y, k, a: WHERE(k >= 0, k, -k)),
    ],
)
def test_a_selection_that_is_a_size(is_size, function):
    found = operations(function)
    assert ("abs" in found) == is_size
    assert ("select" in found) != is_size


# --- Quotients --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "safe"),
    [
        (1.0, 2.0, True),
        (2.0**-124, 2.0**124, True),
        (2.0**-127, 1.0, False),
        (1.0, math.inf, False),
        (0.0, 1.0, False),
        (-1.0, 1.0, False),
    ],
)
def test_divisors_that_may_be_0_or_infinite_keep_the_exact_estimate(low, high, safe):
    graph = Graph(NAMES)
    x, y = (graph.local("item", FLOAT, True, number) for number in range(2))
    divisor = graph.node(
        "min", (graph.node("max", (y, graph.constant(low, FLOAT)), FLOAT), graph.constant(high, FLOAT)), FLOAT
    )
    node, written = graph.node("div", (x, divisor), FLOAT), []

    def fresh(text):
        written.append(text)
        return f"%v{len(written)}"

    Instructions(16, "", estimates=True).text(node, ["%a", "%b"], fresh)
    assert any("rcp14" in text for text in written)
    assert any("select" in text for text in written) != safe
