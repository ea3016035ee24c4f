"""A fit as a dataset, and back."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from scipy.special import ndtri

from entropyjax.inference.compare import Contender
from entropyjax.inference.errors import InferenceError
from entropyjax.inference.fit import Fit
from entropyjax.inference.groups import groups, histories
from entropyjax.inference.held_out import HeldOut
from entropyjax.inference.identifiability import identifiability
from entropyjax.inference.posterior import Posterior
from entropyjax.inference.problem import Problem
from entropyjax.io import provenance
from entropyjax.io.store import SCHEMA_VERSION
from entropyjax.models import MODELS
from entropyjax.records import TraceSet

KIND = "fit"
"""Value of the attribute `kind` of a dataset that holds a fit."""

LEVEL = 0.9
"""Share of the posterior that intervals hold."""

NULLS = ("constant", "linear", "saturating")
"""Models without dynamics of their own, which others have to beat."""

_SHOWN, _TOGETHER = 200, 20
"""Draws whose courses make the band, and how many of them are worked out together."""


def fit_dataset(
    traces: TraceSet,
    fit: Fit,
    posterior: Posterior,
    held: tuple[HeldOut, HeldOut],
    attrs: dict[str, Any],
) -> xr.Dataset:
    """Return a fit as a dataset.

    **Arguments:** `held`: scores of held-out tasks and steps, NaN where none were.
    """
    problem = fit.problem
    labels = list(problem.layout.labels)
    draws = np.stack([posterior.values[label] for label in labels], axis=1)
    ends = 0.5 * (1.0 + np.array([-1.0, 1.0]) * LEVEL)
    data: dict[str, Any] = {
        "estimate": ("label", np.median(draws, axis=0), {"long_name": "Median of the posterior."}),
        "maximum": ("label", list(fit.estimates.values()), {"long_name": "At the maximum of the posterior."}),
        "interval": (("label", "bound"), np.quantile(draws, ends, axis=0).T),
        "prior_interval": (("label", "bound"), _prior(fit, ends)),
        "place": ("label", _places(fit, np.median(draws, axis=0))),
        "place_interval": (("label", "bound"), _places(fit, np.quantile(draws, ends, axis=0).T)),
        "posterior": (("draw", "label"), draws),
        "params": (("draw", "condition", "parameter"), _every_parameter(posterior)),
        "start_status": ("start", fit.statuses),
        "start_log_posterior": ("start", fit.log_posteriors),
        "condition_name": ("condition", list(problem.units.conditions.names)),
    }
    data |= _entries(fit, held) | _courses(fit, posterior, ends) | _agreement(traces, fit)
    coords = {
        "label": labels,
        "bound": ["lower", "upper"],
        "parameter": list(problem.model.Params.specs()),
        "step": ("step", np.arange(problem.steps), {"units": "step", "symbol": "t", "long_name": "Decision."}),
    }
    return xr.Dataset(data, coords, _attributes(traces, fit, posterior, attrs))


def _prior(fit: Fit, ends: np.ndarray) -> np.ndarray:
    """Return the prior's interval of each label; of pooled ones that of their common mean."""
    rows = []
    for block in fit.problem.layout.blocks:
        both = block.spec.support.constrain(jnp.asarray(block.prior.mean + block.prior.sd * ndtri(ends)))
        rows += [np.asarray(both)] * len(block.levels)
    return np.array(rows)


def _places(fit: Fit, values: Iterable[Any]) -> np.ndarray:
    """Return where values lie on the scale of the fit: -1 and 1 are the ends of the prior's interval."""
    blocks = [block for block in fit.problem.layout.blocks for _ in block.levels]
    width = ndtri(0.5 * (1.0 + LEVEL))
    return np.array(
        [
            (np.asarray(block.spec.support.unconstrain(np.asarray(value, float))) - block.prior.mean)
            / (width * block.prior.sd)
            for block, value in zip(blocks, values, strict=True)
        ]
    )


def _every_parameter(posterior: Posterior) -> np.ndarray:
    """Return every parameter of the model by draw, condition and name."""
    values = jax.vmap(posterior.problem.layout.values)(jnp.asarray(posterior.scores))
    return np.stack([np.asarray(values[name]) for name in posterior.problem.model.Params.specs()], axis=-1)


def _entries(fit: Fit, held: tuple[HeldOut, HeldOut]) -> dict[str, Any]:
    units = fit.problem.units
    lone = fit.problem.entries - len(units)
    tasks, steps = held
    return {
        "log_likelihood": ("entry", fit.log_likelihoods, {"units": "nat"}),
        "decisions": ("entry", fit.problem.decisions_of()),
        "task": ("entry", np.concatenate([units.task, np.full(lone, -1)])),
        "held_tasks": ("entry", tasks.scores, {"units": "nat"}),
        "held_tasks_decisions": ("entry", tasks.decisions),
        "held_steps": ("entry", steps.scores, {"units": "nat"}),
        "held_steps_decisions": ("entry", steps.decisions),
    }


def _courses(fit: Fit, posterior: Posterior, ends: np.ndarray) -> dict[str, Any]:
    """Return what the fit expects, the mean over tasks and over the lanes of a condition, with the posterior's band."""
    problem = fit.problem
    lane = problem.drives.shared.condition
    count = len(problem.units.conditions)
    lanes = np.bincount(lane).astype(fit.scores.dtype)[:, None]

    @jax.jit
    def expected(scores: Any) -> dict[str, Any]:
        mean = problem.mean_choice(scores)
        kinds = {"entropy": mean.entropy, "collision": mean.collision}
        return {name: jax.ops.segment_sum(v, lane, count) / lanes for name, v in kinds.items()}

    best = expected(jnp.asarray(fit.scores))
    # With a lane for each of thousands of tasks all draws at once would take gigabytes.
    band = jax.lax.map(expected, jnp.asarray(posterior.scores[:_SHOWN]), batch_size=_TOGETHER)
    out: dict[str, Any] = {}
    for name, unit in (("entropy", "nat"), ("collision", "1")):
        out[f"expected_{name}"] = (("condition", "step"), np.asarray(best[name]), {"units": unit})
        ends_of = np.moveaxis(np.quantile(np.asarray(band[name]), ends, axis=0), 0, -1)
        out[f"expected_{name}_interval"] = (("condition", "step", "bound"), ends_of, {"units": unit})
    return out


def _agreement(traces: TraceSet, fit: Fit) -> dict[str, Any]:
    """Return pairs with a common history and how many of them agree, by condition and step."""
    units, steps = fit.problem.units, fit.problem.steps
    shared = groups(traces, histories(traces))
    kept = shared.step < steps
    place = (units.condition[units.of_run[shared.run[kept]]], shared.step[kept])
    out = {}
    for name, values in (("pairs", shared.pairs), ("agreeing", shared.agreeing)):
        total = np.zeros((len(units.conditions), steps))
        np.add.at(total, place, values[kept])
        out[name] = (("condition", "step"), total)
    return out


def _attributes(traces: TraceSet, fit: Fit, posterior: Posterior, attrs: dict[str, Any]) -> dict[str, Any]:
    problem = fit.problem
    frees = [dataclasses.asdict(block.free) for block in problem.layout.blocks]
    digest = hashlib.sha256(json.dumps([traces.run_id.tolist(), frees, attrs], default=str).encode())
    for column in (traces.offsets, traces.agent, fit.scores):
        digest.update(np.ascontiguousarray(column).tobytes())
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "run_id": digest.hexdigest()[:12],
        "model": MODELS.name_of(problem.model),
        "scheme": problem.scheme,
        "context": "modelled" if problem.drives.shared.context is None else "measured",
        "courses": _courses_in_words(problem),
        "observed": ", ".join(term.name for term in problem.terms),
        "full_likelihood": int(not problem.composite),
        "converged": int(fit.converged),
        "starts": fit.starts(),
        "identifiability": _told_apart(fit),
        "method": posterior.method,
        "size": problem.layout.size,
        "free": json.dumps(frees),
        "fixed": json.dumps({name: np.asarray(value).tolist() for name, value in problem.layout.fixed.items()}),
        "ties": json.dumps(problem.layout.ties),
        "traces": str(traces),
        **attrs,
        "versions": json.dumps(provenance.versions()),
        "device": json.dumps(provenance.devices()),
        "git_commit": provenance.git_commit(),
    }


def _courses_in_words(problem: Problem) -> str:
    """Return what the courses of the observations follow."""
    alone = any(term.alone for term in problem.terms)
    whose = "runs" if alone and problem.units.apart else "tasks" if problem.drives.shared.series else "conditions"
    return f"courses of {whose} {(problem.drives.own if alone else problem.drives.shared).words}"


def _told_apart(fit: Fit) -> str:
    """Return in words what the data tell apart, or why that cannot be said."""
    try:
        return str(identifiability(fit))
    except InferenceError as error:
        return str(error)


def contender(dataset: xr.Dataset, name: str | None = None) -> Contender:
    """Return a fit as a comparison sees it."""
    return Contender(
        name=name or dataset.attrs["model"],
        null=dataset.attrs["model"] in NULLS,
        parameters=int(dataset.attrs["size"]),
        log_likelihood=float(dataset.log_likelihood.sum()),
        full=bool(dataset.attrs["full_likelihood"]),
        entries=int((dataset.decisions > 0).sum()),
        tasks=dataset.held_tasks.values,
        tasks_decisions=dataset.held_tasks_decisions.values,
        steps=dataset.held_steps.values,
        steps_decisions=dataset.held_steps_decisions.values,
        cluster=dataset.task.values,
    )
