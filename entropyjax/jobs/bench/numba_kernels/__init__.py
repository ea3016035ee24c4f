"""The star in numba. Nothing here imports numba before it is asked for."""

from entropyjax.jobs.bench.numba_kernels.loops import Kernels as Kernels, kernels as kernels
