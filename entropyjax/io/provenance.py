"""Where a result comes from: versions, device and commit."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

import jax

_PACKAGES = ("entropyjax", "jax", "jaxlib", "equinox", "diffrax", "llvmlite", "numpy", "xarray", "zarr")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that shape a result."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def devices() -> list[str]:
    """Return the local devices as "platform: kind", one entry each."""
    return [f"{device.platform}: {device.device_kind}" for device in jax.local_devices()]


def xla_flags() -> str:
    """Return the flags that XLA was given, which can change the last digits."""
    return os.environ.get("XLA_FLAGS", "")


def git_commit() -> str:
    """Return the commit of the checkout that the package runs from, "-dirty" if it differs, "" outside one."""
    here = Path(__file__).resolve().parents[2]
    if not (here / ".git").exists():
        return ""
    try:
        run = subprocess.run(
            ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return run.stdout.strip()
