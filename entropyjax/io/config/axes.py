"""Axes of a sweep: a dotted path and its values, given one by one or generated."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, Field, model_serializer

from entropyjax.io.config.population import FROZEN
from entropyjax.params import nearest

LONGEST = 1_000_000
"""Most values of one axis."""
_EXACT = 2**53
_PARAMETER_TABLES = ("params.", "criteria.")
DIMENSIONS = ("time", "time_bin", "outcome", "failure", "quantile", "bound", "path")
"""Dimensions that results have beside their axes."""


class Linspace(BaseModel):
    """Equally spaced values, both ends included."""

    model_config = FROZEN
    start: float = Field(description="First value.")
    stop: float = Field(description="Last value.")
    num: int = Field(ge=1, le=LONGEST, description="Number of values.")

    def expand(self) -> tuple[Any, ...]:
        """Return the values."""
        # Two products instead of a difference: no overflow, and both ends exact.
        return tuple(self.start * (1.0 - t) + self.stop * t for t in _places(self.num))


class Logspace(BaseModel):
    """Values in equal ratios, both ends included; the ends are values, not exponents."""

    model_config = FROZEN
    start: float = Field(gt=0.0, description="First value, not an exponent.")
    stop: float = Field(gt=0.0, description="Last value, not an exponent.")
    num: int = Field(ge=1, le=LONGEST, description="Number of values.")

    def expand(self) -> tuple[Any, ...]:
        """Return the values."""
        return tuple(self.start ** (1.0 - t) * self.stop**t for t in _places(self.num))


class Integers(BaseModel):
    """Whole numbers from start to stop: all, or about `num` spread over the range or its logarithm."""

    model_config = FROZEN
    start: int = Field(ge=-_EXACT, le=_EXACT, description="First value.")
    stop: int = Field(ge=-_EXACT, le=_EXACT, description="Last value, included.")
    num: int | None = Field(
        default=None, ge=1, le=LONGEST, description="Number of values before equal ones are merged."
    )
    spacing: Literal["linear", "log"] = Field(default="linear", description="Spacing of the values.")

    def expand(self) -> tuple[Any, ...]:
        """Return the values, sorted, each once.

        **Raises:** `ValueError` for a range that is empty, too long or not positive where it must be.
        """
        if self.start > self.stop:
            raise ValueError(f"start = {self.start} is above stop = {self.stop}; exchange them.")
        if self.spacing == "log" and self.start < 1:
            raise ValueError(f"start = {self.start} has no logarithm; start at 1 or above, or use linear spacing.")
        if self.num is None:
            count = self.stop - self.start + 1
            if count > LONGEST:
                raise ValueError(f"{count} whole numbers are too many; give num, at most {LONGEST}.")
            return tuple(range(self.start, self.stop + 1))
        ends = {"start": float(self.start), "stop": float(self.stop), "num": self.num}
        spread = Logspace(**ends) if self.spacing == "log" else Linspace(**ends)
        return tuple(sorted({round(value) for value in spread.expand()}))


class Case(BaseModel):
    """What one case of an axis changes: its `[model]` takes the place of the file's, the rest is merged key by key."""

    model_config = FROZEN
    model: Mapping[str, Any] | None = None
    params: Mapping[str, Any] = {}
    criteria: Mapping[str, Any] = {}

    def onto(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return a configuration with what this case changes."""
        changed = {name: {**data.get(name, {}), **getattr(self, name)} for name in ("params", "criteria")}
        return {**data, **changed} | ({} if self.model is None else {"model": dict(self.model)})

    def paths(self) -> list[str]:
        """Return the dotted paths that this case sets."""
        tables = {"model": self.model or {}, "params": self.params, "criteria": self.criteria}
        return [f"{table}.{key}" for table, keys in tables.items() for key in keys]


class AxisTable(BaseModel):
    """`[[axes]]` as it is written: a path and exactly one way to give its values.

    Of an axis with `cases` the path is a name of its own, and `values` may say which cases there are, in which order.
    """

    model_config = FROZEN
    path: str = Field(description="Dotted path of what varies.")
    values: tuple[Any, ...] | None = None
    linspace: Linspace | None = None
    logspace: Logspace | None = None
    integers: Integers | None = None
    cases: Mapping[str, Case] | None = None

    def given(self) -> list[str]:
        """Return the names of the ways in which values are given."""
        kinds = [name for name in KINDS if getattr(self, name) is not None]
        return ["cases"] if kinds == ["values", "cases"] else kinds

    def chosen(self) -> tuple[Any, ...]:
        """Return the names of the cases.

        **Raises:** `ValueError` for a value that is no case.
        """
        cases = self.cases or {}
        for value in self.values or ():
            if value not in cases:
                raise ValueError(f"{value!r} is not one of its cases; {nearest(str(value), cases)}")
        return tuple(cases) if self.values is None else self.values


KINDS = ("values", "linspace", "logspace", "integers", "cases")


class Spread(NamedTuple):
    """An axis whose values are generated: its place among the axes, its path, the key of its values, them.

    Of cases, the values are the names, and `cases` says what each of them changes.
    """

    place: int
    path: str
    kind: str
    values: tuple[Any, ...]
    cases: Mapping[str, Case] | None = None


class Axis(BaseModel):
    """One axis of a sweep: what varies, and over which values; with cases, what each value changes."""

    model_config = FROZEN
    path: str
    values: tuple[Any, ...]
    cases: Mapping[str, Case] | None = None

    @model_serializer(mode="wrap")
    def _written(self, handler: Any) -> dict[str, Any]:
        """Leave out what is not given: an axis without cases is what it was before there were any."""
        return {key: item for key, item in handler(self).items() if item is not None}

    @property
    def name(self) -> str:
        """Short name: the last part of the path; "model" for `model.name`."""
        return short_name(self.path)

    @property
    def is_parameter(self) -> bool:
        """Whether the axis varies numbers of one compiled program instead of the program."""
        return is_parameter(self.path)


def short_name(path: str) -> str:
    """Return the name of an axis in results."""
    return "model" if path == "model.name" else path.rpartition(".")[2]


def is_parameter(path: str) -> bool:
    """Return whether a path leads to a parameter or a criterion."""
    return path.startswith(_PARAMETER_TABLES)


def _places(num: int) -> list[float]:
    return [i / (num - 1) for i in range(num)] if num > 1 else [0.0]
