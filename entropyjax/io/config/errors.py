"""Problems of a configuration, and the error that lists them."""

from collections.abc import Sequence
from typing import NamedTuple

Location = tuple[str | int, ...]
"""Keys from the root of a configuration to one of its values; indices count the entries of an array."""


class Problem(NamedTuple):
    """One thing that is wrong: where it stands, and a sentence that says what to change."""

    location: Location
    sentence: str


class ConfigError(ValueError):
    """A configuration that cannot be used; the message holds one line per problem.

    **Attributes:**

    - `problems`: the lines of the message, each with its file and line where they are known.
    """

    def __init__(self, problems: Sequence[str]):
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))
