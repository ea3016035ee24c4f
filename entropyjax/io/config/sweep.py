"""`SweepConfig`: a checked, frozen description of a sweep."""

import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from entropyjax.io.config.axes import Axis
from entropyjax.io.config.defaults import change
from entropyjax.io.config.errors import ConfigError, Problem
from entropyjax.io.config.population import FROZEN, Distribution
from entropyjax.io.config.refine import RefineConfig
from entropyjax.io.config.tables import CriteriaConfig, ModelConfig, RunConfig
from entropyjax.io.config.values import plain
from entropyjax.io.config.variants import survey

_PROSE = ("title", "description", "sources")
_WITHOUT_EFFECT = ("memory_mb", "path")
_ID_DIGITS = 12


class SweepConfig(BaseModel):
    """A sweep: a model, its parameters, a run, and axes over any of them. Made by `load`, which checks it.

    **Attributes:**

    - `params`: the parameters that were given, in their units; the rest are at the model's defaults.
    - `population`: parameters that each replicate draws; they take the place of those in `params`.
    - `axes`: what varies, in the order of the file, each axis with its values; none beside `refine`.
    - `refine`: the boundary to look for over two axes of its own, if any.
    """

    model_config = FROZEN
    title: str | None
    description: str | None
    model: ModelConfig
    params: Mapping[str, float]
    criteria: CriteriaConfig
    run: RunConfig
    population: Mapping[str, Distribution]
    axes: tuple[Axis, ...]
    refine: RefineConfig | None
    sources: Mapping[str, str]

    @property
    def variant_axes(self) -> tuple[Axis, ...]:
        """Axes over anything that is compiled in: the model, the run, a population."""
        return tuple(axis for axis in self.axes if not axis.is_parameter)

    @property
    def parameter_axes(self) -> tuple[Axis, ...]:
        """Axes over parameters and criteria, which are data of one compiled program."""
        return tuple(axis for axis in self.axes if axis.is_parameter)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values of each axis, in the order of `axes`."""
        return tuple(len(axis.values) for axis in self.axes)

    @property
    def run_id(self) -> str:
        """First 12 hexadecimal digits of the SHA-256 of all that changes results, in any order of keys."""
        data = {key: item for key, item in self.to_dict().items() if key not in _PROSE}
        data["run"] = {key: item for key, item in data["run"].items() if key not in _WITHOUT_EFFECT}
        text = json.dumps(_canonical(data), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode("ascii")).hexdigest()[:_ID_DIGITS]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON holds it, samples and generated values included; `load` takes it back."""
        data = self.model_dump(mode="json")
        if self.refine is None:
            del data["refine"]
        return data

    def with_values(self, values: Mapping[str, Any]) -> "SweepConfig":
        """Return this sweep with the values at dotted paths changed, checked anew.

        An axis over a path that gets a value is dropped. New dynamics take the default method, step and
        replicates where those of the old ones do not apply, unless they are among `values`.

        **Raises:** `ConfigError`.
        """
        try:
            data = change(plain(self.to_dict()), plain(values))
        except (LookupError, ValueError) as error:
            raise ConfigError([f"config: {error.args[0]}"]) from None
        return assemble(data, lambda problem: f"config: {problem.sentence}")


def assemble(data: dict[str, Any], line: Callable[[Problem], str]) -> SweepConfig:
    """Return the sweep that `data` describes; `line` turns a problem into a line of the message.

    **Raises:** `ConfigError` with all problems.
    """
    found = survey(data)
    if found.problems:
        raise ConfigError([line(problem) for problem in found.problems])
    fields = {name: getattr(found.tables, name) for name in SweepConfig.model_fields}
    axes = tuple(Axis(path=axis.path, values=axis.values, cases=axis.cases) for axis in found.spreads)
    return SweepConfig(**{**fields, "axes": axes})


def _canonical(node: Any) -> Any:
    """Write whole floats as integers, so that equal sweeps have equal texts."""
    if isinstance(node, dict):
        return {key: _canonical(item) for key, item in node.items()}
    if isinstance(node, list):
        return [_canonical(item) for item in node]
    return int(node) if isinstance(node, float) and node.is_integer() else node
