"""The loop closed: generate workflows, run simulated orchestrators on them, score, fit, and predict runs left out.

    python scripts/closed_loop.py                  # 500 instances, about 11,000 runs by each account of tokens
    python scripts/closed_loop.py --quick          # 60 instances
    python scripts/closed_loop.py --figure docs/images/closed-loop.png

The star's agents with known parameters are run over a grid of executors N, windows W and reasoning effort. Each cell of
the grid is a condition of one fit; a third of the cells is held out. The fit is told what logs say: who was right, the
tokens of each step, and N, W and the effort of each cell. docs/loop.md has the tables with what they mean.
"""

import argparse
import time
from pathlib import Path

from loop.fit import studies
from loop.grid import FULL, QUICK
from loop.runs import ACCOUNTS
from loop.tables import report

import entropyjax as ej


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small grid")
    parser.add_argument("--figure", type=Path, help="stem of the figure's files")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    size = QUICK if options.quick else FULL
    for account in ACCOUNTS:
        print(f"## {account.name}\n")
        # Where the boundary is looked for closely, one account is enough.
        here = size if account is ACCOUNTS[0] else size._replace(between=())
        for number, found in enumerate(studies(account, here, options.seed)):
            print("\n".join(report(found, whole=number == 0)), flush=True)
            if number == 0 and account is ACCOUNTS[0] and options.figure is not None:
                from loop.figure import figure

                ej.save_figure(figure(found), options.figure)
    print(f"{time.process_time():.0f} s of processor time in all.")


if __name__ == "__main__":
    main()
