"""JSON as files hold it: one document, or one on each line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from entropyjax.traces.problems import Problems
from entropyjax.traces.read import json_lines, open_text


def json_documents(path: Path, problems: Problems) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the line and the object of each JSON document: one a line, or one, or a list of them, in the whole file.

    Objects of a list in one file are numbered from 1 in place of their line. Lines are streamed; a file that is one
    document is loaded whole. Records that are none are noted.
    """
    with open_text(path) as file:
        try:
            first = next((line for line in file if line.strip()), "")
        except (OSError, EOFError, UnicodeDecodeError):
            first = ""
    found = _parsed(first)
    if isinstance(found, dict) or (found is None and first.rstrip().endswith("}") and len(first.strip()) > 1):
        yield from json_lines(path, problems)
        return
    try:
        with open_text(path) as file:
            whole = json.load(file)
    except (OSError, EOFError, ValueError, RecursionError) as error:
        problems.count()
        problems.skip(path, 1, f"this is neither a JSON document nor a line of JSON ({error}).")
        return
    for number, one in enumerate(whole if isinstance(whole, list) else [whole], 1):
        problems.count()
        if isinstance(one, dict):
            yield number, one
        else:
            problems.skip(path, number, f"this is {type(one).__name__}, and an object was expected.")


def _parsed(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
