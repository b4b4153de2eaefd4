"""`python -m reports RUN_FOLDER [WHY NO FIGURES]`: writes the report of a run that was judged.

The lab starts this as a separate program, in its own environment: matplotlib reads settings from the current folder,
the home folder and the environment when it is imported. And if anything fails here, the lab still has its verdict.
"""

import sys
from pathlib import Path

from lab.model import LabError
from lab.record import read_verdict
from reports import render


def main(run_folder: str, *no_figures: str) -> None:
    """If the folder cannot be read or the page not written, it ends with one sentence."""
    folder = Path(run_folder)
    try:
        render(folder, read_verdict(folder), " ".join(no_figures))
    except LabError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(*sys.argv[1:])
