"""Plain records that layers hand to each other."""

from entropyjax.records.calibration import Calibration as Calibration
from entropyjax.records.trace import UNKNOWN as UNKNOWN, TraceSet as TraceSet
