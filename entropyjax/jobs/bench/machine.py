"""What the figures depend on."""

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any

from entropyjax.io import provenance

_PACKAGES = ("llvmlite", "numba", "scipy", "torch", "torchode")


def describe(threads: int) -> dict[str, Any]:
    """Return processor, threads, load, system, devices and versions."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "system": platform.platform(),
        "devices": provenance.devices(),
        "versions": {**provenance.versions(), **_versions()},
    }


def processor() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    model = next((line for line in lines if line.startswith("model name")), platform.processor())
    return model.split(":")[-1].strip()


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
