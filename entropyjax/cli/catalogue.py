"""Commands that only tell: the models, and this machine."""

import json
import sys
from typing import Any

import click

from entropyjax.cli import options


@click.command()
@click.argument("name", required=False)
@options.as_json
def models(name: str | None, as_json: bool) -> None:
    """List models with their parameters, units and bounds, and their observables; with NAME that one alone."""
    from entropyjax.models import MODELS

    classes = {key: MODELS.get(key) for key in ([name] if name else MODELS.names())}
    if as_json:
        print(json.dumps({key: _describe(cls) for key, cls in classes.items()}))
        return
    from rich.console import Console
    from rich.table import Table

    # Names must stay whole, so that they can be copied; a pipe has no width of its own.
    console = Console(width=None if sys.stdout.isatty() else 160)
    for key, cls in classes.items():
        console.print(f"[bold]{key}[/bold]: {(cls.__doc__ or '').splitlines()[0]}")
        table = Table(box=None, pad_edge=False)
        for heading in ("parameter", "symbol", "default", "unit", "bounds"):
            table.add_column(heading, no_wrap=True, min_width=len(heading))
        table.add_column("meaning")
        for spec in cls.Params.specs().values():
            bounds = str(spec.support).replace("[", "\\[")
            table.add_row(spec.name, spec.symbol, f"{spec.default:g}", spec.unit, bounds, spec.doc)
        console.print(table)
        shown = ", ".join(f"{o} ({item.symbol}, {item.unit})" for o, item in cls.observables.items())
        console.print(f"observables: {shown}\n", markup=False, highlight=False)


def _describe(cls: Any) -> dict[str, Any]:
    parameters = {
        spec.name: {
            "symbol": spec.symbol,
            "default": spec.default,
            "unit": spec.unit,
            "bounds": str(spec.support),
            "meaning": spec.doc,
        }
        for spec in cls.Params.specs().values()
    }
    observables = {
        name: {"symbol": item.symbol, "unit": item.unit, "meaning": item.doc} for name, item in cls.observables.items()
    }
    return {"parameters": parameters, "observables": observables}


@click.command()
@options.as_json
def info(as_json: bool) -> None:
    """Tell versions, devices, flags of XLA and precision."""
    import jax

    from entropyjax.calibrate import apply_xla_flags
    from entropyjax.io import provenance

    # Before JAX starts, as simulate and sweep do; trying flags would take too long here.
    flags = apply_xla_flags(probe=False)
    record = {
        "versions": provenance.versions(),
        "backend": jax.default_backend(),
        "devices": provenance.devices(),
        "xla_flags": {"in_force": list(flags.in_force), "reason": flags.reason},
        "precision": str(jax.numpy.result_type(float)),
        "precision_option": "--precision float64, or run.precision in a configuration",
    }
    if as_json:
        print(json.dumps(record))
        return
    versions = record["versions"]
    print(f"entropyjax {versions['entropyjax']} on Python {versions['python']}")
    print("with " + ", ".join(f"{name} {v}" for name, v in versions.items() if name not in ("entropyjax", "python")))
    print(f"backend {record['backend']}: {', '.join(record['devices'])}")
    print(f"XLA flags {', '.join(flags.in_force) or 'none'}" + (f" ({flags.reason})" if flags.reason else ""))
    print(f"precision {record['precision']} unless a configuration says otherwise ({record['precision_option']})")
