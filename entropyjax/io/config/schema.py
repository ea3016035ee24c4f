"""The schema as data: the field that a location leads to, its keys, unit and interval."""

import inspect
import math
import typing
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from entropyjax.io.config.errors import Location
from entropyjax.io.config.tables import Tables


def table_at(location: Location, root: type[BaseModel] = Tables) -> type[BaseModel] | None:
    """Return the class of the table at `location` of a file of the form `root`, if it has fixed keys."""
    here: Any = root
    for part in location:
        here = _step(here, part)
    here = unwrapped(here)
    return here if inspect.isclass(here) and issubclass(here, BaseModel) else None


def field_at(location: Location, root: type[BaseModel] = Tables) -> FieldInfo | None:
    """Return the field at `location`, if it is one of a table with fixed keys."""
    table = table_at(location[:-1], root) if location else None
    return table.model_fields.get(str(location[-1])) if table else None


def unit_of(field: FieldInfo | None) -> str:
    """Return the unit of a field; "-" for a pure number."""
    extra = field.json_schema_extra if field else None
    return str(extra.get("unit", "-")) if isinstance(extra, dict) else "-"


def interval_of(field: FieldInfo) -> str:
    """Return the interval of a field as mathematicians write it."""
    ends: dict[str, Any] = {}
    for item in field.metadata:
        for bound in ("gt", "ge", "lt", "le"):
            if hasattr(item, bound):
                ends[bound] = getattr(item, bound)
    left = f"[{exact(ends['ge'])}" if "ge" in ends else f"({exact(ends.get('gt', -math.inf))}"
    right = f"{exact(ends['le'])}]" if "le" in ends else f"{exact(ends.get('lt', math.inf))})"
    return f"{left}, {right}"


def exact(number: Any) -> str:
    """Return a bound or a default without needless decimals."""
    return f"{number:g}" if isinstance(number, float) else str(number)


def tags(location: Location) -> list[str]:
    """Return the names of the distributions that may stand at `location`."""
    here: Any = Tables
    for part in location:
        here = _step(here, part)
    return [str(_tag(member)) for member in typing.get_args(unwrapped(here))]


def _step(here: Any, part: str | int) -> Any:
    here = unwrapped(here)
    if inspect.isclass(here) and issubclass(here, BaseModel):
        field = here.model_fields.get(str(part))
        return field.annotation if field else None
    members = typing.get_args(here)
    if isinstance(part, int):
        return members[0] if members else None
    if any(_tag(member) is not None for member in members):
        return next((member for member in members if _tag(member) == part), None)
    return members[-1] if members else None


def _tag(member: Any) -> str | None:
    is_table = inspect.isclass(member) and issubclass(member, BaseModel)
    field = member.model_fields.get("distribution") if is_table else None  # pyright: ignore
    return field.default if field else None


def unwrapped(here: Any) -> Any:
    """Drop Annotated and Optional."""
    if hasattr(here, "__metadata__"):
        here = here.__origin__
    members = [member for member in typing.get_args(here) if member is not type(None)]
    optional = type(None) in typing.get_args(here)
    return unwrapped(members[0]) if optional and len(members) == 1 else here
