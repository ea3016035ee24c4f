"""The log of requests and replies: JSON lines that are only ever appended, and the cache that they are.

The first line says what the file is. Each further line is one reply, or one attempt that failed, with its request. A
reply is found again by the SHA-256 of its request and its number among the replies to that request.
"""

import contextlib
import errno
import fcntl
import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from entropyjax.endpoints.errors import EndpointError
from entropyjax.endpoints.numbering import Name

_HEADER = b'{"format": "entropyjax replies", "schema": 1}\n'
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class LogWarning(UserWarning):
    """Damage in a log that was mended or passed over; the message says what is lost."""


class ReplyLog:
    """Replies on disk, by request and number.

    **Arguments:** `writing`: whether lines will be added; the file is made if it does not exist, a damaged last line is
    cut off, and no other process may write meanwhile.

    **Raises:** `EndpointError` for a file that cannot be opened, or is no such log.
    """

    def __init__(self, path: str | os.PathLike, writing: bool = True):
        self.path = Path(path)
        self._places: dict[Name, tuple[int, int]] = {}
        self._unsaved: list[tuple[Name | None, bytes]] = []
        self._end = 0
        try:
            self._file = self._opened(writing)
        except OSError as error:
            raise self._fault("be opened", error) from None
        try:
            self._scan(writing)
        except BaseException:
            os.close(self._file)
            raise

    def __len__(self) -> int:
        """Return the number of replies."""
        return len(self._places)

    def find(self, question: str, number: int) -> Any:
        """Return the reply with a number to a request, `None` if there is none."""
        place = self._places.get((question, number))
        if place is None:
            return None
        return json.loads(os.pread(self._file, place[1], place[0]))["reply"]

    def keep(self, question: str, number: int, entry: Mapping[str, Any]) -> None:
        """Append a line, safe on disk when this returns; one with a "reply" is found from then on.

        **Raises:** `EndpointError` if the disk takes it not; the line is kept in memory and tried again by `save`.
        """
        line = json.dumps({"request_sha256": question, "number": number, **entry}) + "\n"
        self._unsaved.append(((question, number) if "reply" in entry else None, line.encode()))
        self.save()

    def save(self) -> None:
        """Write what could not be written before.

        **Raises:** `EndpointError` if that fails again.
        """
        while self._unsaved:
            name, line = self._unsaved[0]
            try:
                self._write(line)
            except OSError as error:
                raise self._fault("be written", error) from None
            if name is not None:
                self._places.setdefault(name, (self._end, len(line)))
            self._end += len(line)
            del self._unsaved[0]

    def close(self) -> None:
        """Close the file; what could not be written is told."""
        try:
            self.save()
        except EndpointError as error:
            warnings.warn(f"{len(self._unsaved)} replies are lost: {error}", LogWarning, stacklevel=2)
        os.close(self._file)

    def _opened(self, writing: bool) -> int:
        if not writing:
            return os.open(self.path, os.O_RDONLY)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise EndpointError("log", f"Another run writes {self.path}; wait for it, or name another log.") from None
        except OSError:
            # Some network disks have no locks.
            pass
        return file

    def _scan(self, writing: bool) -> None:
        """Note where the replies are, and where the next line belongs."""
        damaged: list[tuple[int, int]] = []
        line = b"\n"
        with open(self._file, "rb", closefd=False) as file:
            header = file.readline()
            if header != _HEADER and not (writing and _HEADER.startswith(header)):
                raise EndpointError("log", f"{self.path} is no log of replies; name another file.")
            if header != _HEADER:
                # Written before anything is asked, so that a disk that takes nothing is seen in time.
                self._unsaved.append((None, _HEADER))
                return self.save()
            self._end = len(header)
            for number, line in enumerate(file, 2):
                name = _name(line)
                if name is None:
                    damaged.append((number, self._end))
                elif name[0]:
                    self._places.setdefault(name, (self._end, len(line)))
                self._end += len(line)
        self._mend(damaged, line, writing)

    def _mend(self, damaged: list[tuple[int, int]], line: bytes, writing: bool) -> None:
        """Cut a last line off that was only begun, end one that lacks nothing else, and tell what cannot be read."""
        ended = line.endswith(b"\n")
        begun = not ended and bool(damaged) and damaged[-1][1] + len(line) == self._end
        if begun:
            last, self._end = damaged.pop()
            if writing:
                os.ftruncate(self._file, self._end)
            done = "is cut off" if writing else "is passed over"
            warnings.warn(f"{self.path}:{last}: the last line is damaged and {done}.", LogWarning, stacklevel=5)
        if damaged:
            lines = ", ".join(str(number) for number, _ in damaged[:5])
            sentence = f"{self.path}: {len(damaged)} damaged lines are passed over (line {lines}); delete them."
            warnings.warn(sentence, LogWarning, stacklevel=5)
        if not ended and not begun and writing:
            self._unsaved.append((None, b"\n"))
            self.save()

    def _write(self, line: bytes) -> None:
        """Write a line at the end, whole or not at all."""
        try:
            done = 0
            while done < len(line):
                done += os.pwrite(self._file, line[done:], self._end + done)
            os.fsync(self._file)
        except OSError:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, self._end)
            raise

    def _fault(self, what: str, error: OSError) -> EndpointError:
        if error.errno in _FULL:
            sentence = (
                f"The disk of {self.path} is full; the replies that are in it stay. Make room and run again, "
                "kept replies are not asked for again."
            )
        else:
            sentence = f"The log {self.path} cannot {what} ({error.strerror}); name another file."
        return EndpointError("log", sentence)


def _name(line: bytes) -> Name | None:
    """Return under which name a line is found, ("", 0) for one that holds no reply, `None` for a damaged one."""
    try:
        entry = json.loads(line)
        name = str(entry["request_sha256"]), int(entry["number"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return name if "reply" in entry else ("", 0)
