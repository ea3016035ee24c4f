"""What is known of a device's speed."""

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class Calibration:
    """What the planner knows of the device; the default is what was found on the machines of docs/benchmarks.md.

    **Attributes:**

    - `source`: where the figures come from.
    - `scan_lanes`: lanes that advance together on one device in the scan.
    - `accelerator_lanes`: the same on an accelerator.
    - `chunk_lanes`: least number of lanes in a call into the compiled program, if there are as many.
    - `chunk_work`: lane-steps in such a call; short solves take more lanes.
    - `native_width`: lanes of a native vector by floating type; 0 for four of the processor's registers.
    - `rates`: measured lane-steps per second by solver path; empty if nothing was measured.
    """

    source: str = "defaults"
    scan_lanes: int = 16384
    accelerator_lanes: int = 2**20
    chunk_lanes: int = 65536
    chunk_work: int = 2**27
    native_width: Mapping[str, int] = dataclasses.field(default_factory=dict, hash=False)
    rates: Mapping[str, float] = dataclasses.field(default_factory=dict, hash=False)

    def prefers(self, first: str, second: str) -> bool:
        """Return whether path `first` is to be taken before `second`: always, unless measured to be slower."""
        return self.rates.get(first, float("inf")) >= self.rates.get(second, 0.0)
