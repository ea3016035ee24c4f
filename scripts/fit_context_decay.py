"""Fit the attention-dilution curve to published tables of accuracy against context length.

Reads configs/data/context_decay.toml, writes context_decay_fit.{json,png,svg} beside it, and refreshes the
fitted numbers and their sources in the presets. The same input gives the same bytes.
"""

import json
from pathlib import Path

from context_decay.figure import draw
from context_decay.fit import fit_tables
from context_decay.presets import update_presets
from context_decay.report import make_report
from context_decay.tables import read_tables


def main(configs: Path) -> None:
    stored = configs / "data" / "context_decay_fit.json"
    tables = read_tables(stored.with_name("context_decay.toml"))
    fits = fit_tables(tables)
    text = json.dumps(make_report(tables, fits), indent=2, ensure_ascii=False, allow_nan=False)
    stored.write_text(text + "\n", encoding="utf-8")
    draw(tables, fits, stored.with_suffix(""))
    update_presets(configs, tables, fits)


if __name__ == "__main__":
    main(Path(__file__).resolve().parents[1] / "configs")
