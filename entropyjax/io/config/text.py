"""Text files, with a sentence for each way in which reading one fails."""

from pathlib import Path


def read_text(path: str | Path) -> str:
    """Return the UTF-8 text of a file.

    **Raises:** `ValueError` with a sentence if it cannot be read.
    """
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ValueError(f"The file {path} does not exist; check the name and the folder.") from None
    except IsADirectoryError:
        raise ValueError(f"{path} is a folder; name a file in it.") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8.") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"{path!s} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
