"""The failure-mode suite: what is measured of two settings, and what is concluded from it."""

from entropyjax.iwg.suite.measures import (
    MEASURES as MEASURES,
    Estimate as Estimate,
    Measure as Measure,
    Side as Side,
)
from entropyjax.iwg.suite.verdict import (
    Check as Check,
    Verdict as Verdict,
    check_thresholds as check_thresholds,
    judge as judge,
)
