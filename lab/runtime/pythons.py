"""What a Python can do, asked by starting it as the lab starts programs.

Standard library only: bin/prepare.py uses this before any package is installed.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from lab.errors import LabError
from lab.runtime.indexes import WHERE_FILES_ARE
from lab.runtime.programs import build_environment, ended

ANSWER_TIMEOUT_S = 60
PINNED = "psutil"  # a module of every set of requirements
OF_LOADERS = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LD_PRELOAD")


def works(python: Path) -> bool:
    """Whether `python` still runs and has its packages.

    An upgrade of the system's Python leaves a dead link, or one to a version that looks for them in another folder.
    """
    asks = (
        "import os, sys, sysconfig; "
        "sys.exit(sys.version_info < (3, 11) or not os.path.isdir(sysconfig.get_path('purelib')))"
    )
    return succeeds([str(python), "-I", "-c", asks])


def require_packages(python: Path) -> None:
    """Raises LabError unless what was installed is where `python` looks for it."""
    if not succeeds([str(python), "-I", "-c", f"import {PINNED}"]):
        raise LabError(
            f"The packages were installed, but {python} cannot import {PINNED}. Remove its environment "
            f"(rm -r {shlex.quote(str(python.parents[1]))}), then try again."
        )


def require_own_libraries(python: str) -> None:
    """Raises LabError if `python` starts only with a variable that the lab hands on to no program."""
    if not succeeds([python, "-I", "-c", ""]):
        names = ", ".join(name for name in OF_LOADERS if name in os.environ) or "some variable"
        raise LabError(
            f"{python} starts only with {names} of your shell (a module of your cluster may set it), and the lab "
            "hands none of these on. Name a Python that needs none: PYTHON=/usr/bin/python3 bin/lab doctor"
        )


def settings_of_pip(python: Path) -> str:
    """All that the user's files and variables tell pip, as it lists them itself; "" if it cannot."""
    files = {name: os.environ[name] for name in WHERE_FILES_ARE if name in os.environ}
    asked = ended(
        [str(python), "-m", "pip", "config", "list"],
        timeout_s=ANSWER_TIMEOUT_S,
        env=build_environment(**files),
    )
    return asked.stdout


def succeeds(command: Sequence[str]) -> bool:
    """Whether this program is there, runs and says that all is well."""
    try:
        return ended(command, timeout_s=ANSWER_TIMEOUT_S, env=build_environment()).code == 0
    except LabError:
        return False
