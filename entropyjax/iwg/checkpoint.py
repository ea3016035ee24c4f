"""Whether what was found matches a checkpoint; custom predicates are named, and nothing is executed that was read."""

import math
import re
from collections.abc import Callable, Mapping

from entropyjax.iwg.errors import WorkflowError
from entropyjax.iwg.instance import Checkpoint
from entropyjax.iwg.text import says

Predicate = Callable[[str, str, Mapping[str, str | float]], bool]
"""Called as predicate(found, value, parameters)."""

PREDICATES: dict[str, Predicate] = {}
"""Custom predicates by name."""

_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:[eE][-+]?\d+)?")


def predicate(name: str) -> Callable[[Predicate], Predicate]:
    """Return a decorator that makes a function known as the predicate `name`."""

    def add(function: Predicate) -> Predicate:
        PREDICATES[name] = function
        return function

    return add


@predicate("contains")
def _contains(found: str, value: str, parameters: Mapping[str, str | float]) -> bool:
    """The value stands in what was found, whatever the case."""
    del parameters
    return value.strip().lower() in found.strip().lower()


@predicate("says")
def _says(found: str, value: str, parameters: Mapping[str, str | float]) -> bool:
    """The words of the value stand in what was found, whole and in a row."""
    del parameters
    return says(found, value)


@predicate("number")
def _number(found: str, value: str, parameters: Mapping[str, str | float]) -> bool:
    """A number in what was found is `value` within the parameters `absolute` and `relative`, both 0 by default."""
    absolute, relative = (float(parameters.get(name, 0.0)) for name in ("absolute", "relative"))
    numbers = (float(one.replace(",", "")) for one in _NUMBER.findall(found))
    return any(math.isclose(one, float(value), rel_tol=relative, abs_tol=absolute) for one in numbers)


def hidden(checkpoint: Checkpoint) -> str:
    """Return the text that the environment must hold for the checkpoint; an `api` value may be written `API(call)`."""
    return checkpoint.value.replace("API(", "").rstrip(")") if checkpoint.kind == "api" else checkpoint.value


def matches(checkpoint: Checkpoint, found: str) -> bool:
    """Return whether `found` matches: `exact` without case and outer blanks, `api` as a part of it, without case.

    **Raises:** `WorkflowError` for a predicate that is not known or cannot decide.
    """
    if checkpoint.kind == "exact":
        return checkpoint.value.strip().lower() == found.strip().lower()
    if checkpoint.kind == "api":
        return hidden(checkpoint).lower() in found.lower()
    decide = PREDICATES.get(checkpoint.predicate)
    if decide is None:
        raise WorkflowError(
            f"'{checkpoint.predicate}' is no predicate of checkpoints; take one of {', '.join(sorted(PREDICATES))}."
        )
    try:
        return decide(found, checkpoint.value, checkpoint.parameters)
    except (TypeError, ValueError) as error:
        raise WorkflowError(
            f"The predicate '{checkpoint.predicate}' cannot decide about the value '{checkpoint.value}': {error}."
        ) from None
