"""Marching squares over the finest cells of a boundary's band, for levels and for classes."""

import itertools

import numpy as np
from jaxtyping import Float, Int

from entropyjax.phase.lattice import Lattice
from entropyjax.phase.rules import FAILED, AbstractRule
from entropyjax.phase.samples import Samples

_RADIUS = 2
_CYCLE = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
_PAIRS = {True: ((0, 1), (2, 3)), False: ((3, 0), (1, 2))}


def segments(
    lattice: Lattice, rule: AbstractRule, samples: Samples, corner: Int[np.ndarray, "n 2"], size: Int[np.ndarray, " n"]
) -> Float[np.ndarray, "m 2 2"]:
    """Return the pieces of the boundary inside cells, each from one end to the other, in steps of the lattice.

    A level is interpolated along edges; between classes edges are cut in the middle. Where more than two edges are
    cut, classes meet in the centre, and a level is joined as the mean of the corners says.

    **Arguments:** `corner`, `size`: places and sizes of the cells of the band.
    """
    value, label = _on_lattice(lattice, rule, samples, corner, size)
    cells = np.concatenate([corner[:0], *(_finest(corner[size == s], int(s)) for s in np.unique(size))])
    i, j = (cells[:, None, :] + _CYCLE).transpose(2, 0, 1)
    labels, values = label[i, j], value[i, j]
    known = (labels != FAILED).all(axis=1)
    cells, labels, values = cells[known], labels[known], values[known]
    cut = labels != np.roll(labels, -1, axis=1)
    place = cells[:, None, :] + _CYCLE + _share(values, rule.level)[..., None] * (np.roll(_CYCLE, -1, axis=0) - _CYCLE)
    count = cut.sum(axis=1)
    out = [_joined(place, cut, count == 2)]
    many = count > 2
    if np.isnan(rule.level):
        where, edge = np.nonzero(cut & many[:, None])
        out.append(np.stack([place[where, edge], cells[where] + 0.5], axis=1))
    else:
        # The corner 0 and the centre on one side: the corners 1 and 3 are cut off, else 0 and 2.
        alike = (values.mean(axis=1) >= rule.level) == (labels[:, 0] == 1)
        for same, pairs in _PAIRS.items():
            out += [place[many & (alike == same)][:, list(pair)] for pair in pairs]
    return np.concatenate(out)


def _joined(place: np.ndarray, cut: np.ndarray, here: np.ndarray) -> np.ndarray:
    """Return the segments of cells with two cut edges."""
    return place[here][cut[here]].reshape(-1, 2, 2)


def _share(values: Float[np.ndarray, "n 4"], level: float) -> Float[np.ndarray, "n 4"]:
    """Return how far along each edge the level lies; the middle where there is no telling."""
    with np.errstate(invalid="ignore", divide="ignore"):
        share = (level - values) / (np.roll(values, -1, axis=1) - values)
    return np.clip(np.where(np.isfinite(share), share, 0.5), 0.0, 1.0)


def _finest(corner: np.ndarray, size: int) -> np.ndarray:
    steps = np.stack(np.meshgrid(np.arange(size), np.arange(size), indexing="ij"), axis=-1).reshape(-1, 2)
    return (corner[:, None, :] + steps).reshape(-1, 2)


def _on_lattice(
    lattice: Lattice, rule: AbstractRule, samples: Samples, corner: np.ndarray, size: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return values and labels over the whole lattice, known at the corners of the band's finest cells alone."""
    places = np.stack(lattice.places(samples.number), axis=-1)
    value = np.full((lattice.side, lattice.side), np.nan)
    label = np.full((lattice.side, lattice.side), FAILED)
    value[tuple(places.T)], label[tuple(places.T)] = samples.verdict.value, samples.verdict.label
    noisy = ~samples.verdict.decided & ~np.isnan(samples.verdict.value)
    if noisy.any():
        weight = np.zeros_like(value)
        weight[tuple(places.T)] = samples.verdict.weight
        smooth = _local_plane(value, weight, places[noisy])
        value[tuple(places[noisy].T)], label[tuple(places[noisy].T)] = smooth, smooth >= rule.level
    for steps in np.unique(size[size > 1]):
        _fill(value, label, corner[size == steps], int(steps), rule.level)
    return value, label


def _local_plane(value: np.ndarray, weight: np.ndarray, places: Int[np.ndarray, "n 2"]) -> Float[np.ndarray, " n"]:
    """Return values of planes fitted to what lies within two steps, weighted by trials: noise falls, slopes stay."""
    offsets = np.array(list(itertools.product(range(-_RADIUS, _RADIUS + 1), repeat=2)))
    around = places[:, None, :] + offsets
    inside = ((around >= 0) & (around < len(value))).all(axis=-1)
    i, j = np.clip(around, 0, len(value) - 1).transpose(2, 0, 1)
    found = value[i, j]
    w = np.where(inside & ~np.isnan(found), weight[i, j], 0.0)
    columns = np.concatenate([np.ones((len(offsets), 1)), offsets], axis=1)
    normal = np.einsum("nk,ka,kb->nab", w, columns, columns)
    # Where all points lie on one line its slope across is 0.
    normal += np.diag([0.0, 1e-6, 1e-6]) * normal[:, :1, :1]
    right = np.einsum("nk,ka->na", w * np.nan_to_num(found), columns)
    return np.linalg.solve(normal, right[..., None])[:, 0, 0]


def _fill(value: np.ndarray, label: np.ndarray, corner: np.ndarray, size: int, level: float) -> None:
    """Interpolate inside cells that were not split, where nothing was computed."""
    steps = np.arange(size + 1)
    i, j = np.broadcast_arrays(corner[:, 0][:, None, None] + steps[:, None], corner[:, 1][:, None, None] + steps)
    s, t = (steps / size)[:, None], steps / size
    ends = [(a, b) for a in (0, -1) for b in (0, -1)]
    parts = [(s if a else 1.0 - s) * (t if b else 1.0 - t) for a, b in ends]
    nearest = np.argmax(np.stack(np.broadcast_arrays(*parts)), axis=0)
    at_ends = np.stack([value[i, j][:, a, b] for a, b in ends], axis=1)
    v = np.einsum("ne,eij->nij", at_ends, np.stack(np.broadcast_arrays(*parts)))
    k = np.stack([label[i, j][:, a, b] for a, b in ends], axis=1)[:, nearest]
    k = np.where(np.isnan(v), k, v >= level) if not np.isnan(level) else k
    blank = label[i, j] == FAILED
    value[i[blank], j[blank]] = v[blank]
    label[i[blank], j[blank]] = k[blank]
