"""What can be observed in a set of runs, by name, and what a fit frees unless it is told."""

from collections.abc import Callable, Mapping, Sequence

from entropyjax.inference.course import one_gap
from entropyjax.inference.effect import SPREAD
from entropyjax.inference.errors import InferenceError
from entropyjax.inference.parameters import Free
from entropyjax.inference.problem import parameters
from entropyjax.inference.terms import (
    AbstractTerm,
    Agreement,
    Completions,
    Dispatches,
    Entropies,
    LogProbabilities,
    Tokens,
)
from entropyjax.inference.units import Units
from entropyjax.models import AbstractModel
from entropyjax.params import OrchestratorParams, Parameter, nearest
from entropyjax.records import TraceSet

Make = Callable[[TraceSet, Units, int | None], AbstractTerm | None]
"""Called as make(traces, units, first free step)."""

OBSERVATIONS: Mapping[str, Make] = {
    Agreement.name: Agreement.of,
    Dispatches.name: lambda traces, units, free: Dispatches.of(traces, units),
    LogProbabilities.name: LogProbabilities.of,
    Entropies.name: Entropies.of,
    Tokens.name: lambda traces, units, free: Tokens.of(traces, units),
    Completions.name: lambda traces, units, free: Completions.of(traces, units),
}
"""What makes the rows of each kind of observation."""


TERMS: tuple[type[AbstractTerm], ...] = (Agreement, Dispatches, LogProbabilities, Entropies, Tokens, Completions)
"""The kinds of observation."""


def all_parameters(model: AbstractModel, names: Sequence[str] = ()) -> dict[str, Parameter]:
    """Return what parameters a fit to observations of these names can have; of any where none are named."""
    out = parameters(model, ())
    for term in TERMS:
        out |= term.parameters if term.name in names or not names else {}
    return out


def observe(
    traces: TraceSet, units: Units, names: Sequence[str] = (), free: int | None = None
) -> tuple[AbstractTerm, ...]:
    """Return what was observed.

    **Arguments:**

    - `names`: of `OBSERVATIONS`; by default the best that there is of the choice: log-probabilities, what repeats of a
      task agree in, and else entropies over tasks and runs.
    - `free`: first step at which runs can differ, by default told from the runs.

    **Raises:** `InferenceError` for an unknown name, or one that the runs say nothing of.
    """
    for name in names:
        if name not in OBSERVATIONS:
            raise InferenceError(f"'{name}' is not an observation; {nearest(name, OBSERVATIONS)}")
    if not names:
        for name in (LogProbabilities.name, Agreement.name, Entropies.name):
            found = OBSERVATIONS[name](traces, units, free)
            if found is not None:
                return (found,)
    out = []
    for name in dict.fromkeys(names):
        term = OBSERVATIONS[name](traces, units, free)
        if term is None:
            raise InferenceError(f"These runs say nothing of {name}; leave it out of what is observed.")
        out.append(term)
    return tuple(out)


def default_free(model: AbstractModel, terms: Sequence[AbstractTerm], taken: Sequence[str] = ()) -> tuple[Free, ...]:
    """Return what a fit frees unless it is told, without what is `taken` (fixed or tied).

    Of orchestrators the evidence, the effective share of the window and the gap at the start; of other models all that
    is theirs alone, and the effective share where the load acts through attention. Then the spread between tasks, where
    rows are of tasks, and what observations bring with them.
    """
    own = model.Params.specs()
    shared = OrchestratorParams.specs()
    orchestrator = ["evidence", "effective_fraction", "initial_focus"]
    names = orchestrator if "evidence" in own else [name for name in own if name not in shared]
    if "dilution_order" in own and "effective_fraction" not in names:
        names.append("effective_fraction")
    if any(not term.marginal for term in terms) and one_gap(model):
        names.append(SPREAD.name)
    for term in terms:
        names += [name for name in term.frees if name not in names]
    return tuple(Free(name) for name in names if name not in taken)
