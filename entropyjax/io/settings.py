"""What a run was begun with, beside the file that it writes: data that a resumed one is compared with."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_ABSENT = object()


class SettingsError(ValueError):
    """Settings that differ from those a run was begun with, or cannot be kept; the message says what to do."""


def settings_path(target: Path) -> Path:
    """Return where the settings of a file are kept: beside it, with ".settings.json" behind its name."""
    return target.with_name(f"{target.name}.settings.json")


def write_settings(target: Path, settings: Mapping[str, Any]) -> None:
    """Keep the settings of a file that is begun, in place of those of a former one.

    **Raises:** `SettingsError` if they cannot be written.
    """
    path = settings_path(target)
    temporary = path.with_name(f".{path.name}.writing-{os.getpid()}")
    try:
        temporary.write_text(json.dumps(settings, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise SettingsError(
            f"{path} cannot be written ({error.strerror}); make room, or choose another place."
        ) from None


def check_settings(target: Path, settings: Mapping[str, Any]) -> None:
    """Compare settings with those that a file was begun with.

    **Raises:** `SettingsError` that names the first that differs, or if there are none to compare with.
    """
    path = settings_path(target)
    try:
        former = dict(_flat(json.loads(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError, RecursionError) as error:
        why = type(error).__name__
        raise SettingsError(
            f"What {target} was begun with cannot be read from {path} ({why}), so that nothing tells whether it is the "
            "same; begin anew under another name."
        ) from None
    # As they come back from a file: tuples as lists.
    now = dict(_flat(json.loads(json.dumps(settings))))
    for name in dict.fromkeys([*now, *former]):
        old, new = former.get(name, _ABSENT), now.get(name, _ABSENT)
        if old != new:
            raise SettingsError(
                f"{target} was begun with {name} {_told(old)}, and now it is {_told(new)}; go on with the same, or "
                "begin anew under another name."
            )


def _told(value: Any) -> str:
    return "not set" if value is _ABSENT else json.dumps(value)


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested objects by their dotted names."""
    if not isinstance(value, dict) or not value:
        yield name, value
        return
    for key, one in value.items():
        yield from _flat(one, f"{name}.{key}" if name else key)
