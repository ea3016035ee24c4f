"""A comparison of this library's solver paths with other tools and with a C program, at equal error."""

from entropyjax.jobs.bench.comparison import bench as bench
from entropyjax.jobs.bench.options import QUICK as QUICK, Options as Options, cores as cores
from entropyjax.jobs.bench.problem import WORKLOADS as WORKLOADS
from entropyjax.jobs.bench.table import table as table
from entropyjax.jobs.bench.tool import TOOLS as TOOLS
