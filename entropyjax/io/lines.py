"""Files of lines, plain or gzip: written whole or not at all, or line by line and gone on with later."""

import gzip
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from entropyjax.io.settings import check_settings, settings_path, write_settings


class LinesError(ValueError):
    """A file of lines that cannot be read or written; the message says what to do."""


def read_lines(path: str | os.PathLike) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line that is not blank.

    **Raises:** `LinesError` if the file is not there, cannot be read, or is no text.
    """
    source = Path(path)
    try:
        with open(source, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(source, "rt", encoding="utf-8") if packed else open(source, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line.rstrip("\n")
    except FileNotFoundError:
        raise LinesError(f"There is no file {source}; check the path.") from None
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise LinesError(f"{source} cannot be read as text ({type(error).__name__}).") from None


def write_lines(path: str | os.PathLike, lines: Iterable[str], replace: bool = False) -> int:
    """Write lines, packed if the name ends in ".gz", and return their number; the file gets its name when it is whole.

    **Arguments:** `replace`: a file that is there, which stays what it was until then.

    **Raises:** `LinesError` if the path is taken or cannot be written to.
    """
    target = Path(path) if replace else _free(path)
    temporary = target.with_name(f".{target.name}.writing-{os.getpid()}")
    count = 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as raw, _packed(raw, target) as file:
            for line in lines:
                file.write(f"{line}\n".encode())
                count += 1
        os.replace(temporary, target)
    except OSError as error:
        raise LinesError(f"{target} cannot be written ({error.strerror}); choose another place.") from error
    finally:
        with suppress(OSError):
            temporary.unlink()
    return count


class GrowingLines:
    """A file that grows by whole lines under the name `<path>.partial` until it is finished.

    If it is left by an error before it has a line, nothing of it stays.

    **Arguments:**

    - `resume`: go on with what is there; a last line that was cut short is dropped.
    - `settings`: what decides about the lines, as JSON values; kept beside the file, and compared when it is gone on
      with.
    - `order`: called as order(line), what the lines of the finished file are sorted by; by default as they came.

    **Raises:** `LinesError` if the path is taken, or there is something to go on with and `resume` is not set;
    `SettingsError` if that was begun with others.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        resume: bool = False,
        settings: Mapping[str, Any] | None = None,
        order: Callable[[str], Any] | None = None,
    ):
        self.target = _free(path)
        self.settings, self.order = settings, order
        self.partial = self.target.with_name(f"{self.target.name}.partial")
        self.kept: list[str] = []
        try:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            begun = self.partial.exists()
            if begun:
                if not resume:
                    raise LinesError(f"{self.partial} is unfinished; go on with --resume, or delete it.")
                if settings is not None:
                    check_settings(self.target, settings)
                whole = self.partial.read_bytes()
                whole = whole[: whole.rfind(b"\n") + 1]
                os.truncate(self.partial, len(whole))
                self.kept = whole.decode().splitlines()
            if not begun and settings is not None:
                write_settings(self.target, settings)
            self._file = open(self.partial, "a", encoding="utf-8")  # noqa: SIM115, closed by __exit__
        except (OSError, UnicodeDecodeError) as error:
            why = type(error).__name__
            raise LinesError(f"{self.partial} cannot be written ({why}); choose another place.") from None

    def __enter__(self) -> "GrowingLines":
        return self

    def write(self, line: str) -> None:
        """Add a line, and see it to the disk's queue.

        **Raises:** `LinesError` if the disk is full; the lines before stay.
        """
        try:
            self._file.write(line + "\n")
            self._file.flush()
        except OSError as error:
            raise LinesError(
                f"{self.partial} cannot be written ({error.strerror}); make room, and go on with --resume."
            ) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._file.close()
        if kind is None:
            self._finish()
        elif self.partial.exists() and self.partial.stat().st_size == 0:
            self.partial.unlink()
            if self.settings is not None:
                settings_path(self.target).unlink(missing_ok=True)

    def _finish(self) -> None:
        """Give the file its name, in order, and packed if the name says so."""
        if self.order is None and self.target.suffix != ".gz":
            os.replace(self.partial, self.target)
            return
        lines = (line for _, line in read_lines(self.partial))
        write_lines(self.target, lines if self.order is None else sorted(lines, key=self.order))
        self.partial.unlink()


def _packed(file: BinaryIO, target: Path) -> AbstractContextManager[Any]:
    """Return what packs into a file if the name of the target says so; without a time, so that bytes repeat."""
    if target.suffix != ".gz":
        return nullcontext(file)
    return gzip.GzipFile("", "wb", fileobj=file, mtime=0)


def _free(path: str | os.PathLike) -> Path:
    target = Path(path)
    if target.exists():
        raise LinesError(f"{target} exists already; choose another name, or delete it.")
    return target
