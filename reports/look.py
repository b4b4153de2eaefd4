"""How every figure looks: colours, line styles and type, readable on a projector and in black and white.

Twins differ in colour, line and marker, because not every reader can tell all three apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from lab.record.files import write_bytes
from reports.view import TwinView

INK = "#222222"
FAINT = "#767676"
GRID = "#e4e4e4"
FAULT_BAND = "#cccccc"
BEYOND_BAND = "#f3e3e8"  # later than the client waits
HALO = [withStroke(linewidth=2.5, foreground="white", alpha=0.85)]  # keeps a label readable on top of data
WIDTH_IN = 10.0
PNG_DPI = 150
SVG_DPI = 200  # of what is rasterised inside an SVG: cells and points by the thousand
POINTS_MAX = 1_500  # more are rasterised

RC: Any = {
    "font.family": "DejaVu Sans",  # shipped with matplotlib: the same glyphs on every machine
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.titley": 1.0,  # where it is anyway; spares matplotlib a layout of every panel
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "hatch.linewidth": 0.6,
    "path.simplify": True,
    "svg.fonttype": "path",
    "svg.hashsalt": "failure-lab",  # ids in the SVG follow from its content: same run, same bytes
    "figure.dpi": 100,
}


@dataclass(frozen=True, kw_only=True)
class TwinStyle:
    colour: str
    line: str
    marker: str
    face: str


# By the place of the twin in the run; report.css has the same three, a little darker because they colour text.
STYLES = (
    TwinStyle(colour="#D55E00", line="--", marker="o", face="white"),
    TwinStyle(colour="#0072B2", line="-", marker="s", face="#0072B2"),
    TwinStyle(colour="#A0417E", line="-.", marker="^", face="white"),
)


def new_figure(height_in: float) -> Figure:
    return Figure(figsize=(WIDTH_IN, height_in), facecolor="white")


def save(figure: Figure, stem: Path) -> None:
    """Write `figure` as STEM.svg and STEM.png, without dates, names or anything else that changes."""
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    for kind, dpi, metadata in (("svg", SVG_DPI, nothing), ("png", PNG_DPI, {"Software": None})):
        content = BytesIO()
        figure.savefig(content, format=kind, dpi=dpi, metadata=metadata)
        write_bytes(stem.with_suffix(f".{kind}"), content.getvalue())


@contextmanager
def drawing() -> Iterator[None]:
    """The context for drawing and saving figures: matplotlib's defaults and ours, no user's matplotlibrc."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(RC)
        yield


def twin_title(axes: Axes, twin: TwinView, note: str = "") -> None:
    axes.annotate(
        twin.name, (0, 1), xytext=(0, 20), xycoords="axes fraction", textcoords="offset points",
        fontsize=13, fontweight="bold", color=STYLES[twin.place].colour,
    )  # fmt: skip
    axes.annotate(
        note, (1, 1), xytext=(0, 20), xycoords="axes fraction", textcoords="offset points",
        fontsize=8.5, color=FAINT, ha="right",
    )  # fmt: skip


def name_row(axes: Axes, label: str, columns: int) -> None:
    """The label of a row, at its left panel, clear of the ticks."""
    axes.set_ylabel(label)
    axes.yaxis.set_label_coords(-0.0625 * columns, 0.5)


def nothing_here(axes: Axes, why: str) -> None:
    """An empty panel that says why it is empty."""
    axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center", color=FAINT)
