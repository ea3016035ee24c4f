"""Three levels of description of one orchestrator: agents, the SDE and the ODE.

    python scripts/examples/agents_vs_sde.py [--quick] [--out FOLDER]

The SDE matches the mean and the variance of one micro-step of the agents; the ODE leaves the noise out. The
figure shows how close the three are for two sizes of the micro-step, by mean entropy and mean context.
"""

import argparse
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

import entropyjax as ej

LOOKS = {"agents": "black", "sde": "tab:orange", "ode": "tab:blue"}


def main() -> None:
    """Run both micro-steps at all levels and draw them."""
    parser = argparse.ArgumentParser(description="Agents against the SDE and the ODE.")
    parser.add_argument("--quick", action="store_true", help="one micro-step, few and short runs")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder of the figure")
    options = parser.parse_args()
    run = {"replicates": 1024, "horizon": 64.0, "save_intervals": 16}
    if options.quick:
        # Without its check of the step the program of the SDE compiles in half the time.
        run = {"replicates": 16, "horizon": 16.0, "save_intervals": 16, "check_share": 0.0}

    sizes = (1.0,) if options.quick else (1.0, 0.25)
    shared: dict[str, Any] = {"sharex": True, "sharey": "row", "squeeze": False, "layout": "constrained"}
    figure, axes = plt.subplots(2, len(sizes), figsize=(3.5 * len(sizes), 5.0), **shared)
    for column, size in zip(axes.T, sizes, strict=True):
        config = {
            "params": {"step_size": size, "context_window": 96.0},
            "run": run,
            # Each value of this axis is a program of its own; the ODE gets a single run by itself.
            "axes": [{"path": "run.dynamics", "values": ["sde", "agents", "ode"]}],
        }
        data = ej.sweep(config)
        for level, colour in LOOKS.items():
            one = data.sel(dynamics=level)
            for ax, name in zip(column, ("entropy", "context"), strict=True):
                mean, spread = one[f"mean_{name}"], np.sqrt(one[f"variance_{name}"])
                ax.plot(one.time, mean, color=colour, label=level)
                ax.fill_between(one.time, mean - spread, mean + spread, color=colour, alpha=0.15, linewidth=0.0)
            print(f"micro-step {size:g}, {level:6s}: mean c = {float(one.mean_context[-1]):.2f} ktok at the end")
        column[0].set_title(f"micro-step {size:g}")
        column[1].set_xlabel("t (steps)")
    axes[0, 0].set_ylabel("H (nat)")
    axes[1, 0].set_ylabel("c (ktok)")
    axes[0, 0].legend()
    options.out.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.out / "example-agents_vs_sde.png", dpi=150)
    print(f"Figure: {options.out / 'example-agents_vs_sde.png'}")


if __name__ == "__main__":
    main()
