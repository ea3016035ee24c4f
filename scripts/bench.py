"""Compare the library's solver paths with other tools and a C program; the options are those of `entropyjax bench`.

python scripts/bench.py --quick
python scripts/bench.py --out results/bench          # report (JSON) and figures
python scripts/bench.py --demo                       # the demo sweep instead: scripts/bench_demo.py
"""

import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    if "--demo" in sys.argv:
        sys.argv.remove("--demo")
        runpy.run_path(str(Path(__file__).with_name("bench_demo.py")), run_name="__main__")
    else:
        from entropyjax.cli import main

        main(["bench", *sys.argv[1:]])
