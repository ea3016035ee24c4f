"""What logs and simulated logs are compared in, step by step."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from entropyjax.inference.draws import LEVEL
from entropyjax.inference.groups import groups, histories
from entropyjax.inference.terms import Agreement, Completions, Dispatches, Tokens
from entropyjax.records import UNKNOWN, TraceSet

KIND = "predictive"
"""Value of the attribute `kind` of a dataset that holds a predictive check."""


class Series(NamedTuple):
    """A series over steps: the observation that fits it, its unit and meaning, and whether logs know it."""

    term: str
    unit: str
    doc: str
    known: Callable[[TraceSet], bool]


SERIES: Mapping[str, Series] = {
    "agreement": Series(
        Agreement.name, "1", "Share of pairs with a common history that agree", lambda t: bool(np.any(t.agent >= 0))
    ),
    "tokens": Series(
        Tokens.name, "ktok", "Mean of the tokens that a step adds", lambda t: bool(np.isfinite(t.tokens).any())
    ),
    "errors": Series(Dispatches.name, "1", "Share of errors", lambda t: bool(np.any(t.error == 1))),
    "success": Series(
        Completions.name, "1", "Share of the runs that have succeeded", lambda t: bool(np.any(t.success != UNKNOWN))
    ),
}


def series_of(
    traces: TraceSet, draw: Int[np.ndarray, " runs"], done: Bool[np.ndarray, " steps"], free: int
) -> dict[str, Float[np.ndarray, "draws steps"]]:
    """Return the series of each draw's logs, NaN where there is nothing to compute them from.

    **Arguments:** `draw`: number of the draw that each run belongs to; `done`: steps with which runs succeed; `free`:
    first step at which runs can differ.
    """
    shape = (int(draw.max()) + 1, int(traces.lengths.max()))
    shared = groups(traces, histories(traces))
    at = draw[traces.run], traces.place
    known, told = np.isfinite(traces.tokens), traces.error != UNKNOWN
    counted = (traces.success != UNKNOWN)[traces.run] if np.any(traces.success != UNKNOWN) else np.ones_like(told)
    runs = np.bincount(draw[traces.success != UNKNOWN], minlength=shape[0]) if counted.any() else np.zeros(shape[0])
    late = shared.step >= free
    where = draw[shared.run][late], shared.step[late]
    return {
        "agreement": _ratio(_sum(shape, where, shared.agreeing[late]), _sum(shape, where, shared.pairs[late])),
        "tokens": _ratio(_sum(shape, at, np.where(known, traces.tokens, 0.0)), _sum(shape, at, known)),
        "errors": _ratio(_sum(shape, at, told & (traces.error == 1)), _sum(shape, at, told)),
        "success": _ratio(np.cumsum(_sum(shape, at, done & counted), axis=1), np.broadcast_to(runs[:, None], shape)),
    }


def _sum(shape: tuple[int, int], at: tuple[np.ndarray, np.ndarray], values: np.ndarray) -> np.ndarray:
    return np.bincount(at[0] * shape[1] + at[1], values, shape[0] * shape[1]).reshape(shape)


def _ratio(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    return np.where(count > 0, total / np.where(count > 0, count, 1.0), np.nan)


def predictive_data(
    observed: Mapping[str, np.ndarray], foretold: Mapping[str, np.ndarray], names: Sequence[str]
) -> dict[str, Any]:
    """Return the variables over series and steps."""
    data: dict[str, list[Any]] = {}
    for name in names:
        seen, made = observed[name][0], foretold[name]
        made = np.where(np.isfinite(seen), made, np.nan)
        found = {
            "observed": seen,
            "predicted": _nan(np.nanmedian, made),
            "predicted_interval": _ends(made),
            "p": tail(seen, made),
            "p_value": discrepancy(seen, made),
        }
        for key, values in found.items():
            data.setdefault(key, []).append(values)
    dims = {"observed": ("step",), "predicted": ("step",), "predicted_interval": ("step", "bound"), "p": ("step",)}
    docs = {
        "observed": "As observed.",
        "predicted": "Median over logs that the posterior foretells.",
        "predicted_interval": "90% interval over logs that the posterior foretells.",
        "p": "Posterior predictive p-value of a step, of both sides.",
        "p_value": "Posterior predictive p-value of all steps together.",
    }
    out: dict[str, Any] = {
        key: (("series", *dims.get(key, ())), np.array(values), {"long_name": docs[key]})
        for key, values in data.items()
    }
    out["unit"] = ("series", [SERIES[name].unit for name in names])
    out["meaning"] = ("series", [SERIES[name].doc for name in names])
    return out


def tail(seen: Float[np.ndarray, " steps"], made: Float[np.ndarray, "draws steps"]) -> Float[np.ndarray, " steps"]:
    """Return the two-sided p-value of each step, ties counted half; NaN where nothing was observed or foretold."""
    there = np.isfinite(made)
    count = np.maximum(there.sum(axis=0), 1)
    below = ((made < seen) & there).sum(axis=0) + 0.5 * ((made == seen) & there).sum(axis=0)
    p = 2.0 * np.minimum(below, there.sum(axis=0) - below) / count
    return np.where(np.isfinite(seen) & there.any(axis=0), np.minimum(p, 1.0), np.nan)


def discrepancy(seen: Float[np.ndarray, " steps"], made: Float[np.ndarray, "draws steps"]) -> float:
    """Return the share of the foretold logs, the observed ones included, that lie as far off as the observed.

    How far is the sum of squared deviations from the mean of each step in its standard deviations. Steps of which fewer
    than half of the logs have anything are left out.
    """
    kept = np.isfinite(seen) & (np.isfinite(made).mean(axis=0) >= 0.5)
    if not kept.any():
        return float("nan")
    whole = np.vstack([seen[kept], made[:, kept]])
    mean, sd = np.nanmean(whole, axis=0), np.nanstd(whole, axis=0)
    off = np.nansum(((whole - mean) / np.where(sd > 0.0, sd, 1.0)) ** 2, axis=1)
    return float(np.mean(off >= off[0] * (1.0 - 1e-12)))


def _nan(function: Callable[..., Any], made: np.ndarray, **options: Any) -> np.ndarray:
    """Apply a function over draws to the steps that have any, NaN elsewhere."""
    there = np.isfinite(made).any(axis=0)
    found = np.asarray(function(made[:, there], axis=0, **options))
    out = np.full((*found.shape[:-1], made.shape[1]), np.nan)
    out[..., there] = found
    return out


def _ends(made: np.ndarray) -> np.ndarray:
    return _nan(np.nanquantile, made, q=0.5 * (1.0 + np.array([-1.0, 1.0]) * LEVEL)).T
