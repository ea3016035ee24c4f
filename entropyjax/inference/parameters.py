"""Which parameters a fit frees, shares, ties and pools, and the vector that stands for them."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from entropyjax.inference.errors import InferenceError
from entropyjax.inference.priors import Prior, prior_of
from entropyjax.inference.units import Conditions
from entropyjax.params import Parameter, nearest

By = Literal["system", "orchestrator", "roster", "condition"]

Group = Literal["free", "fixed", "ties"]
"""What a fit may do with a parameter."""

SPREAD_PRIOR = (-1.3, 1.03)
"""Mean and standard deviation of ln of the spread of a pooled parameter between its groups, on the unconstrained scale.

It holds the spread between 0.05 and 1.5 with 90%.
"""


@dataclasses.dataclass(frozen=True)
class Free:
    """A parameter that a fit estimates.

    **Attributes:**

    - `name`: of the model's or of the observation's parameters.
    - `low`, `high`: the prior holds 90% between them, in the parameter's unit; by default those of `RANGES`.
    - `by`: one value for each system, orchestrator, roster or condition (all three together); by default one for all.
    - `pooled`: the values by group are drawn about a common mean with a spread that is estimated too.
    """

    name: str
    low: float | None = None
    high: float | None = None
    by: By | None = None
    pooled: bool = False


class Block(NamedTuple):
    """The part of the vector that one parameter takes.

    **Attributes:** `start`: its first place; `level`: of each condition; `levels`: their names. The vector has one
    score for each level; where pooled, one each for the mean and ln of the spread before.
    """

    free: Free
    spec: Parameter
    prior: Prior
    start: int
    level: Int[np.ndarray, " conditions"]
    levels: tuple[str, ...]

    @property
    def size(self) -> int:
        """Places that it takes."""
        return len(self.levels) + 2 * self.free.pooled

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of its values."""
        return tuple(f"{self.spec.name}[{name}]" if name else self.spec.name for name in self.levels)

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of its places in the vector."""
        name = self.spec.name
        own = (f"the mean of {name}", f"the spread of {name}") if self.free.pooled else ()
        return (*own, *self.labels)


class Layout(NamedTuple):
    """Free parameters as one vector of standard scores, and the values that stay.

    Under the prior the scores are independent standard normals, whatever the parameters' units and supports.

    **Attributes:** `fixed`: values by name, one for each condition; `ties`: name to the parameter that it follows and
    the factor.
    """

    blocks: tuple[Block, ...]
    fixed: Mapping[str, Float[np.ndarray, " conditions"]]
    ties: Mapping[str, tuple[str, float]]

    @property
    def size(self) -> int:
        """Length of the vector."""
        return sum(block.size for block in self.blocks)

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the free values, group by group; hyperparameters of pooled ones left out."""
        return tuple(label for block in self.blocks for label in block.labels)

    @property
    def coordinates(self) -> tuple[str, ...]:
        """Names of the scores: those of the free values, and of the common mean and the spread of pooled ones."""
        return tuple(name for block in self.blocks for name in block.coordinates)

    def natural(self, scores: Float[Array, " size"]) -> Float[Array, " labels"]:
        """Return the free values in their units, in the order of `labels`."""
        return jnp.concatenate([_natural(block, scores) for block in self.blocks])

    def values(self, scores: Float[Array, " size"]) -> dict[str, Float[Array, " conditions"]]:
        """Return every parameter's value in each condition, by name."""
        out: dict[str, Any] = {name: jnp.asarray(value, scores.dtype) for name, value in self.fixed.items()}
        for block in self.blocks:
            out[block.spec.name] = _natural(block, scores)[block.level]
        for name, (source, factor) in self.ties.items():
            out[name] = factor * out[source]
        return out


def _natural(block: Block, scores: Array) -> Array:
    own = jax.lax.slice_in_dim(scores, block.start, block.start + block.size)
    mean, sd = block.prior
    if not block.free.pooled:
        return block.spec.support.constrain(mean + sd * own)
    middle, width = SPREAD_PRIOR
    return block.spec.support.constrain(mean + sd * own[0] + jnp.exp(middle + width * own[1]) * own[2:])


def layout(
    specs: Mapping[str, Parameter],
    conditions: Conditions,
    free: Sequence[Free],
    fixed: Mapping[str, Any] = {},
    ties: Mapping[str, tuple[str, float]] = {},
) -> Layout:
    """Return the layout of a fit.

    **Arguments:**

    - `specs`: what parameters there are.
    - `fixed`: by name a value, or one for each condition, or values by the name of an orchestrator; others are at their
      defaults, but for `n_agents`, which is the size of each condition's roster.
    - `ties`: `{"reasoning_tokens": ("executor_tokens", 0.5)}` makes the former half the latter.

    **Raises:** `InferenceError` for a name that is not known or named twice, or a value outside its support.
    """
    given = {"n_agents": conditions.size.astype(float)} if "n_agents" in specs else {}
    values = {name: np.full(len(conditions), spec.default) for name, spec in specs.items()} | given
    _check_names(specs, free, fixed, ties)
    for name, value in fixed.items():
        values[name] = _fixed(specs[name], value, conditions)
    blocks, start = [], 0
    for one in free:
        level, levels = conditions.levels(one.by)
        if one.pooled and len(levels) < 2:
            raise InferenceError(
                f"{one.name} is pooled over {one.by or 'nothing'}, of which there is one; leave it free."
            )
        blocks.append(Block(one, specs[one.name], prior_of(specs[one.name], one.low, one.high), start, level, levels))
        start += blocks[-1].size
    taken = {one.name for one in free} | set(ties)
    return Layout(tuple(blocks), {name: value for name, value in values.items() if name not in taken}, dict(ties))


def _check_names(specs: Mapping[str, Parameter], free: Sequence[Free], fixed: Any, ties: Any) -> None:
    if not free:
        raise InferenceError("Nothing is free; name at least one parameter to fit.")
    for _, _, sentence in misnamed(specs, [one.name for one in free], fixed, ties):
        raise InferenceError(sentence)


def misnamed(
    specs: Mapping[str, Parameter], free: Sequence[str], fixed: Iterable[str], ties: Mapping[str, tuple[str, float]]
) -> Iterator[tuple[Group, str, str]]:
    """Yield the group, the name and a sentence for each parameter that is not known, named twice or tied to a tie."""
    groups: tuple[tuple[Group, Iterable[str]], ...] = (("free", free), ("fixed", fixed), ("ties", ties))
    named: list[tuple[Group, str]] = [(group, name) for group, names in groups for name in names]
    sources: list[tuple[Group, str, str]] = [("ties", name, source) for name, (source, _) in ties.items()]
    said: list[tuple[Group, str, str]] = [(group, name, name) for group, name in named]
    for group, key, name in said + sources:
        if name not in specs:
            yield group, key, f"'{name}' is not a parameter of this fit; {nearest(name, specs)}"
    names = [name for _, name in named]
    for place, (group, name) in enumerate(named):
        if name in names[:place]:
            yield group, name, f"{name} is named twice among the free, fixed and tied parameters; name it once."
    for group, name, source in sources:
        if source in ties:
            yield group, name, f"{name} follows {source}, which follows another; tie both to the same one."


def _fixed(spec: Parameter, value: Any, conditions: Conditions) -> np.ndarray:
    if isinstance(value, Mapping):
        missing = [name for name in conditions.orchestrators if name not in value]
        if missing:
            raise InferenceError(f"{spec.name} has no value for the orchestrator '{missing[0]}'; give one.")
        out = np.array([value[name] for name in conditions.orchestrators], float)
    else:
        out = np.broadcast_to(np.asarray(value, float), (len(conditions),)).copy()
    for one in out:
        if float(one) not in spec.support:
            raise InferenceError(f"{spec.name} = {one:g} is outside {spec.support}; choose a value in it.")
    return out
