"""The plan of a run: how trajectories are cut into blocks, map steps and chunks, and why."""

import dataclasses
import math
from typing import Any

import jax

from entropyjax.ensemble.groups import Lanes
from entropyjax.ensemble.memory import bytes_needed
from entropyjax.ensemble.order import Order, choose_order
from entropyjax.ensemble.paths import Path, choose_path
from entropyjax.ensemble.request import Ensemble, EnsembleError
from entropyjax.ensemble.work import STATISTICS, Work
from entropyjax.records import Calibration

BLOCK = 1024
"""Most trajectories of one cell that are reduced together."""

DEFAULTS = Calibration()


@dataclasses.dataclass(frozen=True)
class Plan:
    """How an ensemble runs.

    Path and order apart, none of it changes any trajectory or any block's statistics; those two change rounding.

    **Attributes:**

    - `block`: trajectories of one cell that are reduced together; an item is one block of one cell.
    - `blocks`: items in a cell.
    - `items`: items in the whole ensemble.
    - `vector`: items that advance together on one device under `vmap`.
    - `together`: lanes of an item that do; the groups of a block run one after the other if it has more.
    - `order`: in which order the scan takes the lanes of an item, and why.
    - `repeats`: map steps in a chunk, run one after the other by `lax.map`.
    - `devices`: devices that share a chunk through `shard_map`.
    - `bytes_per_lane`: estimate that the memory budget was divided by, a lane's part of the results included.
    - `path`: the solver path and why it was chosen.
    - `work`: what is done with each item.
    """

    block: int
    blocks: int
    items: int
    vector: int
    together: int
    order: Order
    repeats: int
    devices: int
    bytes_per_lane: int
    path: Path
    work: Work

    @property
    def lanes(self) -> Lanes:
        """How the scan takes the lanes of an item."""
        return Lanes(self.block, self.together, self.order.name)

    @property
    def chunk(self) -> int:
        """Items in a chunk."""
        return self.vector * self.repeats * self.devices

    @property
    def chunks(self) -> int:
        """Number of chunks of the run."""
        return math.ceil(self.items / self.chunk)

    def __str__(self) -> str:
        return (
            f"{self.items} items of {self.block} trajectories in {self.chunks} chunks: {self.devices} device(s) x "
            f"{self.repeats} map steps x {self.vector} items; about "
            f"{self.vector * self.block * self.bytes_per_lane / 2**20:.0f} MiB of working memory a device; path "
            f"{self.path.name}, for {self.path.why}; lanes {self.order}"
        )


def make_plan(
    ensemble: Ensemble,
    memory_bytes: int = 512 * 2**20,
    devices: int | None = None,
    extra_bytes_per_lane: int = 0,
    *,
    path: str = "auto",
    calibration: Calibration = DEFAULTS,
    lanes: int | None = None,
    chunk_lanes: int | None = None,
    order: str = "auto",
    cache: Any = None,
    work: Work = STATISTICS,
) -> Plan:
    """Return a plan whose working memory stays within a budget.

    **Arguments:**

    - `memory_bytes`: budget for all local devices together on CPU, for each one otherwise.
    - `devices`: how many local devices to use, by default all; a method that cannot be shared takes one.
    - `extra_bytes_per_lane`: what a caller keeps beside the integration.
    - `path`: solver path, one of `PATHS`.
    - `calibration`: what is known of the device.
    - `lanes`: lanes that advance together on one device in the scan, instead of the calibration's.
    - `chunk_lanes`: lanes of a call into the compiled program, likewise.
    - `order`: in which order the scan takes lanes that end at different times: `numbered`, `predicted`, or `auto`.
    - `cache`: where native kernels are kept between processes.
    - `work`: what is done with each item.

    **Raises:** `EnsembleError` if the request cannot run or one block does not fit the budget.
    """
    ensemble.check()
    available = jax.local_device_count()
    devices = available if devices is None else devices
    if not 1 <= devices <= available:
        raise EnsembleError(f"devices = {devices} is not between 1 and the {available} local devices.")
    devices = devices if ensemble.method.shardable else 1
    blocks = math.ceil(ensemble.replicates / BLOCK)
    block = math.ceil(ensemble.replicates / blocks)
    items = ensemble.n_cells * blocks
    chosen = choose_path(ensemble, block, path, calibration, cache, work)
    need = bytes_needed(ensemble, block, chosen.kernels, extra_bytes_per_lane)
    on_cpu = jax.default_backend() == "cpu"
    shared = devices if on_cpu else 1
    budget = memory_bytes // shared
    if budget // need.lane < block:
        raise EnsembleError(
            f"A budget of {memory_bytes / 2**20:.0f} MiB does not hold one block of {block} trajectories at "
            f"{need.lane} bytes each on {shared} device(s); raise memory_mb."
        )
    together = lanes or (calibration.scan_lanes if on_cpu else calibration.accelerator_lanes)
    wanted = chunk_lanes or max(calibration.chunk_lanes, calibration.chunk_work // ensemble.grid.total_steps)
    if chosen.kernels:
        together = math.ceil(wanted / devices)
    fair = math.ceil(items / devices)
    vector = min(max(1, min(together, budget // need.lane) // block), fair)
    # Every further map step adds its results, and works in the memory of the first.
    repeats = 1 + (budget - vector * block * need.lane) // (vector * need.results)
    repeats = max(1, min(repeats, wanted // (vector * block * devices), math.ceil(fair / vector)))
    mine = min(together, block)
    sequence = choose_order(ensemble, Lanes(block, mine), order, chosen.name)
    return Plan(block, blocks, items, vector, mine, sequence, repeats, devices, need.lane, chosen, work)
