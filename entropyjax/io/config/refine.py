"""`[refine]`: the boundary that a sweep looks for in place of computing every cell."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field

from entropyjax.io.config.axes import short_name
from entropyjax.io.config.population import FROZEN

OUTCOMES = ("resolved", "collapsed", "never_focused", "unresolved")
LARGEST_BATCH = 1024
Scale = Literal["linear", "log"]
Quantity = Literal["collapsed", "resolved", "never_focused", "unresolved", "outcome", "margin"]


def _field(default: Any, doc: str, **bounds: Any) -> Any:
    return Field(default=default, description=doc, json_schema_extra={"unit": "-"}, **bounds)


class RefineAxis(BaseModel):
    """`[refine].x` and `.y`: a parameter or criterion, and the interval that the map covers."""

    model_config = FROZEN
    path: str = Field(description="Dotted path of what varies.")
    lower: float = Field(description="Lower end.")
    upper: float = Field(description="Upper end, above the lower one.")
    scale: Scale = _field("linear", "Scale on which the interval is cut.")

    @property
    def name(self) -> str:
        """Short name: the last part of the path."""
        return short_name(self.path)


class RefineConfig(BaseModel):
    """`[refine]`: between which values of two parameters the boundary of what is looked for, and how closely."""

    model_config = FROZEN
    x: RefineAxis | None = None
    y: RefineAxis | None = None
    of: Quantity = _field("collapsed", "What changes at the boundary.")
    level: float = _field(0.5, "Probability that the boundary is at.", gt=0.0, lt=1.0)
    resolution: int = _field(512, "Finest cells a side.", ge=1, le=4096)
    start: int = _field(16, "Coarse cells a side.", ge=1, le=4096)
    replicates: int = _field(64, "Trajectories of a batch of a point.", ge=1, le=LARGEST_BATCH)
    most: int = _field(1024, "Trajectories of a point at most.", ge=1, lt=2**32)
    sigmas: float = _field(3.0, "Standard errors from the level at which a point is decided.", gt=0.0)
    check: int = _field(200, "Points far from the boundary that check it.", ge=0)

    @property
    def axes(self) -> tuple[RefineAxis, RefineAxis]:
        """The two axes; known once a configuration is checked."""
        assert self.x is not None and self.y is not None
        return self.x, self.y

    @property
    def batches(self) -> int:
        """Batches of a point at most."""
        return self.most // self.replicates


def derived(path: str, kind: str, written: Any, values: Sequence[float]) -> RefineAxis:
    """Return the interval that the values of an axis cover, on the scale on which they were generated."""
    log = kind == "logspace" or getattr(written, "spacing", "linear") == "log"
    return RefineAxis(path=path, lower=float(min(values)), upper=float(max(values)), scale="log" if log else "linear")
