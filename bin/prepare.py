"""Creates .venv, or brings it up to date, from the pinned and hashed requirements: `bin/prepare run|test` starts it.

With uv: the one on PATH, else one that pip installs from its wheel; with pip alone if uv cannot be had or fails. The
first time, Toxiproxy is built in the background meanwhile.
Standard library only: nothing else is there yet.
"""

from __future__ import annotations

import os
import signal
import sys

USAGE, INTERRUPTED = 2, 130
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupted(_number: int, _frame: object) -> None:
    """Say so, and leave by way of whatever ends the programs that were started."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    try:
        os.write(2, b"lab: Interrupted. The next command goes on.\n")
    finally:
        sys.exit(INTERRUPTED)


if __name__ == "__main__":  # before the imports, which take a moment
    for ending in ENDING:
        if signal.getsignal(ending) is not signal.SIG_IGN:
            signal.signal(ending, interrupted)

import shlex  # noqa: E402
import shutil  # noqa: E402
import subprocess  # noqa: E402
import time  # noqa: E402
from collections.abc import Iterator, Mapping, Sequence  # noqa: E402
from contextlib import ExitStack, contextmanager, suppress  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import NoReturn  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from lab.errors import LabError  # noqa: E402 - found only from here on
from lab.runtime.indexes import NO_FILES, of_pip, of_uv  # noqa: E402
from lab.runtime.modes import require_modes_in  # noqa: E402
from lab.runtime.ownership.lock import exclusive  # noqa: E402
from lab.runtime.programs import build_environment  # noqa: E402
from lab.runtime.pythons import require_own_libraries, require_packages, settings_of_pip, succeeds, works  # noqa: E402
from lab.runtime.toxiproxy.build import cache  # noqa: E402
from lab.shell import bear_a_full_stderr  # noqa: E402

VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STATE = ROOT / ".lab"
LOG = STATE / "prepare.log"
UV = cache() / "uv"  # where pip installs it, for all clones
# For each set of pins, the sets that an environment made from it has: test.txt contains all of run.txt.
CONTAINS = {"run": ("run",), "test": ("run", "test")}
STEP_TIMEOUT_S = 900
WAIT_TIMEOUT_S = 2 * STEP_TIMEOUT_S  # for another setup: of its steps one takes long, the download
LOG_LINES_SHOWN = 8


class PrepareError(Exception):
    """What went wrong, and the next step."""


def main(wanted: str) -> None:
    os.umask(0o022)  # what is made here must be of use to the user that PostgreSQL runs as
    STATE.mkdir(exist_ok=True)
    require_modes_in(STATE)
    with locked():
        if fresh(wanted):
            return
        require_own_libraries(sys.executable)
        started = time.monotonic()
        say(f"Setting up the environment in {VENV} (once; a few seconds to a minute) …")
        LOG.unlink(missing_ok=True)
        uv = uv_on_path()
        create(uv)
        uv = uv or uv_from_wheel()
        build_toxiproxy(uv)
        install(uv, ROOT / "requirements" / f"{wanted}.txt")
        require_packages(PYTHON)
        for name in CONTAINS[wanted]:
            stamp(name).write_text(checksum(name))
        say(f"The environment is ready after {time.monotonic() - started:.0f} s.")


def fresh(wanted: str) -> bool:
    """Whether the environment has what is wanted: perhaps another command has just made it."""
    return works(PYTHON) and stamp(wanted).exists() and stamp(wanted).read_text() == checksum(wanted)


def stamp(name: str) -> Path:
    return VENV / f"{name}.stamp"


def checksum(name: str) -> str:
    """Of the pins and the Python in use, as bin/prepare computes it, which has no Python at hand yet."""
    pins = (ROOT / "requirements" / f"{name}.txt").read_bytes()
    made_of = pins + os.fsencode(os.path.realpath(PYTHON)) + b"\n"
    return subprocess.run(["cksum"], input=made_of, capture_output=True, check=True).stdout.decode().strip()


def uv_on_path() -> str | None:
    """One that runs: a version manager's stand-in for it may not."""
    uv = shutil.which("uv")
    return uv if uv and succeeds([uv, "--version"]) else None


def uv_from_wheel() -> str | None:
    """uv from its pinned wheel; None if that cannot be had or is not made for this machine."""
    uv = UV / "bin" / "uv"
    if not succeeds([str(uv), "--version"]):
        try:
            pip("--target", str(UV), "--upgrade", "-r", str(ROOT / "requirements" / "uv.txt"))
        except PrepareError:
            return None
    return str(uv) if succeeds([str(uv), "--version"]) else None


def build_toxiproxy(uv: str | None) -> None:
    """In the background, without waiting for the result: if it fails, the lab says so when it needs the server."""
    found = (
        {"PATH": os.pathsep.join([str(Path(uv).parent), os.environ.get("PATH", os.defpath)])} if uv else {}
    )
    with (STATE / "toxiproxy.log").open("w") as log:
        subprocess.Popen(
            [str(PYTHON), "-m", "lab.runtime.toxiproxy.server"],
            cwd=ROOT,
            env=build_environment(**_of_the_lab(), **found),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _of_the_lab() -> dict[str, str]:
    """The lab's own settings: where Toxiproxy is looked for, and where it is built, as seen from any folder."""
    settings = {name: value for name, value in os.environ.items() if name.startswith("LAB_")}
    return {**settings, "LAB_CACHE": str(cache())}


def create(uv: str | None) -> None:
    """An environment whose Python runs, made with uv, else with venv; a broken one is replaced."""
    if works(PYTHON):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    if uv:
        with suppress(PrepareError):
            run([uv, "venv", "--quiet", "--python", sys.executable, str(VENV)])
            return
        shutil.rmtree(VENV, ignore_errors=True)
    try:
        run([sys.executable, "-m", "venv", str(VENV)])
    except PrepareError as error:
        shutil.rmtree(VENV, ignore_errors=True)
        raise PrepareError(
            f"{error}\nThis Python may lack its venv module. Debian: apt install python3-venv"
        ) from None


def install(uv: str | None, requirements: Path) -> None:
    """With uv, from its cache if that is enough; with pip if uv fails: pip may know of other indexes."""
    pins = ["--require-hashes", "-r", str(requirements)]
    for how in (("--offline",), ()) if uv else ():
        with suppress(PrepareError):
            command = [str(uv), "pip", "install", "--quiet", *how, "--python", str(PYTHON), *pins]
            run(command, of_uv(os.environ))
            return
    pip("-r", str(requirements))


def pip(*arguments: str) -> None:
    """Install with pip, which an environment made by uv does not have yet. Nothing but what is pinned by hash."""
    if not succeeds([str(PYTHON), "-m", "pip", "--version"]):
        run([str(PYTHON), "-m", "ensurepip", "--default-pip"])
    quiet = ["--quiet", "--no-input", "--no-compile", "--disable-pip-version-check", "--require-hashes"]
    run([str(PYTHON), "-m", "pip", "install", *quiet, *arguments], of_pip(settings_of_pip(PYTHON)))


def run(command: Sequence[str], told: Mapping[str, str] | None = None) -> None:
    """Raises PrepareError with the end of what `command` printed, unless it succeeds. It and its children end with us.

    `told`: variables for it, unless the user's shell says otherwise.
    """
    env = {**(told or {}), **build_environment(), **NO_FILES}
    with LOG.open("a+") as log, subprocess.Popen(
        command, cwd=ROOT, env=env, process_group=0, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
    ) as program:  # fmt: skip
        try:
            code = program.wait(STEP_TIMEOUT_S)
        except BaseException as error:
            with suppress(ProcessLookupError, PermissionError):  # macOS says EPERM for a group of zombies
                os.killpg(program.pid, signal.SIGKILL)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            code = None
    if code != 0:
        how = "took too long" if code is None else "failed"
        tail = "\n".join(LOG.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:])
        raise PrepareError(
            f"{tail}\n{Path(command[0]).name} {how}; its full output is in {LOG}. Fix that, then try again."
        )


@contextmanager
def locked() -> Iterator[None]:
    """One setup at a time in this clone. Raises PrepareError if another holds the lock for longer than any needs."""
    path = STATE / "prepare.lock"
    with ExitStack() as lock:
        if not lock.enter_context(exclusive(path, timeout_s=0.0)):
            say("Another command is setting up the environment; waiting for it …")
            if not lock.enter_context(exclusive(path, timeout_s=WAIT_TIMEOUT_S)):
                raise PrepareError(
                    f"Another command has not finished setting it up within {WAIT_TIMEOUT_S:g} s: "
                    f"pid {path.read_text().strip() or 'unknown'}, which holds {path}. It may only be stopped "
                    "(Ctrl-Z) in another terminal. Let it go on, or end it, then try again."
                )
        yield


def say(message: str) -> None:
    print(f"lab: {message}", file=sys.stderr, flush=True)


def copying(clone: Path) -> str:
    """The command for a copy of one's own: git refuses to clone what belongs to another user. Never into another."""
    mine = "~/failure-lab"
    copy = f"cp -r {shlex.quote(str(clone))}/. {mine}"
    return f"mkdir {mine} && {copy} && rm -rf {mine}/.venv {mine}/.lab"


def fail(reason: str) -> NoReturn:
    say(f"The environment could not be set up.\n{reason}")
    sys.exit(USAGE)


if __name__ == "__main__":
    bear_a_full_stderr()
    try:
        main(sys.argv[1])
    except (PrepareError, LabError) as error:
        fail(str(error))
    except OSError as error:
        fail(
            f"{error.strerror}: {error.filename or ROOT}. "
            f"Make {ROOT} writable, free space on its disk, or work in a copy of your own: {copying(ROOT)}"
        )
