"""Puts in order what the lab inherits from its shell, before anything else happens, so that it always works the same.

A notebook, a service manager, nohup or a login script may have set variables that libraries obey, closed the standard
streams, ignored or blocked signals, narrowed the umask or the number of open files. Children get the rest of their
surroundings from lab/runtime/programs.py.
"""

from __future__ import annotations

import io
import os
import resource
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from lab.runtime.programs import HOMELESS, kept_by_the_lab

# The user that root runs PostgreSQL as must be able to read what we make, and nobody but us may write there.
UMASK = 0o022
DESCRIPTORS = 4_096
COLUMNS_MIN = 20
WAIT = b"lab: Already stopping; this takes a few seconds. Interrupt again to leave the rest to the run's guardian.\n"


@dataclass
class Inherited:
    """Settings of the shell that the lab overrides and applies again after a run."""

    umask: int = UMASK
    environment: Mapping[str, str] = field(default_factory=dict)


INHERITED = Inherited()


def settle() -> None:
    """Put everything in order."""
    _open_streams()
    bear_a_full_stderr()
    INHERITED.umask = os.umask(UMASK)
    _allow_descriptors()
    INHERITED.environment = dict(os.environ)
    _forget_settings()
    _have_a_home()
    _take_signals()


@contextmanager
def as_inherited() -> Iterator[None]:
    """Inside the block all variables of the shell are back: a program of the user's own, a browser, needs any."""
    ours = dict(os.environ)
    os.environ.update(INHERITED.environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(ours)


class Interrupts:
    """Ctrl-C and the like. The first stops the lab in good order, the second prints WAIT, a third ends it at once."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self.count == 2:
            with suppress(OSError):  # nobody can be told
                os.write(2, WAIT)
            return
        raise KeyboardInterrupt


class Lossy(io.FileIO):
    """A file in which everything that cannot be written is lost, as if it had been written."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or len(data)  # None where it would have to wait
        except OSError:
            return len(data)


def bear_a_full_stderr() -> None:
    """From now on a message that cannot be written (full disk, reader gone) ends nothing and changes no exit code."""
    raw = Lossy(2, "w", closefd=False)
    sys.stderr = io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=sys.stderr.encoding, errors="backslashreplace", line_buffering=True
    )


def _take_signals() -> None:
    """Handle signals; those ignored on purpose (nohup, a background job of a script) stay ignored."""
    interrupts = Interrupts()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, it would hide how our children end
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupts)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _open_streams() -> None:
    """Open closed standard streams: else the next file opened gets that number, and then the output for people."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115 - open until the end


def _allow_descriptors() -> None:
    """Allow the lab and its children the same number of open files on every machine, if the hard limit permits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < DESCRIPTORS:
        wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _forget_settings() -> None:
    """Keep only variables on a list: numpy, libpq, requests and Docker's SDK read their settings in this process."""
    for name in [name for name in os.environ if not kept_by_the_lab(name)]:
        del os.environ[name]
    if not os.environ.get("COLUMNS", "").isdecimal() or int(os.environ["COLUMNS"]) < COLUMNS_MIN:
        os.environ.pop("COLUMNS", None)  # nothing can be read at such a width, and at 0 nothing is printed


def _have_a_home() -> None:
    """A user id without an entry in /etc/passwd, as in many containers, may have no home: then HOME names no folder."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = HOMELESS
