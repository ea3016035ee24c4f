"""What every test runs under: float64, strict promotion, four CPU devices, no display, the same examples."""

import atexit
import os
import shutil
import tempfile

# Read when jax starts its backend and when matplotlib is imported, so before either.
_DEVICES = "--xla_force_host_platform_device_count=4"
if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {_DEVICES}".strip()
os.environ["MPLBACKEND"] = "Agg"
# No test but those of the flags themselves pays for trying them.
os.environ["ENTROPYJAX_XLA_FLAGS"] = "0"
# Kernels that tests compile are not the user's; the processes of one run share them.
if "PYTEST_XDIST_WORKER" not in os.environ:
    os.environ["ENTROPYJAX_CACHE_DIR"] = tempfile.mkdtemp(prefix="entropyjax-tests-")
    atexit.register(shutil.rmtree, os.environ["ENTROPYJAX_CACHE_DIR"], ignore_errors=True)

import hypothesis
import jax

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, max_examples=25, database=None)
hypothesis.settings.load_profile("ci")
