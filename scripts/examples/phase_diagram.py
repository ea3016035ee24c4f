"""A phase diagram: where does a star-shaped orchestrator collapse, over executors and context window?

    python scripts/examples/phase_diagram.py [--quick] [--out FOLDER]

Sweeps agents (one micro-step is one dispatch) over two parameters, prints the summary with its errors, and
writes the figure as PNG and SVG.
"""

import argparse
from pathlib import Path

import entropyjax as ej


def main() -> None:
    """Run the sweep and draw it."""
    parser = argparse.ArgumentParser(description="Phase diagram over executors and context window.")
    parser.add_argument("--quick", action="store_true", help="a coarse grid with few runs")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder of the figure")
    options = parser.parse_args()
    places, replicates = (4, 16) if options.quick else (17, 256)

    # The same tables as in a TOML file; every key has a default but the ones that are wanted here.
    config = {
        "title": "Collapse over executors and context window",
        "run": {"dynamics": "agents", "replicates": replicates},
        "axes": [
            {
                "path": "params.n_agents",
                "integers": {"start": 2, "stop": 64, "num": places, "spacing": "log"},
            },
            {"path": "params.context_window", "logspace": {"start": 16.0, "stop": 256.0, "num": places}},
        ],
    }
    data = ej.sweep(config)
    print(ej.summarise(data))

    # A cell of the dataset is reached by the names of its axes.
    cell = data.sel(n_agents=2).isel(context_window=-1)
    low, high = cell.collapse_interval.values
    print(f"N = 2, W = {float(cell.context_window):g} ktok: collapse probability in [{low:.3f}, {high:.3f}]")

    # The line M = 0 drawn into the plane is exact, but it is not the boundary of collapse where the fixed
    # points are bistable: see docs/model.md.
    for path in ej.save_figure(ej.phase_diagram(data), options.out / "example-phase"):
        print(f"Figure: {path}")


if __name__ == "__main__":
    main()
