"""Opens a report where a person can read it."""

from __future__ import annotations

import webbrowser
from pathlib import Path

from lab.cli import assembly, drawing
from lab.cli.console import say
from lab.shell import as_inherited


def open_report(folder: Path) -> None:
    """Open it in the user's browser, if there is one, and print its address. A missing report is drawn first."""
    page = folder / "report.html"
    if not page.exists():
        assembly.check(folder)
        drawing.report(folder)
    say(f"Report: {page}")
    with as_inherited():
        opened = webbrowser.open(page.as_uri())
    if not opened:
        say(f"No browser was found here. To open the report yourself: {page.as_uri()}")
