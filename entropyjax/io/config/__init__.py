"""Sweep and preset files: TOML in; a frozen `SweepConfig` out, or sentences that say what to change."""

from entropyjax.io.config.axes import Axis as Axis
from entropyjax.io.config.errors import ConfigError as ConfigError
from entropyjax.io.config.load import load as load
from entropyjax.io.config.population import (
    Distribution as Distribution,
    LogNormal as LogNormal,
    Normal as Normal,
    Samples as Samples,
    Uniform as Uniform,
)
from entropyjax.io.config.refine import RefineAxis as RefineAxis, RefineConfig as RefineConfig
from entropyjax.io.config.sweep import SweepConfig as SweepConfig
from entropyjax.io.config.tables import (
    CriteriaConfig as CriteriaConfig,
    ModelConfig as ModelConfig,
    RunConfig as RunConfig,
)
