"""Text files that appear only when they are complete."""

import os
from pathlib import Path

from entropyjax.io.store.result import StoreError


def write_text(text: str, path: str | os.PathLike) -> Path:
    """Write a text under its final name, which it gets only when it is complete.

    **Raises:** `StoreError` if the path is taken or cannot be written; nothing is ever overwritten.
    """
    target = Path(path)
    if target.exists():
        raise StoreError(f"{target} exists already; choose another name, or delete it.")
    temporary = target.with_name(f".{target.name}.writing-{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, target)
    except OSError as error:
        raise StoreError(f"{target} cannot be written ({error.strerror}); choose another place.") from error
    finally:
        temporary.unlink(missing_ok=True)
    return target
