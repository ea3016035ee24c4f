"""Bifurcation diagrams: every branch of a model's fixed points over one parameter."""

import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from entropyjax.models import AbstractModel
from entropyjax.params import cast, replace
from entropyjax.stability.continuation import Branch, ContinuationError, Lens, StepControl, continue_equilibrium
from entropyjax.stability.continuation.lens import as_lens
from entropyjax.stability.continuation.model import from_model
from entropyjax.stability.equilibria import Equilibria, equilibria

_LEVELS, _MOST = 65, 16
_CONTROL = StepControl()


class Diagram(NamedTuple):
    """Branches of fixed points over one parameter, and sentences on what is `missing` from them."""

    branches: tuple[Branch, ...]
    missing: tuple[str, ...]

    @property
    def partial(self) -> bool:
        """Whether there may be fixed points that no branch holds."""
        return bool(self.missing) or any(branch.partial for branch in self.branches)

    def __str__(self) -> str:
        return "\n".join([*map(str, self.branches), *(f"partial: {sentence}" for sentence in self.missing)])


def bifurcation_branches(
    model: AbstractModel, params: Any, lens: Lens | str, *, control: StepControl = _CONTROL
) -> Diagram:
    """Follow every branch of fixed points of a model over one parameter, also those that no fold connects.

    At 65 values of the parameter `equilibria` finds all fixed points; wherever there are more of them than branches
    pass, a branch is followed from the one that is farthest from those. A model without `at_rest` gets the
    one branch that its ODE leads to.

    **Arguments:** `params`: of one lane; `lens`: the free parameter with finite bounds; the parameter's own value may
    lie outside of them.

    **Raises:** `ContinuationError` for a name or bounds that do not fit, or where no fixed point exists in between.
    """
    lens = bounded(params, lens)
    start = inside(params, lens)
    model = fitted(model, start, lens)
    if not model.has_rest():
        branch = continue_equilibrium(from_model(model, start, lens), control=control)
        text = "other branches are not searched for, since the model does not say where it comes to rest."
        return Diagram((branch,), (text,))
    levels = levels_of(lens, start, _LEVELS)
    found = _everywhere(model, start, lens.name, levels)
    if not np.any(found.count):
        raise ContinuationError(
            f"No fixed point exists for {lens.name} in [{lens.lower:g}, {lens.upper:g}], so there is no branch to "
            "follow. Without forgetting (compaction_rate + reflexion_rate = 0) there is none at all; otherwise choose "
            "another interval."
        )
    return _followed(model, start, lens, levels, found, control)


def bounded(params: Any, lens: Lens | str) -> Lens:
    """Return a lens with bounds, those of the parameter's support by default.

    **Raises:** `ContinuationError` for an unknown name, or a bound that is not finite.
    """
    lens = as_lens(lens)
    lens.get(params)
    support = type(params).specs()[lens.name].support
    lower, upper = (
        end if given is None else float(given)
        for given, end in ((lens.lower, support.lower), (lens.upper, support.upper))
    )
    if not (math.isfinite(lower) and math.isfinite(upper)):
        raise ContinuationError(f"{lens.name} needs a lower and an upper bound, and has [{lower:g}, {upper:g}].")
    return Lens(lens.name, lower, upper, lens.log, lens.scale, lens.symbol, lens.unit)


def inside(params: Any, *lenses: Lens) -> Any:
    """Return parameters with each lens's own moved to the nearest value within its bounds."""
    moved = {one.name: float(np.clip(float(one.get(params)), one.lower, one.upper)) for one in lenses}
    return replace(params, moved)


def fitted(model: AbstractModel, params: Any, *lenses: Lens) -> AbstractModel:
    """Return a model whose state has the one size that it needs everywhere within the lenses' bounds.

    **Raises:** `ContinuationError` if that size changes, as it does for a tree over the number of executors.
    """
    corners = itertools.product(*((float(lens.lower), float(lens.upper)) for lens in lenses))
    values = {name: getattr(params, name) for name in type(params).specs()}
    names = [lens.name for lens in lenses]
    sizes = [model.sized({**values, **dict(zip(names, corner, strict=True))}) for corner in corners]
    if any(size != sizes[0] for size in sizes):
        raise ContinuationError(
            f"The size of the state of {type(model).__name__} changes with {' or '.join(names)} within these bounds, "
            "and a branch is followed in a state of one size. Choose other parameters, or closer bounds."
        )
    return sizes[0]


def levels_of(lens: Lens, params: Any, count: int) -> np.ndarray:
    """Return evenly spread values of a parameter on the scale of its lens, a little within its bounds.

    **Raises:** `ContinuationError` as `Lens.resolve`.
    """
    resolved = lens.resolve(params)
    ends = [resolved.coordinate(float(end)) for end in (lens.lower, lens.upper)]
    # Odd steps within the bounds: round numbers, where symmetric systems may bifurcate, are no levels.
    shares = (np.arange(count) + 0.5 + 0.1 * math.sqrt(2.0)) / (count + 0.3)
    return resolved.host_value(ends[0] + (ends[1] - ends[0]) * shares)


def _everywhere(model: AbstractModel, params: Any, name: str, levels: np.ndarray) -> Equilibria:
    """Return the fixed points at each value of a parameter, as numpy arrays."""
    lanes = jax.tree.map(lambda leaf: jnp.full(len(levels), leaf), cast(params, jnp.float64))
    return jax.tree.map(np.asarray, _fixed_points(model, replace(lanes, {name: jnp.asarray(levels)})))


@eqx.filter_jit
def _fixed_points(model: AbstractModel, lanes: Any) -> Equilibria:
    return jax.vmap(lambda lane: equilibria(model, lane))(lanes)


def fixed_points(model: AbstractModel, params: Any) -> Equilibria:
    """Return all fixed points of one parameter point, as numpy arrays; new values recompile nothing."""
    lanes = jax.tree.map(lambda leaf: jnp.full(1, leaf), cast(params, jnp.float64))
    return jax.tree.map(lambda leaf: np.asarray(leaf)[0], _fixed_points(model, lanes))


def _followed(
    model: AbstractModel, params: Any, lens: Lens, levels: np.ndarray, found: Equilibria, control: StepControl
) -> Diagram:
    branches: list[Branch] = []
    missing: list[str] = []
    tried: set[tuple[int, int]] = set()
    while len(tried) < _MOST:
        place = next(_uncovered(branches, lens.name, levels, found, tried), None)
        if place is None:
            break
        tried.add(place)
        level, slot = place
        state = jax.tree.map(lambda leaf: leaf[level, slot], found.state)  # noqa: B023
        here = replace(params, {lens.name: float(levels[level])})
        try:
            branches.append(continue_equilibrium(from_model(model, here, lens, state), control=control))
        except ContinuationError as error:
            missing.append(f"the fixed point at {lens.name} = {levels[level]:.6g} was not followed. {error}")
    else:
        missing.append(f"fixed points are left after {_MOST} branches.")
    return Diagram(tuple(branches), tuple(missing))


def _uncovered(
    branches: list[Branch], name: str, levels: np.ndarray, found: Equilibria, tried: set[tuple[int, int]]
) -> Iterator[tuple[int, int]]:
    """Yield (level, slot) of fixed points of which there are more than branches pass, the farthest from those."""
    for level, value in enumerate(levels):
        states = flat(found.state, level)[: min(int(found.count[level]), found.kind.shape[1])]
        passed = [point for branch in branches for point in crossings(branch, name, float(value))]
        if len(states) <= len(passed):
            continue
        distance = [min((float(np.linalg.norm(one - point)) for point in passed), default=np.inf) for one in states]
        slot = int(np.argmax(distance))
        if (level, slot) not in tried:
            yield level, slot


def flat(state: Any, level: int) -> np.ndarray:
    """Return the states in the slots of a level, without the progress, one row each."""
    parts = [np.asarray(leaf[level]) for name, leaf in state._asdict().items() if name != "progress"]
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


def crossings(branch: Branch, name: str, value: float) -> list[np.ndarray]:
    """Return the states at which a branch passes a value of its parameter, interpolated between its points."""
    parts = jax.tree.leaves(branch.state)
    states = np.concatenate([np.reshape(part, (len(part), -1)) for part in parts], axis=1)
    off = np.asarray(branch.parameters[name]) - value
    places = np.flatnonzero((off[:-1] < 0.0) != (off[1:] < 0.0))
    shares = off[places] / (off[places] - off[places + 1])
    return [states[k] + share * (states[k + 1] - states[k]) for k, share in zip(places, shares, strict=True)]
