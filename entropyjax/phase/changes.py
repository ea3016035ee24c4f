"""What could be changed about an orchestrator: parameters by a share or to a value, or its topology."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from entropyjax.params import Parameter, nearest

TOPOLOGY = "topology"
"""Name in the place of a parameter of a change of the topology."""

LEVERS: Mapping[str, tuple[str, ...]] = {
    "n_agents": ("roster_tokens", "roster_similarity"),
    "context_window": ("effective_fraction",),
    "reasoning_tokens": ("reasoning_tokens", "reasoning_gain"),
    "compaction_rate": ("compaction_rate",),
    "roster_tokens": ("roster_tokens",),
    "roster_similarity": ("roster_similarity",),
    "error_tokens": ("error_tokens",),
}
"""Parameters that an engineer can change, and those whose values the effect of it leans on."""


class Change(NamedTuple):
    """A change of one parameter, or of the topology.

    **Attributes:** `parameter`: its name, or `TOPOLOGY`; `factor`: what it is multiplied by; `value`: what it is set
    to in its unit, where there is no factor; `model`: name of the other topology.
    """

    parameter: str
    factor: float | None = None
    value: float | None = None
    model: str = ""

    @property
    def name(self) -> str:
        """The change in a few words."""
        if self.model:
            return f"{TOPOLOGY} {self.model}"
        if self.factor is not None:
            return f"{self.parameter} {self.factor - 1.0:+.0%}"
        return f"{self.parameter} = {self.value:g}"

    @property
    def leans_on(self) -> tuple[str, ...]:
        """Parameters whose values its effect leans on most."""
        return LEVERS.get(self.parameter, () if self.model else (self.parameter,))


def small_changes(share: float = 0.25) -> tuple[Change, ...]:
    """Return each lever down and up by a share, and the other topologies."""
    moved = [Change(name, factor) for name in LEVERS for factor in (1.0 - share, 1.0 + share)]
    return (*moved, Change(TOPOLOGY, model="tree"), Change(TOPOLOGY, model="mesh"))


def changed(
    change: Change, columns: Mapping[str, Float[np.ndarray, " draws"]], specs: Mapping[str, Parameter]
) -> Float[np.ndarray, " draws"]:
    """Return the values of the parameter after a change, at most at the end of what it can be.

    **Raises:** `ValueError` with a sentence for a change that does nothing or cannot be made.
    """
    name = change.parameter
    if name not in specs:
        raise ValueError(f"'{name}' is not a parameter of this model; {nearest(name, specs)}")
    if (change.factor is None) == (change.value is None):
        raise ValueError(f"The change of {name} needs a factor or a value, and one of them alone.")
    before, support = columns[name], specs[name].support
    if change.value is None:
        after = np.clip(before * change.factor, support.lower, np.minimum(support.upper, _most(name, columns)))
    else:
        after = np.full_like(before, change.value)
    if any(float(value) not in support for value in np.unique(after)):
        raise ValueError(f"{change.name} leaves {support}, the values that {name} may have.")
    if np.all(after == before):
        why = "it is 0, and a share of nothing is nothing" if np.all(before == 0.0) else "it is there already"
        raise ValueError(f"{change.name} changes nothing: {why}; give a value in its place.")
    if np.any(after > _most(name, columns)):
        raise ValueError(f"{change.name} would forget more in a step than there is; make it smaller.")
    return after


def _most(name: str, columns: Mapping[str, Float[np.ndarray, " draws"]]) -> Float[np.ndarray, " draws"] | float:
    """Return the largest value that agents can have: of what there is, nearly all is forgotten in a step."""
    other = {"compaction_rate": "reflexion_rate", "reflexion_rate": "compaction_rate"}.get(name)
    return np.inf if other is None else (1.0 - 2.0**-10) * (1.0 - columns[other])
