"""What the job of the Reasoning Trap looks at: an orchestrator, a plane of two parameters, lengths of the task."""

import math
from typing import Any, NamedTuple

import numpy as np

from entropyjax.io.config import SweepConfig
from entropyjax.jobs.errors import JobError
from entropyjax.models import AbstractModel
from entropyjax.params import nearest

_NEEDED = ("reasoning_tokens", "reasoning_gain", "resolution_rate")
_LENGTHS, _SPANS = (1 / 8, 1 / 4, 1 / 2, 1.0, 2.0), 9


class MapAxis(NamedTuple):
    """One side of the plane: a parameter, its interval, and the scale on which its values are even."""

    name: str
    lower: float
    upper: float
    log: bool = False
    points: int = 16

    @property
    def values(self) -> np.ndarray:
        """The values, both ends included."""
        spaced = np.geomspace if self.log else np.linspace
        return spaced(self.lower, self.upper, self.points)


class Scope(NamedTuple):
    """What is looked at.

    `length` is Lambda = -ln(s_tol) / kappa in steps and `patience` T / Lambda, both of the configuration; `params` are
    those of one orchestrator; `high` is the largest effort in ktok/step.
    """

    model: AbstractModel
    params: Any
    x: MapAxis
    y: MapAxis
    high: float
    tolerance: float
    length: float
    patience: float

    @classmethod
    def of(cls, config: SweepConfig, x: MapAxis, y: MapAxis, high: float) -> "Scope":
        """Return the scope of a configuration.

        **Raises:** `JobError` if its model has no reasoning, its task no length, or an axis no such values.
        """
        model = config.model.build()
        specs = model.Params.specs()
        if missing := [name for name in _NEEDED if name not in specs]:
            raise JobError(
                f"Model '{config.model.name}' has no {' and no '.join(missing)}, so there is no effort of reasoning to "
                "choose; take an orchestrator such as star, mesh or tree."
            )
        if config.refine is not None or config.population:
            table = "[refine]" if config.refine is not None else "[population]"
            raise JobError(f"trap looks at one orchestrator, and this configuration has {table}; leave that out.")
        _check_axes(model, x, y)
        params = model.params(**config.params)
        if not 0.0 < high < math.inf or high < float(params.reasoning_tokens):
            raise JobError(
                f"The efforts end at {high:g} ktok/step and the present one is {float(params.reasoning_tokens):g}; "
                "choose a finite --high above it."
            )
        if float(params.resolution_rate) == 0.0:
            raise JobError("resolution_rate = 0 resolves nothing, so no effort is better; set params.resolution_rate.")
        tolerance = float(config.criteria.progress_tolerance)
        length = -math.log(tolerance) / float(params.resolution_rate)
        names = {x.name: x.values, y.name: y.values}
        model = model.sized({name: getattr(params, name) for name in specs} | names)
        return cls(model, params, x, y, high, tolerance, length, config.run.horizon / length)

    @property
    def lengths(self) -> np.ndarray:
        """Lengths of the task at which the plane is looked at, in steps."""
        return self.length * np.array(_LENGTHS)

    @property
    def spans(self) -> np.ndarray:
        """Lengths of the task along the curves, in steps."""
        return self.length * np.geomspace(_LENGTHS[0], _LENGTHS[-1], _SPANS)

    def variations(self) -> tuple[dict[str, np.ndarray], list[str]]:
        """Return columns of the orchestrator as it is, and with one parameter halved or doubled, and their names."""
        specs, columns, names = type(self.params).specs(), {}, ["as it is"]
        varied = [
            name for name in ("context_window", "n_agents", "reasoning_gain") if float(getattr(self.params, name))
        ]
        for name in varied:
            for factor, word in ((0.5, "half"), (2.0, "twice")):
                value = max(factor * float(getattr(self.params, name)), specs[name].support.lower)
                columns[f"{word} {name}"] = (name, value)
        names += list(columns)
        table = {name: np.full(len(names), float(getattr(self.params, name))) for name in varied}
        for place, (name, value) in enumerate(columns.values(), start=1):
            table[name][place] = value
        return table, names


def _check_axes(model: AbstractModel, x: MapAxis, y: MapAxis) -> None:
    specs = model.Params.specs()
    for axis in (x, y):
        if axis.name not in specs:
            raise JobError(f"'{axis.name}' is not a parameter of this model; {nearest(axis.name, specs)}")
        if axis.name in _NEEDED:
            raise JobError(f"The plane is that of the orchestrator, and {axis.name} is looked at anyway; take another.")
        if not (axis.lower < axis.upper and (axis.lower > 0.0 or not axis.log)):
            raise JobError(
                f"{axis.name} from {axis.lower:g} to {axis.upper:g} is no interval{' of a log axis' * axis.log}; give "
                "LOWER < UPPER, above 0 on a log scale."
            )
        for end in (axis.lower, axis.upper):
            model.params(**{axis.name: end})
    if x.name == y.name:
        raise JobError(f"Both axes are {x.name}; choose two parameters.")
