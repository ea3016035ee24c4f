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
    one reply, however often it is asked. A seed that is not sent still names its draw.

    **Arguments:** `distinct`: whether each asking is one of its own, as where nothing is kept.
    """

    def __init__(self, distinct: bool = False):
        self._distinct = distinct
        self._asked: collections.Counter[str] = collections.Counter()

    def name(self, body: Mapping[str, Any], content: bytes, seed: int | None = None) -> Name:
        """Return the name of the reply that the next asking gets."""
        certain = body.get("temperature") == 0
        if seed is not None and "seed" not in body and not certain:
            content += f" seed {seed}".encode()
        question = hashlib.sha256(content).hexdigest()
        if not self._distinct and (seed is not None or "seed" in body or certain):
            return question, 0
        self._asked[question] += 1
        return question, self._asked[question] - 1
