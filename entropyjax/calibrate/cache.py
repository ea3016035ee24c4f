"""A memory on disk for answers that took time to find, and the folder under which all caches lie."""

import contextlib
import dataclasses
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def cache_folder(environment: Mapping[str, str] | None = None) -> Path | None:
    """Return the folder for caches, which need not exist.

    It is `$ENTROPYJAX_CACHE_DIR`, else `$XDG_CACHE_HOME/entropyjax`, else `~/.cache/entropyjax`.

    **Arguments:** `environment`: by default that of the process.

    **Returns:** the folder, or `None` for a user without a home.
    """
    variables = os.environ if environment is None else environment
    own = variables.get("ENTROPYJAX_CACHE_DIR", "")
    shared = Path(variables.get("XDG_CACHE_HOME", ""))
    try:
        if own:
            return Path(own).expanduser().absolute()
        # The XDG base directory specification has relative paths ignored.
        return (shared if shared.is_absolute() else Path.home() / ".cache") / "entropyjax"
    except RuntimeError:
        return None


@dataclasses.dataclass(frozen=True)
class Memory:
    """Answers to questions, one JSON file each, that never fail: what cannot be read is not known.

    A file holds its question beside the answer, so that damage, or another question with the same digest, is seen.

    **Attributes:** `folder`: where the files lie, made when needed; `None` remembers nothing.
    """

    folder: Path | None

    def path(self, question: Mapping[str, str]) -> Path | None:
        """Return the file that belongs to a question."""
        if self.folder is None:
            return None
        digest = hashlib.sha256(json.dumps(dict(question), sort_keys=True).encode()).hexdigest()
        return self.folder / f"{digest[:16]}.json"

    def recall(self, question: Mapping[str, str], seconds: float | None = None) -> Any:
        """Return the answer to a question, `None` if there is none that can be used.

        **Arguments:** `seconds`: oldest age that still counts; by default any.
        """
        path = self.path(question)
        if path is None:
            return None
        try:
            if seconds is not None and time.time() - path.stat().st_mtime > seconds:
                return None
            record = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return None
        if not isinstance(record, dict) or record.get("question") != dict(question):
            return None
        return record.get("answer")

    def remember(self, question: Mapping[str, str], answer: Any) -> bool:
        """Write an answer that JSON can hold; readers see the old file or the new one. Return whether it was kept."""
        path = self.path(question)
        if path is None:
            return False
        text = json.dumps({"question": dict(question), "answer": answer}, indent=1) + "\n"
        temporary = ""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(prefix=path.stem, suffix=".tmp", dir=path.parent)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(temporary, path)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            return False
        return True
