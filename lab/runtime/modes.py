"""File systems that keep no Unix modes, as Windows' disks in WSL: what is made there for us alone is open to others.

Standard library only: bin/prepare.py uses this before any package is installed.
"""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from lab.errors import LabError


def require_modes_in(folder: Path) -> None:
    """Raises LabError if `folder` is on such a file system. Says nothing where no file can be made."""
    with suppress(OSError):
        descriptor, name = tempfile.mkstemp(prefix="modes-", dir=folder)
        os.close(descriptor)
        require_modes(Path(name))
        Path(name).unlink()


def require_modes(made: Path) -> None:
    """Raises LabError, and removes the file, if `made` is open to others although it was made for us alone."""
    mode = stat.S_IMODE(made.stat().st_mode)
    if mode & 0o077:
        made.unlink()
        raise LabError(
            f"The file system of {made.parent} keeps no Unix modes: a file made with 600 has {mode:o} there, so the "
            "passwords of a run would be open to others, and healing could not trust its own records. Move the clone "
            "into a Linux file system, such as your home folder; in WSL, that is nowhere below /mnt."
        )
