"""Values that are computed once."""

from typing import TypeVar

import jax
from jax import lax
from jax.experimental.xla_metadata import set_xla_metadata

T = TypeVar("T")


def settle(value: T) -> T:
    """Return a pytree of values as it is; on a CPU, XLA computes them once and writes them down.

    Left alone, XLA computes sums and products anew in each loop over lanes that takes them, and of a chain of them
    with many users that is most of the work. Its CPU backend drops barriers before it decides so; the results of a
    call that must not be inlined it leaves alone. A GPU had rather compute than fetch.
    """
    if jax.default_backend() != "cpu":
        return value
    with set_xla_metadata(inlineable="false"):
        return _same(value)


@jax.jit
def _same(value: T) -> T:
    # The barrier, which XLA removes, keeps JAX from removing the call.
    return lax.optimization_barrier(value)
