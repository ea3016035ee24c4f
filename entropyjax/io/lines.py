"""Files of lines, plain or gzip: written whole or not at all, or line by line and gone on with later."""

import gzip
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType


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


def write_lines(path: str | os.PathLike, lines: Iterable[str]) -> int:
    """Write lines, packed if the name ends in ".gz", and return their number; the file gets its name when it is whole.

    **Raises:** `LinesError` if the path is taken or cannot be written to.
    """
    target = _free(path)
    temporary = target.with_name(f".{target.name}.writing-{os.getpid()}")
    count = 0
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        pack = gzip.open if target.name.endswith(".gz") else open
        with pack(temporary, "wt", encoding="utf-8") as file:
            for line in lines:
                file.write(line + "\n")
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

    **Arguments:** `resume`: go on with what is there; a last line that was cut short is dropped.

    **Raises:** `LinesError` if the path is taken, or there is something to go on with and `resume` is not set.
    """

    def __init__(self, path: str | os.PathLike, resume: bool = False):
        self.target = _free(path)
        self.partial = self.target.with_name(f"{self.target.name}.partial")
        self.kept: list[str] = []
        try:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            if self.partial.exists():
                if not resume:
                    raise LinesError(f"{self.partial} is unfinished; go on with --resume, or delete it.")
                whole = self.partial.read_bytes()
                whole = whole[: whole.rfind(b"\n") + 1]
                os.truncate(self.partial, len(whole))
                self.kept = whole.decode().splitlines()
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
            os.replace(self.partial, self.target)


def _free(path: str | os.PathLike) -> Path:
    target = Path(path)
    if target.exists():
        raise LinesError(f"{target} exists already; choose another name, or delete it.")
    return target
