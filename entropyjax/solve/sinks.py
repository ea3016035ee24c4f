"""What a batch of lanes is reduced to: each lane says what it adds, a solver path adds it up."""

from typing import Any

import equinox as eqx


class Sample(eqx.Module):
    """A value whose count, mean and sum of squared deviations are wanted over the lanes with `keep`."""

    value: Any
    keep: Any


class Tally(eqx.Module):
    """A place in a histogram of `size` bins to which a lane with `keep` adds one."""

    place: Any
    keep: Any
    size: int = eqx.field(static=True)


class Total(eqx.Module):
    """An integer to be summed over the lanes with `keep`."""

    value: Any
    keep: Any


class Each(eqx.Module):
    """A value of which every lane's own is wanted."""

    value: Any


SINKS = (Sample, Tally, Total, Each)


def is_sink(node: Any) -> bool:
    """Return whether a node of a pytree is a sink."""
    return isinstance(node, SINKS)
