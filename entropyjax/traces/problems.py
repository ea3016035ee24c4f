"""Records that cannot be read: where they are, what is wrong, and how many are too many."""

from pathlib import Path
from typing import NamedTuple

_LISTED = 5
_FEW = 3
"""So many may be bad in the smallest of logs."""


class TraceError(ValueError):
    """Logs that cannot be read as asked; the message says what to do."""


class Problem(NamedTuple):
    """A record that was skipped."""

    file: Path
    line: int
    sentence: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.sentence}"


class Problems:
    """Counts records and keeps what is wrong with those that were skipped.

    **Attributes:** `largest_share`: share of skipped records above which reading stops.
    """

    def __init__(self, largest_share: float = 0.01):
        if not 0.0 <= largest_share <= 1.0:
            raise TraceError(f"The largest share of bad records is {largest_share:g}; it must lie in [0, 1].")
        self.largest_share = largest_share
        self.records = 0
        self.skipped: list[Problem] = []

    def count(self) -> None:
        """Count a record, good or bad."""
        self.records += 1

    def skip(self, file: Path, line: int, sentence: str) -> None:
        """Note a record that is skipped."""
        self.skipped.append(Problem(file, line, sentence))

    def check(self) -> None:
        """Raise `TraceError` if too many records were skipped."""
        bad = len(self.skipped)
        if bad > max(self.largest_share * self.records, _FEW) or (bad and bad == self.records):
            listed = "\n".join(map(str, self.skipped[:_LISTED]))
            raise TraceError(
                f"{bad} of {self.records} records cannot be read, more than {self.largest_share:.1%}; name the right "
                f"format, mend them, or allow a larger share. The first:\n{listed}"
            )

    def __str__(self) -> str:
        if not self.skipped:
            return f"{self.records:,} records read, none skipped."
        lines = [f"{self.records:,} records read, {len(self.skipped):,} skipped:"]
        more = len(self.skipped) - _LISTED
        return "\n".join(lines + [f"  {one}" for one in self.skipped[:_LISTED]] + [f"  and {more} more"] * (more > 0))
