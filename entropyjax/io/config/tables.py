"""The tables of a file, field by field: types, units, bounds and defaults."""

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from entropyjax.io.config.axes import AxisTable
from entropyjax.io.config.population import FROZEN, Distribution
from entropyjax.io.config.refine import RefineConfig
from entropyjax.models import MODELS, AbstractModel
from entropyjax.params import UnknownNameError
from entropyjax.solve import Criteria

_DEFAULT = Criteria()


def field(default: Any, unit: str, doc: str, **bounds: Any) -> Any:
    """Return a key of a table: its default, unit, meaning and bounds."""
    return Field(default=default, description=doc, json_schema_extra={"unit": unit}, **bounds)


class ModelConfig(BaseModel):
    """`[model]`: the model's registered name; further keys are options of its class, checked by `build`."""

    model_config = ConfigDict(strict=True, extra="allow", frozen=True)
    name: str = field("star", "-", "Registered model.")

    @property
    def options(self) -> Mapping[str, Any]:
        """Options of the model's class by name."""
        return self.model_extra or {}

    @property
    def cls(self) -> type[AbstractModel]:
        """Class of the model; raises `UnknownNameError`."""
        return MODELS.get(self.name)

    def fields(self) -> dict[str, Any]:
        """Return the types of the options that the model's class has; none if it is not registered."""
        try:
            hints = typing.get_type_hints(self.cls)
        except UnknownNameError:
            return {}
        return {field.name: hints.get(field.name, Any) for field in dataclasses.fields(self.cls) if field.init}

    def build(self) -> AbstractModel:
        """Return the model."""
        return self.cls(**self.options)


class CriteriaConfig(BaseModel):
    """`[criteria]`: what counts as focused, collapsed and resolved."""

    model_config = FROZEN
    collapse_threshold: float = field(
        _DEFAULT.collapse_threshold, "-", "Normalised entropy at which focus is lost.", gt=0.0, lt=1.0
    )
    progress_tolerance: float = field(
        _DEFAULT.progress_tolerance, "-", "Unresolved share that counts as done.", gt=0.0, lt=1.0
    )
    dwell: float = field(_DEFAULT.dwell, "step", "Time above the threshold before a collapse.", ge=0.0)
    hysteresis: float = field(
        _DEFAULT.hysteresis, "-", "Depth below the threshold that arms a collapse.", ge=0.0, lt=1.0
    )

    def build(self) -> Criteria:
        """Return the criteria as the solver takes them."""
        return Criteria(**self.model_dump())


class RunConfig(BaseModel):
    """`[run]`: the dynamics, the time grid, the ensemble and its numerics."""

    model_config = FROZEN
    dynamics: Literal["ode", "sde", "agents"] = field("sde", "-", "Level of description.")
    method: str = field("ri6", "-", "Registered solver path of these dynamics.")
    horizon: float = field(128.0, "step", "Time up to which trajectories run.", gt=0.0)
    step: float | None = field(0.25, "step", "Solver step; absent for agents.", gt=0.0)
    save_intervals: int = field(
        128, "-", "Intervals between save times; by default one a step, in at most 1024.", ge=1, le=100_000
    )
    replicates: int = field(1024, "-", "Trajectories of a cell.", ge=1, lt=2**32)
    seed: int = field(0, "-", "Seed of all randomness.", ge=0, le=2**63 - 1)
    precision: Literal["float32", "float64"] = field("float32", "-", "Floating type.")
    tolerance: float = field(0.01, "-", "Tolerated discretisation error of probabilities and of h.", gt=0.0)
    check_share: float = field(
        0.015625, "-", "Share of trajectories that run again with half the step.", ge=0.0, le=1.0
    )
    max_refinements: int = field(3, "-", "Halvings of the step at most.", ge=0, le=10)
    path: Literal["auto", "native", "pallas", "scan"] = field("auto", "-", "Solver path; auto takes the fastest.")
    memory_mb: int = field(512, "MB", "Memory that a chunk may take.", ge=64)


class Tables(BaseModel):
    """A whole file after types and bounds are checked, before anything that takes two tables to tell."""

    model_config = FROZEN
    title: str | None = None
    description: str | None = None
    model: ModelConfig = ModelConfig()
    params: Mapping[str, Any] = {}
    criteria: CriteriaConfig = CriteriaConfig()
    run: RunConfig = RunConfig()
    population: Mapping[str, Distribution] = {}
    axes: tuple[AxisTable, ...] = ()
    refine: RefineConfig | None = None
    sources: Mapping[str, str] = {}
