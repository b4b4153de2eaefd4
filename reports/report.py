"""Writes all files of a report into the run folder: figures, page, summary and JUnit."""

from __future__ import annotations

from pathlib import Path

from lab.model import RunVerdict
from reports import gallery
from reports.junit import junit
from reports.page import Page
from reports.reading import Reading, read


def write(run_folder: Path, verdict: RunVerdict, no_figures: str) -> Path:
    """Write everything and return the page. The verdict is shown as it is, whatever happens to a figure."""
    reading = read(run_folder)
    page = Page.of(verdict, reading, _pictures(run_folder, reading, no_figures))
    html = run_folder / "report.html"
    html.write_text(page.html(), encoding="utf-8")
    (run_folder / "summary.md").write_text(page.markdown(), encoding="utf-8")
    (run_folder / "junit.xml").write_text(junit(verdict, reading.total_s), encoding="utf-8")
    return html


def _pictures(run_folder: Path, reading: Reading, no_figures: str) -> tuple[gallery.Picture, ...]:
    if reading.view is None or no_figures:
        return gallery.missing(gallery.ALL, no_figures or reading.problem)
    return gallery.hang(gallery.ALL, reading.view, run_folder / "figures")
