"""Compiled kernels on disk: machine code, and so read only from where no one else can write."""

import contextlib
import dataclasses
import os
import stat
import tempfile
from pathlib import Path

from entropyjax.calibrate.cache import cache_folder


@dataclasses.dataclass(frozen=True)
class ObjectFolder:
    """Compiled objects in a folder of the user's own; a foreign entry counts as absent, a damaged one is seen later.

    Nothing here fails: what cannot be read or written is compiled again.

    **Attributes:** `folder`: where the files lie, made when needed; `None` keeps nothing.
    """

    folder: Path | None

    def get(self, key: str) -> bytes | None:
        """Return what was kept under a key (hexadecimal), or `None`."""
        if self.folder is None:
            return None
        try:
            if not (_private(self.folder) and _private(self.folder / f"{key}.o")):
                return None
            return (self.folder / f"{key}.o").read_bytes()
        except OSError:
            return None

    def put(self, key: str, content: bytes) -> None:
        """Keep an object, if that is possible; readers see the old file or the new one."""
        if self.folder is None:
            return
        temporary = ""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, temporary = tempfile.mkstemp(prefix=key[:16], suffix=".tmp", dir=self.folder)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.replace(temporary, self.folder / f"{key}.o")
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def object_folder() -> ObjectFolder:
    """Return the folder of compiled kernels under the user's cache."""
    root = cache_folder()
    return ObjectFolder(root / "kernels" if root is not None else None)


def _private(path: Path) -> bool:
    """Return whether only this user can write to a path."""
    if not hasattr(os, "getuid"):
        return True
    status = path.stat()
    return status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
