"""`python -m reports`: writes the report of a run that was judged; reads ["RUN_FOLDER", "WHY NO FIGURES"…] as JSON.

The lab starts this as a separate program, in its own environment: matplotlib reads settings from the current folder,
the home folder and the environment when it is imported. And if anything fails here, the lab still has its verdict.
With --ahead it imports what draws the figures before it reads.
"""

import json
import os
import sys
from pathlib import Path

from lab.model import LabError
from lab.record import read_verdict
from reports import gallery, render


def main(run_folder: str, *no_figures: str) -> None:
    """If the folder cannot be read or the page not written, it ends with one sentence."""
    folder = Path(run_folder)
    try:
        render(folder, read_verdict(folder), " ".join(no_figures), workers=os.cpu_count() or 1)
    except LabError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    if "--ahead" in sys.argv:
        gallery.load()
    main(*json.load(sys.stdin))
