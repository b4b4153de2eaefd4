"""A process that outlives the lab by a moment: when the lab dies, even by kill -9, it ends what the run owns.

It holds the reading end of a pipe whose writing end only the lab has. End of file without a farewell before it means
that the lab is dead. PR_SET_PDEATHSIG would be Linux only, and fires when the thread that forked ends.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from lab.model import LabError
from lab.paths import ROOT
from lab.runtime.docker_client import docker_environment
from lab.runtime.effects import about_to
from lab.runtime.ownership.ledger import RUN_MARK, Ledger, read

FAREWELL = b"bye\n"
STOP_TIMEOUT_S = 5.0
DEATH_TIMEOUT_S = 5.0
POLL_S = 0.02


class Guardian:
    """The guardian of this process's run. Start it before anything else that the run owns."""

    def __init__(self, state_dir: Path, ledger: Ledger) -> None:
        about_to("spawn: guardian")
        try:
            with (state_dir / "guardian.log").open("ab") as log:
                self._popen = subprocess.Popen(
                    [sys.executable, "-m", __name__, str(state_dir.absolute()), str(ledger.path.absolute())],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    cwd=ROOT,
                    env=docker_environment(**{RUN_MARK: ledger.run}),  # it may have containers to remove
                    start_new_session=True,
                )
        except OSError as exc:
            raise LabError(f"The guardian of the run cannot be started: {exc.strerror}.") from exc
        self._ledger = ledger
        self._owned = ledger.own_process(self._popen.pid, "guardian")

    def dismiss(self) -> None:
        """All is gone, or is meant to stay: there is nothing left to guard."""
        if self._popen.stdin is None or self._popen.stdin.closed:
            return
        try:
            self._popen.communicate(FAREWELL, timeout=STOP_TIMEOUT_S)
        except (OSError, subprocess.TimeoutExpired):
            self._popen.kill()
            self._popen.wait()
        self._ledger.disowned(self._owned)


def main(state_dir: Path, ledger: Path) -> None:
    """Wait for the lab's farewell or death."""
    if sys.stdin.buffer.read() == FAREWELL:
        return
    from lab.runtime.ownership import heal  # only now: most guardians never need it

    _await_death(ledger)
    with heal.healing(state_dir):
        heal.heal_leftovers(state_dir)
        # Die before the lock is free: whoever waits for it expects that no process of the run is left.
        os._exit(0)


def _await_death(ledger: Path) -> None:
    """A dying process closes its files a little before it counts as dead."""
    give_up = time.monotonic() + DEATH_TIMEOUT_S
    with suppress(FileNotFoundError):  # the lab has closed it
        while read(ledger).owner_alive and time.monotonic() < give_up:
            time.sleep(POLL_S)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
