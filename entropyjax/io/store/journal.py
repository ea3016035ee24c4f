"""The journal of a running sweep: chunks that are safe on disk, and a manifest that lists them.

A chunk is one npz file, written under another name and renamed; only then is a line appended to the
manifest. What is not in the manifest, or does not match its digest, counts as not computed. A later chunk that begins
where an earlier one did takes its place, so that a journal need not grow with the trajectories. A journal is data:
nothing in it is executed.
"""

import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from entropyjax.io import provenance
from entropyjax.io.store.result import StoreError

_SCHEMA = 2


class Journal:
    """Append-only record of a run in a folder of its own.

    **Attributes:** `folder`: where it lies, the result's path with `.partial` appended.
    """

    def __init__(self, result: str | os.PathLike, run_id: str):
        self.folder = Path(f"{os.fspath(result)}.partial")
        self._manifest = self.folder / "manifest.jsonl"
        self._run_id = run_id
        self._version = provenance.versions()["entropyjax"]
        self._files: dict[tuple[int, int], str] = {}

    def exists(self) -> bool:
        """Return whether there is a journal to resume."""
        return self._manifest.is_file()

    def start(self, resume: bool) -> None:
        """Open the journal: a new one, or the one that an interrupted run of the same configuration left.

        **Raises:** `StoreError` if another configuration's journal is in the way, or an interrupted run's while
        `resume` is false.
        """
        if self.exists():
            found = self._entries()
            header = found[0] if found else {}
            same = header.get("schema") == _SCHEMA and header.get("run_id") == self._run_id
            version = header.get("version")
            if resume and not same:
                raise StoreError(
                    f"{self.folder} is the journal of another run ({header.get('run_id', 'unreadable')}, this "
                    f"configuration is {self._run_id}); choose another --out or delete the folder."
                )
            if resume and version != self._version:
                raise StoreError(
                    f"{self.folder} was begun with version {version} of entropyjax, and this is {self._version}, whose "
                    "numbers may differ; go back to that version, choose another --out, or delete the folder."
                )
            if not resume:
                raise StoreError(
                    f"{self.folder} holds an interrupted run; continue it with --resume, choose another --out, "
                    "or delete the folder."
                )
            # A line cut short by a crash must not swallow the next one.
            with open(self._manifest, "rb+") as file:
                if not file.read().endswith(b"\n"):
                    file.write(b"\n")
            chunks = (entry for entry in found if entry.get("kind") == "chunk")
            self._files = {(entry["variant"], entry["start"]): Path(entry["file"]).name for entry in chunks}
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self._append({"schema": _SCHEMA, "run_id": self._run_id, "version": self._version})

    def note(self, kind: str, variant: int, value: Any) -> None:
        """Record a small JSON value under a kind and the number of a variant."""
        self._append({"kind": kind, "variant": variant, "value": value})

    def noted(self, kind: str, variant: int) -> Any:
        """Return the last value recorded under a kind and a variant, or `None`."""
        values = [e["value"] for e in self._entries() if e.get("kind") == kind and e["variant"] == variant]
        return values[-1] if values else None

    def commit(self, variant: int, start: int, end: int, arrays: dict[str, np.ndarray]) -> None:
        """Make the arrays of items `start` to `end` of a variant safe on disk, in place of others from that start."""
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        content = buffer.getvalue()
        name = f"{variant:04d}-{start:012d}-{end:012d}.npz"
        temporary = self.folder / f"{name}.tmp"
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self.folder / name)
        digest = hashlib.sha256(content).hexdigest()
        entry = {"kind": "chunk", "variant": variant, "start": start, "end": end, "file": name, "sha256": digest}
        self._append(entry)
        former = self._files.get((variant, start), name)
        self._files[variant, start] = name
        if former != name:
            (self.folder / former).unlink(missing_ok=True)

    def chunks(self, variant: int) -> Iterator[tuple[int, int, dict[str, np.ndarray]]]:
        """Yield (first item, end item, arrays) of a variant's safe chunks in order, up to the first gap."""
        found = [e for e in self._entries() if e.get("kind") == "chunk" and e["variant"] == variant]
        reached = 0
        for entry in sorted(found, key=lambda e: (e["start"], -e["end"])):
            if entry["start"] > reached:
                return
            if entry["end"] <= reached:
                continue
            arrays = self._read(entry)
            if arrays is None:
                continue
            reached = max(reached, entry["end"])
            yield entry["start"], entry["end"], arrays

    def remove(self) -> None:
        """Delete the journal; its result is safe elsewhere."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self, entry: dict[str, Any]) -> dict[str, np.ndarray] | None:
        try:
            content = (self.folder / Path(entry["file"]).name).read_bytes()
        except OSError:
            return None
        if hashlib.sha256(content).hexdigest() != entry["sha256"]:
            return None
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}

    def _append(self, entry: dict[str, Any]) -> None:
        with open(self._manifest, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _entries(self) -> list[dict[str, Any]]:
        """Return the manifest's lines; a last line cut short by a crash is left out."""
        entries = []
        for line in self._manifest.read_text(encoding="utf-8").splitlines():
            try:
                entries.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return entries
