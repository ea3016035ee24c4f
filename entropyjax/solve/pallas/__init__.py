"""GPU kernels: the jaxpr of a lane as a Pallas kernel, lowered by Triton, that keeps a lane's state in registers.

Untried on a GPU: interpret mode on a CPU gives the scan's numbers, and the kernels lower to Triton's language for
CUDA, but none has run, and nothing is known of their speed. Nothing here is imported before a plan asks for it.
"""

import jax


def unavailable() -> str | None:
    """Return why Pallas kernels cannot run here, as the end of a sentence, or `None` if they can."""
    backend = jax.default_backend()
    return None if backend == "gpu" else f"Pallas kernels run on GPU, and this is {backend}"
