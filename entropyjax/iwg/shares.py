"""The scheduling vector of a decision, from the best evidence that there is of it."""

from collections import Counter
from collections.abc import Sequence

from entropyjax.iwg.trajectory import Dispatch, Scheduling


def parallel(dispatches: Sequence[Dispatch], roster: Sequence[str]) -> Scheduling:
    """Return equal shares for the executors that a turn dispatched, so that H is ln of their number.

    The valid mass is the share of the dispatches whose executor is on the roster.
    """
    known = [one.executor for one in dispatches if one.executor in roster]
    each = dict.fromkeys(known, 1.0 / max(1, len(set(known))))
    return Scheduling("parallel", each, len(known) / max(1, len(dispatches)))


def resampled(names: Sequence[str], roster: Sequence[str]) -> Scheduling:
    """Return the shares of executors among the first dispatches of plans that were drawn again.

    **Arguments:** `names`: the executor that each plan dispatches first.
    """
    counts = Counter(name for name in names if name in roster)
    valid = counts.total()
    return Scheduling("resampling", {name: n / valid for name, n in counts.items()}, valid / max(1, len(names)))
