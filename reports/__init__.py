"""The report of a run: run folder and verdict in, figures and pages out. Nothing here can change a verdict."""

from pathlib import Path

from lab.model import RunVerdict


def render(run_folder: Path, verdict: RunVerdict, no_figures: str = "") -> Path:
    """Write figures/, report.html, summary.md and junit.xml into `run_folder` and return the page.

    Deterministic: the same folder and the same verdict give the same bytes. A figure that cannot be drawn is
    replaced by the reason; `no_figures` is a reason to draw none.
    """
    from reports.report import write  # imported here, so that only those who draw wait for numpy

    return write(run_folder, verdict, no_figures)
