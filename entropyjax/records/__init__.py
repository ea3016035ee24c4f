"""Plain records that layers hand to each other."""

from entropyjax.records.calibration import Calibration as Calibration
