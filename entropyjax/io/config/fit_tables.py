"""The tables of a file that says what is fitted: types and bounds."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel

from entropyjax.inference.parameters import By
from entropyjax.inference.posteriors import Method
from entropyjax.io.config.population import FROZEN
from entropyjax.io.config.tables import field


class FreeTable(BaseModel):
    """`[free.NAME]`: a parameter that is estimated, and its prior."""

    model_config = FROZEN
    low: float | None = field(None, "-", "Lower end of the prior's range of 90%, in the parameter's unit.")
    high: float | None = field(None, "-", "Upper end of the prior's range of 90%, in the parameter's unit.")
    by: By | None = field(None, "-", "What the parameter has one value for each of.")
    pooled: bool = field(False, "-", "Whether the values are drawn about a common mean.")


class FitTable(BaseModel):
    """`[fit]`: the model, what is observed, and the numerics; what is left out has the default of a fit."""

    model_config = FROZEN
    model: str = field("star", "-", "Registered model.")
    observe: tuple[str, ...] = field((), "-", "Names of observations.")
    context: Literal["auto", "measured", "modelled"] = field("auto", "-", "Whose context loads the window.")
    courses: Literal["auto", "runs", "means"] = field("auto", "-", "Whether each run has a course, driven by its log.")
    scheme: Literal["auto", "agents", "ode"] = field("auto", "-", "What carries the expectation.")
    first: int | None = field(None, "-", "First step at which runs can differ.", ge=0)
    starts: int | None = field(None, "-", "Starts of the fit.", ge=1)
    folds: int | None = field(None, "-", "Folds of held-out tasks; 0 for none.", ge=0)
    cut: int | None = field(None, "-", "First of the steps that are held out.", ge=1)
    draws: int | None = field(None, "-", "Draws of the posterior.", ge=1)
    seed: int | None = field(None, "-", "Seed of randomness.", ge=0, le=2**63 - 1)
    posterior: Method = field("auto", "-", "How the posterior is drawn.")


class FitTables(BaseModel):
    """A whole file that says what is fitted."""

    model_config = FROZEN
    title: str | None = None
    description: str | None = None
    fit: FitTable = FitTable()
    free: Mapping[str, FreeTable] = {}
    fixed: Mapping[str, Any] = {}
    ties: Mapping[str, str] = {}
