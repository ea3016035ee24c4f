"""`read_traces`: files of any known format, to one set of runs."""

import abc
import gzip
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar

from entropyjax.params import Registry
from entropyjax.records import TraceSet
from entropyjax.traces.problems import Problems, TraceError
from entropyjax.traces.runs import RunRecord, trace_set

_HEAD = 1 << 16
_GZIP = b"\x1f\x8b"

Progress = Callable[[int, int, str], None]
"""Called as progress(bytes read, bytes in all, file)."""


class AbstractFormat(abc.ABC):
    """A format of logs.

    **Attributes:** `title`: the format in words; `suffixes`: endings of its files, without ".gz".
    """

    title: ClassVar[str]
    suffixes: ClassVar[tuple[str, ...]]

    @classmethod
    @abc.abstractmethod
    def sniff(cls, head: str) -> bool:
        """Return whether a file that begins with `head` (at most 64 KiB) has this format."""

    @classmethod
    @abc.abstractmethod
    def read(cls, path: Path, problems: Problems) -> Iterator[RunRecord]:
        """Yield the runs of a file, and note what cannot be read."""


FORMATS: Registry[AbstractFormat] = Registry("trace format", "entropyjax.traces")
register = FORMATS.register


def read_traces(
    paths: str | os.PathLike | Iterable[str | os.PathLike],
    format: str | None = None,
    *,
    problems: Problems | None = None,
    progress: Progress | None = None,
) -> TraceSet:
    """Read logs.

    **Arguments:**

    - `paths`: files, plain or gzip, or folders, whose files with a known ending are read.
    - `format`: name of the format, by default told from the beginning of each file.
    - `problems`: collects what was skipped; with too many of those reading stops.
    - `progress`: callback for long reads.

    **Raises:** `TraceError` with a sentence: no such file, an unknown format, no runs, too many bad records.
    """
    problems = Problems() if problems is None else problems
    if format is not None and format not in FORMATS.names():
        raise TraceError(f"'{format}' is no trace format; take one of {', '.join(FORMATS.names())}.")
    files = list(_files([paths] if isinstance(paths, (str, os.PathLike)) else paths))
    sizes = [file.stat().st_size for file in files]

    def runs() -> Iterator[RunRecord]:
        for number, file in enumerate(files):
            if progress is not None:
                progress(sum(sizes[:number]), sum(sizes), file.name)
            yield from _format(file, format).read(file, problems)
            problems.check()

    found = trace_set(runs())
    if progress is not None:
        progress(sum(sizes), sum(sizes), "read")
    if not len(found):
        skipped = f" The first record that was skipped: {problems.skipped[0]}" if problems.skipped else ""
        raise TraceError(f"There are no runs in {', '.join(map(str, files)) or 'no file'}.{skipped}")
    return found


def _files(paths: Iterable[str | os.PathLike]) -> Iterator[Path]:
    known = {suffix for name in FORMATS.names() for suffix in FORMATS.get(name).suffixes}
    for path in map(Path, paths):
        if path.is_dir():
            found = sorted(one for one in path.iterdir() if one.name.removesuffix(".gz").endswith(tuple(known)))
            if not found:
                raise TraceError(f"{path} holds no file that ends in {', '.join(sorted(known))}, plain or .gz.")
            yield from found
        elif path.is_file():
            yield path
        else:
            raise TraceError(f"There is no file {path}; check the path.")


def _format(file: Path, name: str | None) -> type[AbstractFormat]:
    if name is not None:
        return FORMATS.get(name)
    with open_text(file) as stream:
        try:
            head = stream.read(_HEAD)
        except (OSError, EOFError, UnicodeDecodeError) as error:
            raise TraceError(f"{file} cannot be read as text ({type(error).__name__}).") from None
    for known in FORMATS.names():
        if FORMATS.get(known).sniff(head):
            return FORMATS.get(known)
    raise TraceError(f"{file} has none of the known formats; name one of {', '.join(FORMATS.names())}.")


def open_text(path: Path) -> Any:
    """Open a file of text, gzip or plain, with a byte order mark or without."""
    with open(path, "rb") as file:
        packed = file.read(2) == _GZIP
    return gzip.open(path, "rt", encoding="utf-8-sig") if packed else open(path, encoding="utf-8-sig")


def json_lines(path: Path, problems: Problems) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number and the object of each line that holds one, and note the others; blank lines are none."""
    with open_text(path) as file:
        for number in itertools.count(1):
            try:
                line = file.readline()
            except (OSError, EOFError, UnicodeDecodeError) as error:
                problems.count()
                problems.skip(path, number, f"the file is damaged from here on ({type(error).__name__}).")
                return
            if not line:
                return
            if not line.strip():
                continue
            problems.count()
            try:
                found = json.loads(line)
            except (ValueError, RecursionError) as error:
                problems.skip(path, number, f"this is no JSON ({error}).")
                continue
            if isinstance(found, dict):
                yield number, found
            else:
                problems.skip(path, number, f"this is {type(found).__name__}, and an object was expected.")
