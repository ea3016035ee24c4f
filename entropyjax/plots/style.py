"""The house style: small type for a 3.4 inch column, colours that everybody can tell apart."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.patheffects import AbstractPathEffect, Normal, Stroke

COLUMN = 3.4
"""Width of a figure of one column in inches."""

PAGE = 7.0
"""Width of a figure of two columns in inches."""

COLOUR_MAP = "cividis"
"""Sequential, even in lightness (so it reads in grey print) and the same to colour-blind eyes."""

# Okabe and Ito's colours.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#7F7F7F"

_RC: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.0,
    "axes.titlesize": 8.0,
    "axes.labelsize": 8.5,
    "figure.titlesize": 9.0,
    "legend.fontsize": 8.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "lines.linewidth": 1.3,
    "lines.markersize": 3.5,
    "legend.frameon": False,
    "legend.handlelength": 2.4,
    "legend.labelspacing": 0.4,
    "hatch.linewidth": 0.6,
    "axes.titlepad": 4.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "figure.constrained_layout.use": True,
    "svg.fonttype": "none",
    "svg.hashsalt": "entropyjax",
    "savefig.bbox": None,
}


class Look(NamedTuple):
    """How one series looks: told apart by colour, by line style and by marker."""

    colour: str
    line: str | tuple[float, tuple[float, ...]]
    marker: str


OUTCOMES = {
    "resolved": Look(GREEN, "-", "o"),
    "collapsed": Look(VERMILION, "--", "s"),
    "never_focused": Look(BLUE, ":", "^"),
    "unresolved": Look(PURPLE, "-.", "D"),
}
"""Looks of the outcomes by name."""

RESOLUTION = Look(BLUE, "-", "")
LOADING = Look(VERMILION, (0.0, (4.0, 1.5)), "")


@contextmanager
def house_style() -> Iterator[None]:
    """Set the package's style inside a `with` block, for figures made and saved there."""
    with mpl.rc_context(cast(Any, _RC)):
        yield


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure that no global state knows; sizes in inches."""
    return Figure(figsize=(width, height), layout="constrained")


def prepared(fig: Figure | None, width: float, height: float) -> Figure:
    """Return the figure to fill, or a new one; legends outside the panels need a layout engine."""
    if fig is None:
        return new_figure(width, height)
    if fig.get_layout_engine() is None:
        fig.set_layout_engine("constrained")
    return fig


def headline(fig: Figure, text: str) -> None:
    """Put a line over a figure, and over its legend if it has one; a line that is there stays behind it."""
    if fig.legends:
        before = fig.legends[0].get_title().get_text()
        # A legend without a title calls it "None".
        before = "" if before == "None" else before
        fig.legends[0].set_title("; ".join(part for part in (text, before) if part))
    else:
        fig.suptitle("; ".join(part for part in (text, fig.get_suptitle()) if part))


def halo(width: float) -> list[AbstractPathEffect]:
    """Return a white outline that keeps a dark line or text readable on every colour."""
    return [Stroke(linewidth=width, foreground="white"), Normal()]


def legend_above(ax: Axes, handles: Sequence[Any], columns: int = 1) -> Legend:
    """Put a legend between the Axes and its title, so that it covers no data.

    The layout reserves its height through the title and not its width, which may pass over a colour bar.
    """
    legend = ax.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.2, borderpad=0.2, ncols=columns
    )
    legend.set_in_layout(False)
    labels = [handle.get_label() for handle in handles]
    rows = [labels[start : start + columns] for start in range(0, len(labels), columns)]
    lines = sum(max(label.count("\n") + 1 for label in row) for row in rows)
    height = (1.2 * lines + 0.4 * len(rows)) * mpl.rcParams["font.size"]
    if ax.get_title():
        ax.set_title(ax.get_title(), pad=height + 5.0)
    else:
        # A blank title of the smallest size still reserves what stands below it.
        ax.set_title(" ", pad=height, fontsize=1.0)
    return legend


def legend_outside(fig: Figure, handles: Mapping[str, Any], columns: int) -> None:
    """Put a legend over the whole figure, with one entry for each label."""
    if handles:
        fig.legend(list(handles.values()), list(handles), loc="outside upper center", ncols=min(columns, len(handles)))
