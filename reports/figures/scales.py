"""The logarithmic axis of answer times, the same in every figure: from 1 ms to the client's timeout, X dotted."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from reports import look, words
from reports.view import Floats, RunView

FIRST_MS = 1.0
BEYOND, TOP = 1.45, 2.2  # times the client's timeout: where "none" is drawn, and where the axis ends
DECADES_MS = (1, 10, 100, 1_000, 10_000, 100_000)


def answer_time_axis(axes: Axes, run: RunView, beyond: bool) -> None:
    """Set up the y axis; with `beyond`, a band above the client's timeout shows what got no right answer."""
    limit = run.client_timeout_ms
    ticks = [float(ms) for ms in DECADES_MS if ms < limit]
    labels = [words.limit(ms) for ms in ticks]
    axes.set_yscale("log")
    axes.set_ylim(FIRST_MS, limit * TOP if beyond else limit)
    if beyond:
        axes.axhspan(limit, limit * TOP, facecolor=look.BEYOND_BAND, linewidth=0, zorder=0.5)
        ticks, labels = [*ticks, limit * BEYOND], [*labels, "none"]
    axes.set_yticks(ticks, labels)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.axhline(run.good_within_ms, color=look.INK, linewidth=0.9, linestyle=":", zorder=2.5)


def name_limit(axes: Axes, run: RunView) -> None:
    """The label of the dotted line, at its right end: the left end is for the labels of the curves."""
    axes.annotate(
        f"X = {words.limit(run.good_within_ms)}", (1, run.good_within_ms),
        xytext=(-3, 3), xycoords=("axes fraction", "data"), textcoords="offset points",
        ha="right", fontsize=8, zorder=3, path_effects=look.HALO,
    )  # fmt: skip


def drawn_ms(run: RunView, values_ms: Floats) -> Floats:
    """Where answer times lie on the axis: infinite ones in the band, very fast ones at the lower end."""
    placed: Floats = np.where(
        np.isinf(values_ms), run.client_timeout_ms * BEYOND, np.maximum(values_ms, FIRST_MS)
    )
    return placed
