"""Solvers: one lane in, one result out, by any of the registered methods."""

from entropyjax.solve.dynamics import refusal as refusal
from entropyjax.solve.events import Criteria as Criteria, Events as Events
from entropyjax.solve.grid import Grid as Grid
from entropyjax.solve.lane import DEFAULT_METHOD as DEFAULT_METHOD, solve as solve
from entropyjax.solve.method import (
    METHODS as METHODS,
    AbstractMethod as AbstractMethod,
    LaneResult as LaneResult,
)
