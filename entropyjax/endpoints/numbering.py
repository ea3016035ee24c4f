"""Which reply an asking gets."""

import collections
import hashlib
from collections.abc import Mapping
from typing import Any

Name = tuple[str, int]
"""SHA-256 of a request, and the number of its reply."""


class Numbering:
    """Numbers the replies to a request, so that a run that is repeated meets the same ones.

    A request without a seed at a temperature above 0 is a draw, and its n-th asking gets the n-th reply; any other has
    one reply, however often it is asked.

    **Arguments:** `distinct`: whether each asking is one of its own, as where nothing is kept.
    """

    def __init__(self, distinct: bool = False):
        self._distinct = distinct
        self._asked: collections.Counter[str] = collections.Counter()

    def name(self, body: Mapping[str, Any], content: bytes) -> Name:
        """Return the name of the reply that the next asking gets."""
        question = hashlib.sha256(content).hexdigest()
        if not self._distinct and ("seed" in body or body.get("temperature") == 0):
            return question, 0
        self._asked[question] += 1
        return question, self._asked[question] - 1
