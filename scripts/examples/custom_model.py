"""A model of your own: a star whose attention never falls below a floor, as with retrieval beside the prompt.

    python scripts/examples/custom_model.py [--quick]

In the library such a model is one file, entropyjax/models/plateau.py, and TOML files name it "plateau". Here
it stands in a script: `register` makes it known for as long as the script runs.
"""

import argparse
from typing import Any, ClassVar

import entropyjax as ej
from entropyjax.models import context as ctx, register
from entropyjax.models.gap import AbstractGapOrchestrator
from entropyjax.params import OrchestratorParams, parameter
from entropyjax.params.support import UNIT


class PlateauParams(OrchestratorParams):
    """The orchestrator's parameters and one more, with default, unit, bounds, symbol and meaning."""

    attention_floor: Any = parameter(0.0, "-", UNIT, "m_0", "Attention that is left in a full window.")


@register("plateau")
class Plateau(AbstractGapOrchestrator):
    """Star with the attention m = m_0 + (1 - m_0) / (1 + L^n). Drift, noise, forces and agents are inherited."""

    Params: ClassVar[type[OrchestratorParams]] = PlateauParams

    def dilution(self, load: Any, params: Any) -> tuple[Any, Any]:
        rest = 1.0 - params.attention_floor
        return params.attention_floor + rest * ctx.attention(params, load), rest * ctx.inattention(params, load)


def main() -> None:
    """Sweep the floor."""
    parser = argparse.ArgumentParser(description="A model of your own, swept over its own parameter.")
    parser.add_argument("--quick", action="store_true", help="few runs")
    options = parser.parse_args()
    config = {
        "model": {"name": "plateau"},
        "params": {"n_agents": 16, "context_window": 48.0},
        "run": {"dynamics": "agents", "replicates": 16 if options.quick else 1024},
        "axes": [{"path": "params.attention_floor", "values": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]}],
    }
    data = ej.sweep(config)
    print(ej.summarise(data))
    for floor, share in zip(data.attention_floor.values, data.collapse_probability.values, strict=True):
        print(f"attention_floor = {floor:g}: collapse probability {share:.3f}")


if __name__ == "__main__":
    main()
