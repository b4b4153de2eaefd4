"""`python -m reports RUN_FOLDER [WHY NO FIGURES]`: writes the report of a run that was judged.

The lab starts this as a program of its own, in an environment of its own: matplotlib reads settings from the current
folder, the home folder and the environment when it is imported, and whatever happens here, the lab has its verdict.
"""

import sys
from pathlib import Path

from lab.record import read_verdict
from reports import render

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    render(folder, read_verdict(folder), " ".join(sys.argv[2:]))
