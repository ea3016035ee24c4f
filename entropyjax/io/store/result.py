"""Results on disk: zarr stores that `xarray.open_zarr` reads."""

import os
import shutil
from pathlib import Path

import xarray as xr

SCHEMA_VERSION = 1
"""Version of the layout of a result; raised when names or meanings change."""


class StoreError(ValueError):
    """A store that cannot be read or written as asked; the message says what to do."""


def write_result(dataset: xr.Dataset, path: str | os.PathLike) -> Path:
    """Write a result under its final name, which it gets only when it is complete.

    **Raises:** `StoreError` if the path is taken; nothing is ever overwritten.
    """
    target = Path(path)
    check_target(target)
    temporary = target.with_name(f".{target.name}.writing-{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        # Version 2 of the format: its strings are standard, and every reader has it.
        dataset.to_zarr(temporary, mode="w", zarr_format=2, consolidated=True)
        os.replace(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def check_target(path: str | os.PathLike) -> None:
    """Raise `StoreError` if a result cannot take this path."""
    target = Path(path)
    if target.exists():
        raise StoreError(f"{target} exists already; choose another --out, or delete it.")
    parent = target.absolute().parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise StoreError(f"{parent} is not a folder that can be written to; choose another --out.")


def open_result(path: str | os.PathLike) -> xr.Dataset:
    """Open a result.

    **Raises:** `StoreError` if there is none, it is unfinished, or its schema is not this version's.
    """
    target = Path(path)
    if not target.exists():
        unfinished = Path(f"{target}.partial").is_dir()
        hint = "it is unfinished: continue it with sweep --resume." if unfinished else "check the path."
        raise StoreError(f"There is no result at {target}; {hint}")
    try:
        dataset = xr.open_zarr(target)
    except Exception as error:
        raise StoreError(f"{target} is not a zarr store that can be read ({type(error).__name__}).") from None
    schema = dataset.attrs.get("schema_version")
    if schema != SCHEMA_VERSION:
        raise StoreError(
            f"{target} has schema version {schema}, this version of the library reads {SCHEMA_VERSION}; "
            "run the sweep again."
        )
    return dataset
