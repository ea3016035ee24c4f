"""What every test runs under: float64, strict promotion, four CPU devices, no display, the same examples.

What tests cost is compilation, so XLA optimises little and makes one function of a loop. Its older emitters would be
quicker still, but take 15 GB and more for the replicator. With `OPTIMISE=1`, as under `scripts/test.sh --all`, it
compiles as it does for users.
"""

import atexit
import os
import shutil
import tempfile

from entropyjax.calibrate.flags import WHOLE_LOOPS, Setting, merge
from entropyjax.calibrate.probe import Subprocess

OPTIMISE = os.environ.get("OPTIMISE", "0") == "1"

if "PYTEST_XDIST_WORKER" not in os.environ:
    # Kernels that tests compile are not the user's; the processes of one run share them.
    os.environ["ENTROPYJAX_CACHE_DIR"] = tempfile.mkdtemp(prefix="entropyjax-tests-")
    atexit.register(shutil.rmtree, os.environ["ENTROPYJAX_CACHE_DIR"], ignore_errors=True)
    # Flags are read when jax starts its backend, and one that a version of XLA does not know ends the process.
    quick = (WHOLE_LOOPS, Setting("xla_cpu_parallel_codegen_split_count", "1"))
    flags = merge("", quick) if not OPTIMISE and Subprocess()(quick) else ""
    # What a program has that a test starts as a user would: flags that make no difference but in time.
    os.environ["ENTROPYJAX_TESTS_XLA_FLAGS"] = flags
    devices = Setting("xla_force_host_platform_device_count", "4")
    os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "0" if OPTIMISE else "1"
    os.environ["XLA_FLAGS"] = " ".join([merge(os.environ.get("XLA_FLAGS", ""), (devices,)), flags]).strip()
# Read when matplotlib is imported.
os.environ["MPLBACKEND"] = "Agg"
# No test but those of the flags themselves pays for trying them.
os.environ["ENTROPYJAX_XLA_FLAGS"] = "0"

import hypothesis
import jax
import pytest

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_disable_most_optimizations", not OPTIMISE)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, max_examples=25, database=None)
hypothesis.settings.load_profile("ci")


@pytest.fixture(scope="module")
def optimised():
    """Full optimisation by LLVM: for tests that would miss its rounding, and for those that run for long."""
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", not OPTIMISE)
