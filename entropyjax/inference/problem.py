"""The posterior of a fit: a model, what is free, what was seen."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from entropyjax.entropy import Choice
from entropyjax.inference.course import Course, Known, Scheme, check_model, course, scale
from entropyjax.inference.drive import Drive, Drives, undriven
from entropyjax.inference.effect import SPREAD, Nodes, log_mean, look, nodes
from entropyjax.inference.errors import InferenceError
from entropyjax.inference.filter import foresee
from entropyjax.inference.parameters import Free, Layout, layout
from entropyjax.inference.terms import AbstractTerm, Agreement, Dispatches, Seen
from entropyjax.inference.terms.tokens import SCALE
from entropyjax.inference.units import Units
from entropyjax.models import AbstractModel
from entropyjax.params import Parameter

NODES, WIDE = 9, 31
"""Points of the quadrature over the random effect of a task of which something is seen, and of which nothing is."""

Kind = tuple[bool, bool]
"""Whether a term's rows are of single runs, and whether they are of runs that have agreed: courses differ in both."""


@dataclasses.dataclass(frozen=True, eq=False)
class Problem:
    """A model, its free parameters and what was observed.

    The likelihood of a unit is the mean over z ~ N(0, 1) of exp(sum of its rows at x + sigma_task z): its rows share
    the task's random effect. Entries of the likelihood are the units in order and then the rows of marginal terms.

    **Attributes:**

    - `drives`: what the runs know of their course.
    - `steps`: decisions that the course covers.
    """

    model: AbstractModel
    scheme: Scheme
    layout: Layout
    units: Units
    terms: tuple[AbstractTerm, ...]
    steps: int
    drives: Drives
    nodes: Nodes
    compiled: dict[Any, Any] = dataclasses.field(default_factory=dict, repr=False)

    def courses(self, scores: Float[Array, " size"], alone: bool = False, agreeing: bool = False) -> Course:
        """Return the expected course of each lane of the drive of single runs (`alone`), or of all runs of a unit."""
        values = self.layout.values(scores)
        drive = self._drive(alone)
        params = {name: values[name][drive.condition] for name in self.model.Params.specs()}
        known = {name: jnp.asarray(found, scores.dtype) for name, found in drive.series.items()}
        if "tokens" in known and SCALE.name in values:
            known["tokens"] = values[SCALE.name][drive.condition][:, None] * known["tokens"]

        def one(params: Any, known: Known) -> Course:
            return course(self.model, params, self.steps, self.scheme, known, agreeing)

        return jax.vmap(one)(self.model.Params(**params), Known(**known))

    def _drive(self, alone: bool) -> Drive:
        return self.drives.own if alone else self.drives.shared

    def mean_choice(self, scores: Float[Array, " size"]) -> Choice:
        """Return the functionals of the choice of each shared lane and step, the mean over tasks and noise."""
        found = self.courses(scores)
        spread = self.layout.values(scores)[SPREAD.name][self.drives.shared.condition]

        def one(node: Array) -> Choice:
            return jax.vmap(Course.choice, (0, 0, None))(found, spread, node)

        each = jax.vmap(one)(jnp.asarray(self.unseen.values, scores.dtype))
        return jax.tree.map(lambda leaf: jnp.tensordot(jnp.asarray(self.unseen.weights, leaf.dtype), leaf, 1), each)

    def log_likelihoods(
        self,
        scores: Float[Array, " size"],
        terms: Sequence[AbstractTerm] | None = None,
        drives: Drives | None = None,
    ) -> Float[Array, " entries"]:
        """Return the log-likelihood of each entry in nat.

        **Arguments:** `terms`: other rows of the same kinds, for example with other weights; `drives`: of other runs.
        """
        if drives is not None:
            return dataclasses.replace(self, drives=drives).log_likelihoods(scores, terms)
        terms = self.terms if terms is None else terms
        values = self.layout.values(scores)
        found = {kind: self.courses(scores, *kind) for kind in {_kind(term) for term in terms}}
        own = [term for term in terms if not term.marginal]
        # Where the nodes lie changes nothing but the error of the quadrature, and so has no derivative.
        held, fixed = jax.tree.map(lax.stop_gradient, found), jax.tree.map(lax.stop_gradient, values)
        view = look(lambda effects: self._by_unit(own, held, fixed, effects), self.nodes, len(self.units), scores.dtype)
        by_unit = log_mean(lambda effects: self._by_unit(own, found, values, effects), self.nodes, view)
        return jnp.concatenate([by_unit, *(self._marginal(term, found, values) for term in terms if term.marginal)])

    def _by_unit(
        self,
        terms: Sequence[AbstractTerm],
        found: Mapping[Kind, Course],
        values: Mapping[str, Array],
        effects: Float[Array, "units nodes"],
    ) -> Float[Array, "units nodes"]:
        """Return the log-likelihood of each unit's rows, given its own values of the effect."""
        total = jnp.zeros(effects.shape, effects.dtype)
        shifts = values[SPREAD.name][jnp.asarray(self.units.condition)][:, None] * effects
        known = {kind: self._foreseen(one, shifts) for kind, one in found.items() if self._filtered(kind)}
        for term in terms:
            kind = _kind(term)
            seen = self._seen(term, found[kind], values)
            if kind in known:
                gap, deviation = (each[term.lane, term.step] for each in known[kind])
                seen = seen._replace(gap=gap, deviation=deviation)
            else:
                seen = seen._replace(gap=seen.gap + shifts[term.unit])
            rows = term.log_likelihood(seen)
            total = total.at[term.unit].add(rows * jnp.asarray(term.weight, rows.dtype)[:, None])
        return total

    def _filtered(self, kind: Kind) -> bool:
        """Return whether the courses of this kind are of single runs whose dispatches say what their noise is."""
        return kind[0] and self.scheme == "agents" and self.drives.own.wrong is not None

    def _foreseen(self, found: Course, shifts: Float[Array, "units nodes"]) -> tuple[Array, Array]:
        """Return mean and deviation of the gap of each run at each step, for each value of its task's effect."""
        gap = found.gap[:, :, None] + shifts[jnp.asarray(self.units.unit_of_lane)][:, None, :]
        wrong = jnp.asarray(self.drives.own.wrong, gap.dtype)
        assert found.noise is not None
        return jax.vmap(foresee)(gap, found.rivals, wrong, found.noise)

    def _marginal(self, term: AbstractTerm, found: Mapping[Kind, Course], values: Mapping[str, Array]) -> Array:
        """Return the log-likelihood of each row of a term that sees the mean over tasks, and over the noise."""
        seen = self._seen(term, found[_kind(term)], values)
        effects = jnp.asarray(self.unseen.values, seen.gap.dtype)[None, :]
        gap = seen.gap + scale(seen.values[SPREAD.name], seen.deviation) * effects
        rows = term.log_likelihood(seen._replace(gap=gap, deviation=None))
        return rows[:, 0] * jnp.asarray(term.weight, rows.dtype)

    def _seen(self, term: AbstractTerm, found: Course, values: Mapping[str, Array]) -> Seen:
        """Return what is expected at each row, of a task in the middle."""
        condition = jnp.asarray(self.units.condition)[term.unit]
        lane = jnp.asarray(self._drive(term.alone).of)[term.lane]
        gap = found.gap[lane, term.step][:, None]
        return Seen(
            gap=gap,
            deviation=None if found.deviation is None else found.deviation[lane, term.step][:, None],
            rivals=found.rivals[lane][:, None],
            tokens=None if found.tokens is None else found.tokens[lane, term.step][:, None],
            weights=jnp.asarray(self.unseen.weights, gap.dtype),
            values={name: value[condition][:, None] for name, value in values.items()},
        )

    @property
    def unseen(self) -> Nodes:
        """The quadrature over the effects of tasks, and the noise, of which nothing is seen."""
        return nodes(WIDE) if len(self.nodes.values) > 1 or self.scheme == "agents" else self.nodes

    @property
    def entries(self) -> int:
        """Number of entries of the likelihood."""
        return len(self.units) + sum(len(term.unit) for term in self.terms if term.marginal)

    def decisions_of(self, terms: Sequence[AbstractTerm] | None = None) -> Float[np.ndarray, " entries"]:
        """Return how many decisions each entry speaks of, of these terms or others."""
        by_unit, marginal = np.zeros(len(self.units)), []
        for term in self.terms if terms is None else terms:
            counts = np.asarray(term.count * term.weight)
            if term.marginal:
                marginal.append(counts)
            else:
                np.add.at(by_unit, np.asarray(term.unit), counts)
        return np.concatenate([by_unit, *marginal])

    @property
    def composite(self) -> bool:
        """Whether the likelihood is a composite one, as it also is where dispatches are seen in two ways."""
        names = {term.name for term in self.terms}
        twice = {Agreement.name, Dispatches.name} <= names
        return twice or any(term.composite for term in self.terms)


def make_problem(
    model: AbstractModel,
    units: Units,
    terms: Sequence[AbstractTerm | None],
    free: Sequence[Free],
    *,
    fixed: Mapping[str, Any] | None = None,
    ties: Mapping[str, tuple[str, float]] | None = None,
    scheme: Scheme = "agents",
    drives: Drives | None = None,
    steps: int | None = None,
) -> Problem:
    """Return the problem of a fit.

    **Arguments:** `terms`: likelihoods; those that are `None` had nothing to go by; `drives`: what the runs know of
    their course; without it all that is random in a course is at its mean, which is wrong by as much as the noise
    matters.

    **Raises:** `InferenceError` if nothing was seen, or the model lacks what the terms or the context speak of.
    """
    check_model(model, scheme)
    seen = tuple(term for term in terms if term is not None)
    if not seen:
        raise InferenceError(
            "These runs say nothing that can be fitted: no repeats that share their past, no known errors, tokens or "
            "successes; give log-probabilities or an estimate of the entropy."
        )
    specs = parameters(model, seen)
    plan = layout(specs, units.conditions, free, fixed or {}, ties or {})
    lone = any(block.spec.name == SPREAD.name for block in plan.blocks) or np.any(plan.fixed.get(SPREAD.name, 0.0) > 0)
    needed = 1 + max(int(np.max(term.step)) for term in seen)
    drives = undriven(units) if drives is None else drives
    _check_terms(model, seen, drives)
    steps = max(steps or 0, needed)
    drives = Drives(*(drive.until(steps) for drive in drives))
    return Problem(model, scheme, plan, units, seen, steps, drives, nodes(NODES if lone else 1))


def parameters(model: AbstractModel, terms: Sequence[AbstractTerm]) -> dict[str, Parameter]:
    """Return what parameters a fit has: the model's, the observations', and the spread between tasks."""
    out = dict(model.Params.specs()) | {SPREAD.name: SPREAD}
    for term in terms:
        out |= term.parameters
    return out


def _kind(term: AbstractTerm) -> Kind:
    return term.alone, term.agreeing


def _check_terms(model: AbstractModel, terms: Sequence[AbstractTerm], drives: Drives) -> None:
    for term in terms:
        for name in term.needs:
            if name not in model.observables and name not in model.Params.specs():
                raise InferenceError(
                    f"{type(model).__name__} has no {name}, which the {term.name} are compared with; leave them out."
                )
    if drives.shared.context is not None and "load" not in model.observables:
        raise InferenceError(
            f"{type(model).__name__} has no context that could be measured; take context = 'modelled'."
        )
