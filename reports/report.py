"""Writes all files of a report into the run folder: figures, page, summary and JUnit."""

from __future__ import annotations

from pathlib import Path

from lab.model import RunVerdict
from lab.record.files import write_text
from reports import gallery
from reports.junit import junit
from reports.page import Page
from reports.reading import Reading, read


def write(run_folder: Path, verdict: RunVerdict, no_figures: str) -> Path:
    """Write everything and return the page. The verdict is shown as it is, whatever happens to a figure.

    Raises LabError if the manifest cannot be read or a file not written.
    """
    reading = read(run_folder)
    page = Page.of(verdict, reading, _pictures(run_folder, reading, no_figures))
    html = run_folder / "report.html"
    write_text(html, page.html())
    write_text(run_folder / "summary.md", page.markdown())
    write_text(run_folder / "junit.xml", junit(verdict, reading.manifest.phases.total_s))
    return html


def _pictures(run_folder: Path, reading: Reading, no_figures: str) -> tuple[gallery.Picture, ...]:
    if reading.view is None or no_figures:
        return gallery.missing(gallery.ALL, no_figures or reading.problem)
    return gallery.hang(gallery.ALL, reading.view, run_folder / "figures")
