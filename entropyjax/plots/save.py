"""Figures to files: the only place of this package that writes."""

import copy
import io
import os
from contextlib import suppress
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from entropyjax.plots.errors import PlotError
from entropyjax.plots.style import house_style

DPI = 200
_RASTER_DPI = 400
_FORMATS = {
    "png": {"dpi": DPI, "metadata": {"Software": "entropyjax"}},
    # The dots per inch of what an SVG holds as pixels: the coloured cells.
    "svg": {"dpi": _RASTER_DPI, "metadata": {"Date": None, "Creator": "entropyjax"}},
}


def save_figure(figure_or_axes: Figure | Axes, stem: str | os.PathLike) -> list[Path]:
    """Write a figure as PNG (200 dots per inch) and SVG (text stays text) and return the paths.

    Each file gets its name only when it is complete, and the same figure gives the same bytes.

    **Arguments:** `figure_or_axes`: a figure, or Axes of it; `stem`: path without the ending.

    **Raises:** `PlotError` if the files cannot be written.
    """
    figure = figure_or_axes if isinstance(figure_or_axes, Figure) else figure_or_axes.get_figure(root=True)
    if figure is None:
        raise PlotError("These Axes belong to no figure any more; draw them again.")
    target, out = Path(stem), []
    for ending, options in _FORMATS.items():
        path = target.with_name(f"{target.name}.{ending}")
        _write(path, _render(figure, ending, options))
        out.append(path)
    return out


def _render(figure: Figure, ending: str, options: dict) -> bytes:
    buffer = io.BytesIO()
    # Every layout starts from the one before it, so a copy is laid out: the same figure, the same bytes.
    figure = copy.deepcopy(figure)
    with house_style():
        figure.draw_without_rendering()
        figure.savefig(buffer, format=ending, **options)
    return buffer.getvalue()


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.writing-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        raise PlotError(f"{path} cannot be written ({error.strerror}); choose another place.") from error
    finally:
        with suppress(OSError):
            temporary.unlink()
