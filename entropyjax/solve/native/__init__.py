"""Native CPU kernels: the jaxpr of a lane as LLVM vector code, called on XLA's own threads.

Nothing here is imported before a plan asks for it, and LLVM is an optional extra.
"""

import functools
import importlib

OLDEST = (0, 45)
"""Oldest llvmlite with the pass builder and opaque pointers that the kernels use."""


@functools.cache
def unavailable() -> str | None:
    """Return why native kernels cannot be made here, as the end of a sentence, or `None` if they can."""
    try:
        llvmlite = importlib.import_module("llvmlite")
        version = tuple(int(part) for part in llvmlite.__version__.split(".")[:2])
        if version < OLDEST:
            return f"llvmlite is {llvmlite.__version__}, older than {OLDEST[0]}.{OLDEST[1]}"
        return importlib.import_module("entropyjax.solve.native.build").unsuitable()
    except ImportError:
        return "llvmlite is not installed; pip install entropyjax[cpu]"
    except (OSError, RuntimeError, ValueError) as error:
        return f"llvmlite does not work here ({error})"
