"""Follow a function of one variable, equation by equation, with ranges in place of numbers."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend import core

from entropyjax.stability.enclosure import interval as iv
from entropyjax.stability.enclosure.interval import Enclosure
from entropyjax.stability.enclosure.rules import RULES, Jet, NotEnclosable, choose, lift

_INNER = ("jaxpr", "call_jaxpr", "fun_jaxpr", "call")
_CALLS = {
    "jit",
    "pjit",
    "closed_call",
    "core_call",
    "remat2",
    "checkpoint",
    "custom_jvp_call",
    "custom_vjp_call",
    "custom_vmap_call",
}
# What only moves numbers about: it acts on the lower and the upper ends alike.
_STRUCTURAL = {
    "broadcast_in_dim",
    "reshape",
    "squeeze",
    "expand_dims",
    "transpose",
    "slice",
    "dynamic_slice",
    "gather",
    "concatenate",
    "stack",
    "pad",
    "rev",
    "convert_element_type",
    "copy",
    "copy_p",
    "reduce_max",
    "reduce_min",
    "stop_gradient",
}
_COMPARISONS = {"ge": True, "gt": True, "le": False, "lt": False}


class _Step(NamedTuple):
    """An equation with its calls inlined: names are numbers."""

    primitive: Any
    params: dict[str, Any]
    inputs: tuple[Any, ...]
    outputs: tuple[int, ...]


def inline(closed: Any) -> tuple[list[_Step], dict[int, Any], list[int], list[Any]]:
    """Return the equations of a closed jaxpr in order, its constants, its inputs and its outputs by number."""
    steps: list[_Step] = []
    known: dict[int, Any] = {}
    fresh = iter(range(1 << 30))

    def constant(number: Any) -> int:
        name = next(fresh)
        known[name] = number
        return name

    def walk(jaxpr: Any, names: dict[Any, int]) -> list[int]:
        def read(atom: Any) -> int:
            if isinstance(atom, core.Literal):
                aval: Any = atom.aval
                return constant(jnp.asarray(atom.val, aval.dtype))
            return names[atom]

        for equation in jaxpr.eqns:
            inputs = [read(atom) for atom in equation.invars]
            if equation.primitive.name in _CALLS:
                inner = next(equation.params[key] for key in _INNER if key in equation.params)
                consts = [constant(item) for item in getattr(inner, "consts", ())]
                body = getattr(inner, "jaxpr", inner)
                local = dict(zip((*body.constvars, *body.invars), (*consts, *inputs), strict=True))
                names.update(zip(equation.outvars, walk(body, local), strict=True))
                continue
            outputs = tuple(next(fresh) for _ in equation.outvars)
            names.update(zip(equation.outvars, outputs, strict=True))
            steps.append(_Step(equation.primitive, equation.params, tuple(inputs), outputs))
        return [read(atom) for atom in jaxpr.outvars]

    jaxpr = closed.jaxpr
    arguments = [next(fresh) for _ in jaxpr.invars]
    consts = [constant(item) for item in closed.consts]
    outputs = walk(jaxpr, dict(zip((*jaxpr.constvars, *jaxpr.invars), (*consts, *arguments), strict=True)))
    return _needed(steps, outputs), known, arguments, outputs


def _needed(steps: Sequence[_Step], outputs: Sequence[int]) -> list[_Step]:
    """Return the equations on which the outputs depend."""
    wanted, kept = set(outputs), []
    for step in reversed(steps):
        if wanted.intersection(step.outputs):
            wanted.update(step.inputs)
            kept.append(step)
    return kept[::-1]


class Enclosed:
    """A function of one variable that ranges can be put into.

    Equations without the variable are evaluated here, once. A comparison of something with a constant makes two
    cases, each followed with that something cut off at the constant, and their ranges are united: where branches
    join continuously, as a drift's do, the united slope bounds every difference quotient.

    **Arguments:** `function`: of an array, elementwise, returning an array of its shape; `like`: such an array.

    **Raises:** `NotEnclosable` with what stands in the way.
    """

    rigorous = True

    def __init__(self, function: Callable[[Any], Any], like: Any):
        steps, known, (self._argument,), (self._output,) = inline(jax.make_jaxpr(function)(like))
        self._rest: list[_Step] = []
        varying = {self._argument}
        for step in steps:
            if varying.intersection(step.inputs):
                varying.update(step.outputs)
                self._rest.append(step)
            else:
                known.update(zip(step.outputs, _bind(step, [known[name] for name in step.inputs]), strict=True))
        self._known = known
        # Tried on shapes alone, so that what cannot be followed is said at once.
        jax.eval_shape(self.over, like, like)

    def over(self, low: Any, high: Any) -> tuple[Enclosure, Enclosure]:
        """Return ranges that hold every value, and every slope, between `low` and `high`."""
        one = jnp.ones_like(low)
        out = lift(self._run(Jet(Enclosure(low, high), Enclosure(one, one))), True)
        return out.value, out.slope

    def within(self, low: Any, high: Any) -> Enclosure:
        """Return a range that holds every value between `low` and `high`."""
        return lift(self._run(Jet(Enclosure(low, high), None)), False).value

    def at(self, point: Any) -> Enclosure:
        """Return a range that holds the exact value at `point`, rounding included."""
        return self.within(point, point)

    def _run(self, variable: Jet) -> Any:
        return self._follow(0, {**self._known, self._argument: variable})

    def _follow(self, start: int, known: dict[int, Any]) -> Any:
        doubt: Any = None
        for place in range(start, len(self._rest)):
            step = self._rest[place]
            args = [known[name] for name in step.inputs]
            name = step.primitive.name
            if not any(isinstance(arg, Jet) for arg in args):
                known.update(zip(step.outputs, _bind(step, args), strict=True))
            elif name in _COMPARISONS:
                return _unsure(doubt, self._cases(place, known, args))
            elif name == "argmax":
                known[step.outputs[0]], clear = _largest(step, args[0])
                doubt = ~clear if doubt is None else doubt | ~clear
            elif name in RULES:
                known[step.outputs[0]] = RULES[name](step.params, *args)
            elif name in _STRUCTURAL:
                known[step.outputs[0]] = _move(step, args)
            else:
                raise NotEnclosable(f"it uses '{name}', for which interval arithmetic has no rule")
        return _unsure(doubt, known[self._output])

    def _cases(self, place: int, known: dict[int, Any], args: list[Any]) -> Any:
        step = self._rest[place]
        if all(isinstance(arg, Jet) for arg in args):
            raise NotEnclosable("it compares two things that both depend on the variable")
        left = isinstance(args[0], Jet)
        jet, bound = args if left else args[::-1]
        if jnp.shape(jet.value.lower) != jnp.shape(known[self._argument].value.lower):
            # Elements of a vector could fall into the cases in every combination.
            raise NotEnclosable("it compares a vector that depends on the variable")
        above = _COMPARISONS[step.primitive.name] == left
        ends = jet.value
        upper = jet._replace(value=Enclosure(jnp.maximum(ends.lower, bound), jnp.maximum(ends.upper, bound)))
        lower = jet._replace(value=Enclosure(jnp.minimum(ends.lower, bound), jnp.minimum(ends.upper, bound)))
        name = step.inputs[0] if left else step.inputs[1]

        def case(cut: Jet, outcome: bool) -> Jet:
            flag = jnp.full(jnp.shape(ends.lower), outcome)
            return lift(self._follow(place + 1, {**known, name: cut, step.outputs[0]: flag}), jet.slope is not None)

        high, low = case(upper, above), case(lower, not above)
        only_high, only_low = ends.lower > bound, ends.upper < bound

        def unite(a: Enclosure | None, b: Enclosure | None) -> Enclosure | None:
            if a is None or b is None:
                return None
            return choose(only_high, a, choose(only_low, b, iv.hull(a, b)))

        return Jet(unite(high.value, low.value), unite(high.slope, low.slope))


def _bind(step: _Step, args: list[Any]) -> list[Any]:
    out = step.primitive.bind(*args, **step.params)
    return list(out) if step.primitive.multiple_results else [out]


def _move(step: _Step, args: list[Any]) -> Jet:
    """Apply a primitive that moves numbers about to each of the ends."""
    sloped = any(isinstance(arg, Jet) and arg.slope is not None for arg in args)
    whole = [lift(arg, sloped) if jnp.issubdtype(_dtype(arg), jnp.floating) else arg for arg in args]

    def ends(pick: Callable[[Jet], Any]) -> Any:
        return _bind(step, [pick(arg) if isinstance(arg, Jet) else arg for arg in whole])[0]

    value = Enclosure(ends(lambda jet: jet.value.lower), ends(lambda jet: jet.value.upper))
    if not sloped:
        return Jet(value, None)
    if step.primitive.name in ("reduce_max", "reduce_min"):
        raise NotEnclosable(f"it uses '{step.primitive.name}', which has no rule for slopes")
    return Jet(value, Enclosure(ends(lambda jet: jet.slope.lower), ends(lambda jet: jet.slope.upper)))


def _dtype(arg: Any) -> Any:
    return jnp.result_type(arg.value.lower if isinstance(arg, Jet) else arg)


def _largest(step: _Step, operand: Jet) -> tuple[Any, Any]:
    """Return the index of the largest element, and whether no other can be larger."""
    (axis,) = step.params["axes"]
    upper, lower = operand.value.upper, operand.value.lower
    index = jnp.argmax(upper, axis=axis).astype(step.params["index_dtype"])
    here = jnp.expand_dims(index, axis) == jnp.arange(upper.shape[axis]).reshape(
        [-1 if place == axis else 1 for place in range(upper.ndim)]
    ).astype(index.dtype)
    least = jnp.max(jnp.where(here, lower, -jnp.inf), axis=axis)
    others = jnp.max(jnp.where(here, -jnp.inf, upper), axis=axis)
    return index, jnp.all(least > others)


def _unsure(doubt: Any, out: Any) -> Any:
    """Return a result, or everything where an index was in doubt."""
    if doubt is None:
        return out
    jet = lift(out, False)

    def open_up(ends: Enclosure | None) -> Enclosure | None:
        return ends and Enclosure(jnp.where(doubt, -jnp.inf, ends.lower), jnp.where(doubt, jnp.inf, ends.upper))

    return Jet(open_up(jet.value), open_up(jet.slope))
