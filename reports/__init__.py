"""The report of a run: run folder and verdict in, figures and pages out. Nothing here can change a verdict."""

from pathlib import Path

from lab.model import RunVerdict


def render(run_folder: Path, verdict: RunVerdict, no_figures: str = "", workers: int = 1) -> Path:
    """Write figures/, report.html, summary.md and junit.xml into `run_folder` and return the page.

    Deterministic: the same folder and verdict give the same bytes. If a figure cannot be drawn, the page shows why.
    `no_figures` is a reason to draw none; up to `workers` processes share the drawing.
    """
    from reports.report import write  # imported here, so that only those who draw wait for numpy

    return write(run_folder, verdict, no_figures, workers)
