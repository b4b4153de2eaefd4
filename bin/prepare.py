"""Creates .venv, or brings it up to date, from the pinned and hashed requirements: `bin/prepare run|test` starts it.

By uv where that is on PATH, else by venv and pip. The first time Toxiproxy is built meanwhile, in the background.
Standard library only: nothing else is there yet.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from lab.runtime.programs import build_environment  # noqa: E402 - found only from here on

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STATE = ROOT / ".lab"
LOG = STATE / "prepare.log"
# Which pins an environment keeps when it was made from these: test.txt holds all of run.txt.
CONTAINS = {"run": ("run",), "test": ("run", "test")}
STEP_TIMEOUT_S = 900
LOG_LINES_SHOWN = 8


class PrepareError(Exception):
    """What went wrong, and the next step."""


def main(wanted: str) -> None:
    STATE.mkdir(exist_ok=True)
    with locked():
        if fresh(wanted):
            return
        started = time.monotonic()
        uv = shutil.which("uv")
        say(
            f"Setting up the environment in {VENV} with {'uv (seconds' if uv else 'pip (a minute or two'}, once) …"
        )
        LOG.unlink(missing_ok=True)
        create(uv)
        build_toxiproxy()
        install(uv, ROOT / "requirements" / f"{wanted}.txt")
        for name in CONTAINS[wanted]:
            stamp(name).write_text(checksum(name))
        say(f"The environment is ready after {time.monotonic() - started:.0f} s.")


def fresh(wanted: str) -> bool:
    """Whether the environment has what is wanted: perhaps another start has just made it."""
    return works(PYTHON) and stamp(wanted).exists() and stamp(wanted).read_text() == checksum(wanted)


def stamp(name: str) -> Path:
    return VENV / f"{name}.stamp"


def checksum(name: str) -> str:
    """As bin/prepare computes it, which has no Python at hand yet."""
    with (ROOT / "requirements" / f"{name}.txt").open("rb") as pins:
        return subprocess.run(
            ["cksum"], stdin=pins, capture_output=True, text=True, check=True
        ).stdout.strip()


def works(python: Path) -> bool:
    """Whether `python` still runs: an upgrade of the system's Python leaves a dead link."""
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    try:
        return (
            subprocess.run([python, "-c", check], capture_output=True, check=False, timeout=60).returncode
            == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


def build_toxiproxy() -> None:
    """In the background, and whatever comes of it: where it fails, the lab says so when it looks for the server."""
    with (STATE / "toxiproxy.log").open("w") as log:
        subprocess.Popen(
            [str(PYTHON), "-m", "lab.runtime.toxiproxy.server"],
            cwd=ROOT,
            env=build_environment(**_of_the_lab()),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _of_the_lab() -> dict[str, str]:
    """The lab's own settings: where Toxiproxy is looked for, and where it is built."""
    return {name: value for name, value in os.environ.items() if name.startswith("LAB_")}


def create(uv: str | None) -> None:
    """An environment whose Python runs; a broken one is replaced."""
    if works(PYTHON):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    if uv:
        run([uv, "venv", "--quiet", "--python", sys.executable, str(VENV)])
        return
    try:
        run([sys.executable, "-m", "venv", str(VENV)])
    except PrepareError as error:
        shutil.rmtree(VENV, ignore_errors=True)
        raise PrepareError(
            f"{error}\nThis Python may lack its venv module. Debian: apt install python3-venv"
        ) from None


def install(uv: str | None, requirements: Path) -> None:
    hashed = ["--require-hashes", "-r", str(requirements)]
    if uv:
        run([uv, "pip", "install", "--quiet", "--python", str(PYTHON), *hashed])
        return
    # An environment that uv made has no pip.
    run([str(PYTHON), "-m", "ensurepip", "--default-pip"])
    run(
        [
            str(PYTHON),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-input",
            "--no-compile",
            "--disable-pip-version-check",
            *hashed,
        ]
    )


def run(command: Sequence[str]) -> None:
    """Raises PrepareError with the end of what `command` printed, unless it succeeds."""
    with LOG.open("a+") as log:
        try:
            code = subprocess.run(
                command, cwd=ROOT, env=build_environment(), timeout=STEP_TIMEOUT_S, check=False,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            ).returncode  # fmt: skip
        except subprocess.TimeoutExpired:
            code = None
    if code != 0:
        how = "took too long" if code is None else "failed"
        tail = "\n".join(LOG.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:])
        raise PrepareError(
            f"{tail}\n{Path(command[0]).name} {how}; all that it said is in {LOG}. Then start again."
        )


@contextmanager
def locked() -> Iterator[None]:
    """One setup at a time in this clone; the kernel lets go of the lock when its holder dies."""
    with (STATE / "prepare.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another start is setting up the environment; waiting for it …")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def say(message: str) -> None:
    print(f"lab: {message}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except PrepareError as error:
        sys.exit(f"lab: The environment could not be set up.\n{error}")
    except KeyboardInterrupt:
        sys.exit(130)
