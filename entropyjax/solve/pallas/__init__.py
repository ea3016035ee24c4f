"""GPU kernels: the jaxpr of a lane as a Pallas kernel, lowered by Triton, that keeps a lane's state in registers.

**Untried on a GPU.** In interpret mode on a CPU the kernels give the scan's numbers, and jax lowers them to Triton's
language for CUDA; none has run on a GPU, and nothing is known of their speed. Nothing here is imported before a plan
asks for it.
"""

import importlib

import jax


def unavailable() -> str | None:
    """Return why Pallas kernels cannot run here, as the end of a sentence, or `None` if they can."""
    backend = jax.default_backend()
    if backend != "gpu":
        return f"Pallas kernels run on GPU, and this is {backend}"
    try:
        importlib.import_module("jax.experimental.pallas.triton")
    except ImportError as error:
        return f"jax has no Triton here ({error})"
    return None
