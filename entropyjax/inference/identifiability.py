"""Which combinations of parameters the data tell apart, in words."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from entropyjax.inference.fisher import Information, information
from entropyjax.inference.fit import Fit

FIXED, LEFT = 0.1, 0.5
"""Shares of the prior variance: with less a direction is fixed by the data, with more it is left to the prior."""

_NAMED = 0.3
"""Loadings below are not told; they make less than a tenth of a direction's squared length each."""

_TIGHT = 0.9
"""Correlations of the posterior from here on are told."""


class Direction(NamedTuple):
    """A combination of parameters: rising `loadings` on the scale of the fit, and what is left of the prior variance.

    **Attributes:** `alone`: what would be left of each parameter's variance if all others were known.
    """

    names: tuple[str, ...]
    loadings: Float[np.ndarray, " named"]
    left: float
    alone: Float[np.ndarray, " named"]

    @property
    def traded(self) -> bool:
        """Whether the data speak of these parameters, but not of the combination."""
        return len(self.names) > 1 and bool(np.any(self.alone < LEFT))

    def __str__(self) -> str:
        rising = [name for name, loading in zip(self.names, self.loadings, strict=True) if loading > 0.0]
        falling = [name for name, loading in zip(self.names, self.loadings, strict=True) if loading < 0.0]
        text = f"{_listed(rising)} rising{' together' if len(rising) > 1 else ''}"
        return f"{text} while {_listed(falling)} fall{'s' if len(falling) == 1 else ''}" if falling else text


class Identifiability(NamedTuple):
    """What the data fix and what they cannot separate, by the information at the maximum.

    **Attributes:** `information`: of the likelihood; `best`: the combination that the data fix best; `unresolved`:
    combinations of which more than half of the prior variance is left.
    """

    information: Information
    best: Direction
    unresolved: tuple[Direction, ...]

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def identifiability(fit: Fit) -> Identifiability:
    """Return which combinations of parameters the data fix and which they leave to the prior.

    Within the space that is left, directions are turned towards the axes (varimax), as any of them is as good.

    **Raises:** `InferenceError` if the posterior does not curve down in every direction.
    """
    found = information(fit)
    flat = found.contraction > LEFT
    turned = varimax(found.vectors[:, flat])
    return Identifiability(
        information=found,
        best=_direction(found, found.vectors[:, 0]),
        unresolved=tuple(_direction(found, column) for column in turned.T),
    )


def varimax(loadings: Float[np.ndarray, "size columns"]) -> Float[np.ndarray, "size columns"]:
    """Return an orthogonal turn of the columns whose squared entries vary the most (Kaiser 1958)."""
    rows, columns = loadings.shape
    if columns < 2:
        return loadings
    turn, before = np.eye(columns), 0.0
    for _ in range(200):
        now = loadings @ turn
        u, s, vt = np.linalg.svd(loadings.T @ (now**3 - now * (now**2).sum(axis=0) / rows))
        turn = u @ vt
        if s.sum() <= before * (1.0 + 1e-10):
            break
        before = s.sum()
    return loadings @ turn


def _direction(found: Information, vector: np.ndarray) -> Direction:
    vector = vector * np.sign(vector[np.argmax(np.abs(vector))])
    order = np.argsort(-np.abs(vector))
    named = order[np.abs(vector[order]) > _NAMED]
    return Direction(
        names=tuple(found.names[place] for place in named),
        loadings=vector[named],
        left=float(vector @ found.covariance @ vector),
        alone=1.0 / (1.0 + np.maximum(np.diag(found.matrix)[named], 0.0)),
    )


def _lines(found: Identifiability) -> Iterator[str]:
    left = found.information.contraction
    fixed, open_ = int((left < FIXED).sum()), len(found.unresolved)
    some = len(left) - fixed - open_
    yield (
        f"Of {len(left)} directions the data fix {fixed} (less than {FIXED:.0%} of the prior variance is left), say "
        f"something of {some}, and leave {open_} to the prior (more than {LEFT:.0%})."
    )
    if found.best.left < LEFT:
        what = found.best if len(found.best.names) > 1 else _listed(found.best.names)
        yield f"Known best: {what}, to {np.sqrt(found.best.left):.1%} of the prior's standard deviation."
    for one in found.unresolved:
        yield _told(one)
    yield from _correlated(found.information)


def _told(one: Direction) -> str:
    share = f"{min(one.left, 1.0):.0%} of the prior variance is left"
    if one.traded:
        return f"{_listed(one.names)} trade off: the data hardly notice {one} ({share})."
    if len(one.names) > 1:
        return f"Of {_listed(one.names)} the data say hardly anything, together or apart ({share})."
    if np.all(one.alone < LEFT):
        return f"{_listed(one.names)} is not told from what the others can make up for ({share})."
    return f"Of {_listed(one.names)} the data say hardly anything ({share})."


def _correlated(found: Information) -> Iterator[str]:
    """Return the pairs that the posterior knows together much better than apart."""
    deviation = np.sqrt(np.diag(found.covariance))
    correlation = found.covariance / np.outer(deviation, deviation)
    for a, b in zip(*np.triu_indices(len(deviation), 1), strict=True):
        if abs(correlation[a, b]) > _TIGHT:
            pair, way = f"{found.names[a]} and {found.names[b]}", "together" if correlation[a, b] > 0.0 else "apart"
            yield f"In the posterior {pair} move {way} (correlation {correlation[a, b]:+.2f})."


def _listed(names: list[str] | tuple[str, ...]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
