"""All fixed points of an orchestrator, with their spectrum and a certificate."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from entropyjax.models import AbstractModel
from entropyjax.params import cast
from entropyjax.results import Kind, Phase, describe
from entropyjax.stability.rest import check_rest, combine, enclosed_residual, residual, start_search
from entropyjax.stability.resting import final_progress
from entropyjax.stability.roots import Brackets, bracket_roots, carry_gradient, refine
from entropyjax.stability.spectrum import Spectrum, kind, spectrum

SLOTS = 5
"""Fixed points that a result has room for."""


class Equilibria(eqx.Module):
    """The fixed points of one parameter point, in the order of their context, padded with NaN.

    **Attributes:**

    - `state`: the states, `slots` along the leading axis of every component.
    - `spectrum`: eigenvalues of each in 1/step; `kind`: a `Kind` code; `stable`: F' < 0.
    - `observables`: every observable of the model there, such as `right_probability` and the focus `margin`.
    - `count`, `stable_count`: how many there are; those beyond the slots are counted only.
    - `phase`: a `Phase` code; `NO_COMPACTION` says why there is none.
    - `certified`: whether interval arithmetic has proven that there is no other.
    """

    state: Any
    spectrum: Spectrum
    kind: Any
    stable: Any
    observables: dict[str, Any]
    count: Any
    stable_count: Any
    phase: Any
    certified: Any

    def __str__(self) -> str:
        if np.ndim(self.count):
            return f"Equilibria of {np.size(self.count)} parameter points; index them to print one."
        label = Phase(int(self.phase))
        lines = [f"{label.name.lower()}: {describe(label)} {'Certified' if self.certified else 'Not certified'}."]
        for slot in range(min(int(self.count), len(self.kind))):
            pair = np.ravel(np.asarray(self.spectrum.pair[slot]))
            values = [f"{name} = {_short(item[slot])}" for name, item in self.observables.items() if name in _SHOWN]
            name = Kind(int(self.kind[slot])).name.lower().replace("_", " ")
            lines.append(f"  {name}: {', '.join(values)}; eigenvalues {', '.join(f'{z:.4g}' for z in pair)}")
        return "\n".join(lines)


_SHOWN = ("focus", "context", "right_probability", "normalised_entropy", "margin")


def _short(value: Any) -> str:
    return ", ".join(f"{number:.4g}" for number in np.ravel(value))


def equilibria(
    model: AbstractModel, params: Any, progress: Any = None, *, slots: int = SLOTS, dtype: Any = None
) -> Equilibria:
    """Find all fixed points of one parameter point; batch it with `jax.vmap`, differentiate it with `jax.grad`.

    A fixed point has x = u(s, c) and a context c with F(c) = 0, where F is the drift of the context there. Interval
    arithmetic on the model's own drift decides cell by cell where F has no root and where it has exactly one;
    `certified` says that it came through. States have the gradient of the implicit function theorem.

    **Arguments:**

    - `model`: an orchestrator whose focus relaxes to a target u(s, c), with a drift that is continuous.
    - `progress`: s; by default 1, or s(0) if kappa = 0. With g > 0 that is the finished task: s = 0 is the other
      end.
    - `slots`: room for fixed points.
    - `dtype`: floating type of the computation; by default JAX's own.

    **Raises:** `RestError` for a model that does not say where it comes to rest.
    """
    check_rest(model)
    params = cast(params, jnp.result_type(float) if dtype is None else jnp.dtype(dtype))
    progress = final_progress(params) if progress is None else jnp.asarray(progress, params.evidence.dtype)
    fixed, held = lax.stop_gradient((params, progress))
    found = bracket_roots(enclosed_residual(model, held, fixed), start_search(model, held, fixed, slots))
    return _describe(model, params, progress, found)


def _describe(model: Any, params: Any, progress: Any, found: Brackets) -> Equilibria:
    """Return what there is to say of the fixed points in these brackets."""
    function = residual(model, progress, params)
    still = residual(model, *lax.stop_gradient((progress, params)))
    # Empty slots repeat the first, so that no NaN enters a gradient.
    held = jnp.isfinite(found.lower)
    low, high = (jnp.where(held, end, jnp.where(held[0], end[0], 1.0)) for end in (found.lower, found.upper))
    roots = jax.vmap(lambda low, high: carry_gradient(function, refine(still, low, high)))(low, high)
    contexts, count, filled = combine(roots, found.count)

    def at(context: Any) -> Any:
        state = model.at_rest(context, progress, params)
        return state, spectrum(model, state, params), model.observe(state, params)

    state, modes, seen = jax.vmap(at)(contexts)
    slope = modes.slope.reshape(len(filled), -1)
    stable = filled & jnp.all(slope <= 0.0, axis=-1)
    kinds = jnp.where(filled, jax.vmap(kind)(modes, stable), Kind.NONE).astype(jnp.int32)
    state, modes, seen = jax.tree.map(lambda leaf: _blank(filled, leaf), (state, modes, seen))
    number, bounded = stable_count(found.count), jnp.all(~found.positive)
    phase = label(number, seen["margin"][0], bounded)
    certified = jnp.all(found.certified) & bounded & (count <= len(filled))
    return Equilibria(state, modes, kinds, stable, seen, count, number, phase, certified)


def stable_count(count: Any) -> Any:
    """Return how many fixed points are stable: from F > 0 on, the first root is and then every other."""
    return jnp.prod((count + 1) // 2).astype(jnp.int32)


def label(stable: Any, margin: Any, bounded: Any) -> Any:
    """Return the `Phase` by the number of stable fixed points and the focus margin of that with the least context."""
    code = jnp.where(margin > 0.0, Phase.FOCUSED, Phase.COLLAPSED)
    code = jnp.where(stable > 1, Phase.BISTABLE, jnp.where(stable == 1, code, Phase.UNDECIDED))
    return jnp.where(bounded, code, Phase.NO_COMPACTION).astype(jnp.int32)


def _blank(filled: Any, leaf: Any) -> Any:
    """Return a leaf with NaN in the slots that are empty."""
    shape = filled.shape + (1,) * (leaf.ndim - filled.ndim)
    return jnp.where(filled.reshape(shape), leaf, jnp.nan)
