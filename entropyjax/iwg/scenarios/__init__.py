"""Scenarios of the failure-mode suite, one file each."""

from entropyjax.iwg.scenarios.base import (
    BASE as BASE,
    SCENARIOS as SCENARIOS,
    AbstractScenario as AbstractScenario,
    Alteration as Alteration,
    Setting as Setting,
    register as register,
)
