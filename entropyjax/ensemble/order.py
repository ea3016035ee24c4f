"""The order in which lanes of an item advance together, where each takes as many steps as it needs."""

import dataclasses
from collections.abc import Mapping

import jax.numpy as jnp
from jaxtyping import Array, Float, Int, UInt32

from entropyjax.ensemble.groups import NUMBERED, PREDICTED, Lanes
from entropyjax.ensemble.request import Ensemble, EnsembleError

ORDERS = ("auto", NUMBERED, PREDICTED)
"""What may be asked for; `auto` predicts where that saves rounds of the loop."""

_RIDGE = 1e-3
"""Weight of the ridge penalty, in standard deviations of the features: it settles what few lanes leave open."""


@dataclasses.dataclass(frozen=True)
class Order:
    """The order of lanes.

    **Attributes:** `name`: one of `ORDERS` but `auto`; `why`: the reason, as the end of a sentence.
    """

    name: str
    why: str

    def __str__(self) -> str:
        words = {NUMBERED: "as they are numbered", PREDICTED: "by the steps that they are predicted to take"}
        return f"{words[self.name]}, for {self.why}"


def choose_order(ensemble: Ensemble, lanes: Lanes, wanted: str, path: str) -> Order:
    """Return the order in which a solver path takes the lanes of an item.

    **Arguments:** `wanted`: one of `ORDERS`; `path`: the path's name.

    **Raises:** `EnsembleError` for an order that does not exist or cannot be had.
    """
    if wanted not in ORDERS:
        raise EnsembleError(f"'{wanted}' is not an order of lanes; choose one of {', '.join(ORDERS)}.")
    if wanted == NUMBERED:
        return Order(NUMBERED, "it was asked for")
    obstacle = _obstacle(ensemble, lanes, path)
    if not obstacle:
        return Order(PREDICTED, "a group of them ends with its slowest")
    if wanted == PREDICTED:
        raise EnsembleError(f"Lanes cannot be ordered by predicted steps: {obstacle}. Choose order 'auto'.")
    return Order(NUMBERED, obstacle)


def _obstacle(ensemble: Ensemble, lanes: Lanes, path: str) -> str:
    """Return why there is nothing to gain from an order, "" if there is."""
    if ensemble.method.lockstep:
        return "all of them take the same steps"
    if path != "scan":
        return "a slot whose lane has ended takes the next one"
    if not ensemble.population:
        return "the lanes of a cell are alike"
    if lanes.abreast == lanes.groups:
        return "all of an item's advance together"
    return ""


def by_predicted_steps(
    drawn: Mapping[str, Float[Array, " lanes"]], taken: Int[Array, " pilots"]
) -> UInt32[Array, " rest"]:
    """Return the numbers of the lanes after the pilots, ordered by the steps that they are predicted to take.

    The logarithm of the steps is regressed on the drawn parameters. A wrong prediction costs time and nothing else.

    **Arguments:** `drawn`: parameters of all lanes by name; `taken`: the steps of the first lanes, the pilots.
    """
    pilots = taken.shape[0]
    features = jnp.stack([_standard(column) for column in drawn.values()], axis=1)
    target = jnp.log1p(taken.astype(features.dtype))
    seen = features[:pilots] - jnp.mean(features[:pilots], axis=0, keepdims=True)
    normal = seen.T @ seen + _RIDGE * pilots * jnp.eye(seen.shape[1], dtype=seen.dtype)
    weights = jnp.linalg.solve(normal, seen.T @ (target - jnp.mean(target)))
    order = jnp.argsort(features[pilots:] @ weights)
    return order.astype(jnp.uint32) + jnp.uint32(pilots)


def _standard(column: Float[Array, " lanes"]) -> Float[Array, " lanes"]:
    """Return a column less its mean, over its standard deviation; 0 where it does not vary."""
    spread = jnp.std(column)
    return (column - jnp.mean(column)) / jnp.where(spread > 0.0, spread, 1.0)
