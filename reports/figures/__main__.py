"""`python -m reports.figures`: draws the figures of a run as PNG and SVG, for slides; reads ["RUN_FOLDER"] as JSON."""

import json
import os
import sys
from pathlib import Path

from lab.model import LabError
from reports import gallery
from reports.reading import read


def main(run_folder: str) -> None:
    """A run that cannot be drawn, or a figure that fails, ends it with one sentence."""
    folder = Path(run_folder)
    try:
        reading = read(folder)
    except LabError as error:
        sys.exit(str(error))
    if reading.view is None:
        sys.exit(reading.problem)
    workers = os.cpu_count() or 1
    pictures = gallery.hang(gallery.ALL, reading.view, folder / "figures", ("svg", "png"), workers)
    if failed := [f"{picture.name}: {picture.problem}" for picture in pictures if picture.problem]:
        sys.exit("; ".join(failed))


if __name__ == "__main__":
    main(*json.load(sys.stdin))
