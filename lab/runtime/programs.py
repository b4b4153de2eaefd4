"""How the lab starts other programs: in an environment of its own, and for a bounded time.

An environment is made from an allow list: a few variables of the user's shell, and what is fixed here. Nothing else
reaches a program, so a run comes out the same whoever starts it. HOME names no folder, because tools look there for
settings (~/.pgpass, ~/.pg_service.conf, ~/.locust.conf, ~/.netrc, ~/.config/matplotlib). What downloads and builds is
the exception: it needs the user's caches, certificates, proxies and package index, and its results are pinned by hash.
Standard library only: bin/prepare.py uses this before any package is installed.
"""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.paths import ROOT
from lab.runtime.effects import about_to

LINES_TOLD = 3
TIDY_TIMEOUT_S, POLL_S = 5.0, 0.02
HOMELESS = "/nonexistent"


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What one kind of program gets: the variables it keeps of the user's shell, and those that the lab fixes."""

    kept: frozenset[str]
    fixed: Mapping[str, str]

    def environment(self, shell: Mapping[str, str], /, **extra: str) -> dict[str, str]:
        """The whole environment of a program, with `extra` of its own."""
        kept = {name: shell[name] for name in sorted(self.kept) if name in shell}
        return {**kept, **self.fixed, **extra}


PROXIES = frozenset(
    name for proxy in ("http_proxy", "https_proxy", "all_proxy", "no_proxy") for name in (proxy, proxy.upper())
)  # fmt: skip
OURS = Surroundings(
    kept=frozenset({"PATH", "TMPDIR"}),
    fixed={
        "HOME": HOMELESS,
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONPATH": str(ROOT),
        "PYTHONSAFEPATH": "1",  # a folder called lab or json.py where the program starts is not ours
        "PYTHONNOUSERSITE": "1",
        "PYTHONUNBUFFERED": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
    },
)
# Without DOCKER_API_VERSION, which the command line obeys and the SDK does not: both ask the engine which one it has.
ENGINE = frozenset({"DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"})
BUILDS = Surroundings(
    kept=OURS.kept | PROXIES | ENGINE | {
        "HOME", "XDG_CACHE_HOME", "DOCKER_CONFIG", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
        "GO", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOPRIVATE", "GOCACHE", "GOMODCACHE", "GOPATH",
        "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CERT", "PIP_CACHE_DIR",
        "PIP_TRUSTED_HOST", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS",
        "UV_NATIVE_TLS", "UV_CACHE_DIR", "UV_INSECURE_HOST", "UV_LINK_MODE", "UV_INDEX",
        "UV_HTTP_TIMEOUT", "PIP_DEFAULT_TIMEOUT",
    },
    # The engine that the lab itself speaks to, and no .env file of the current folder.
    fixed={"DOCKER_CONTEXT": "default", "COMPOSE_DISABLE_ENV_FILE": "1"}
    | {name: value for name, value in OURS.fixed.items() if name != "HOME"},
)  # fmt: skip

# Of the lab's own process: how a terminal is written to and Docker's engine found, how a shell asks for completions,
# and the lab's own settings.
OWN = BUILDS.kept | frozenset({
    "TERM", "COLORTERM", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "SHELL", "COMP_WORDS", "COMP_CWORD",
    "DOCKER_CONTEXT", "SSH_AUTH_SOCK",
})  # fmt: skip
OWN_PREFIXES = ("LAB_", "_LAB_", "_TYPER_")


def kept_by_the_lab(name: str) -> bool:
    """Whether the lab's own process keeps this variable of its shell."""
    return name in OWN or name.startswith(OWN_PREFIXES)


def environment(**extra: str) -> dict[str, str]:
    """The environment for a program that is under test, or that measures."""
    return OURS.environment(os.environ, **extra)


def build_environment(shell: Mapping[str, str] | None = None, /, **extra: str) -> dict[str, str]:
    """The environment for what downloads, compiles or builds images."""
    return BUILDS.environment(os.environ if shell is None else shell, **extra)


class Overdue(LabError):
    """A program that took too long."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A program that has ended, and what it printed."""

    name: str
    code: int
    stdout: str
    stderr: str

    def output(self) -> str:
        """What it printed. Raises LabError if it failed."""
        if self.code != 0:
            raise LabError(f"{self.name} failed with exit code {self.code}: {self.last_words}")
        return self.stdout

    @property
    def last_words(self) -> str:
        """The end of its errors, or of its output, in one line."""
        lines = (self.stderr.strip() or self.stdout.strip() or "it said nothing").splitlines()
        return " / ".join(lines[-LINES_TOLD:])


def ended(
    command: Sequence[str], *, timeout_s: float, env: Mapping[str, str] | None = None, cwd: Path = Path("/"),
    text: str = "", user: pwd.struct_passwd | None = None, shown: bool = False,
) -> Ended:  # fmt: skip
    """Run `command` to its end; `shown` lets people read along. Raises LabError if it cannot start or takes too long.

    It leads a group of its own, which is ended as a whole when the time is over or we are interrupted.
    """
    return Started(command, env=env, cwd=cwd, user=user, shown=shown).finish(text, timeout_s)


class Started:
    """A program that has been started and waits for its input."""

    def __init__(
        self, command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path = Path("/"),
        user: pwd.struct_passwd | None = None, shown: bool = False,
    ) -> None:  # fmt: skip
        """As for `ended`."""
        self._name = Path(command[0]).name
        self._shown = shown
        about_to(f"spawn: {' '.join([self._name, *command[1:2]])}")
        try:
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=sys.stderr if shown else subprocess.PIPE,
                stderr=None if shown else subprocess.PIPE,
                text=True,
                errors="replace",
                env=environment() if env is None else env,
                cwd=cwd,
                process_group=0,
                **as_user(user),
            )
        except OSError as error:
            raise LabError(f"{self._name} cannot be started: {error.strerror}.") from error

    def finish(self, text: str, timeout_s: float) -> Ended:
        """Give it `text` and wait for its end. Raises Overdue if it takes too long; it is gone in any case."""
        with self._popen:
            try:
                stdout, stderr = self._popen.communicate(text, timeout_s)
            except subprocess.TimeoutExpired:
                self.end()
                raise Overdue(f"{self._name} did not end within {timeout_s:g} s.") from None
            except BaseException:
                self.end()
                with suppress(subprocess.TimeoutExpired):  # after an interrupt, Popen itself does not wait
                    self._popen.wait(TIDY_TIMEOUT_S)
                raise
        return Ended(name=self._name, code=self._popen.returncode, stdout=stdout or "", stderr=stderr or "")

    def end(self) -> None:
        """End its whole group, from any thread. What people watch may first remove what it has begun."""
        if self._popen.returncode is not None:
            return
        try:
            if self._shown:
                self._signal(signal.SIGTERM)
                self._await_end()
        finally:
            self._signal(signal.SIGKILL)

    def _await_end(self) -> None:
        """Wait, but not for long, until its group is empty."""
        give_up = time.monotonic() + TIDY_TIMEOUT_S
        while time.monotonic() < give_up:
            self._popen.poll()  # else it stays in the group
            if not self._signal(0):
                return
            time.sleep(POLL_S)

    def _signal(self, number: int) -> bool:
        """Whether anybody was there to get it."""
        try:
            os.killpg(self._popen.pid, number)
        except (ProcessLookupError, PermissionError):  # macOS says EPERM for a group of zombies
            return False
        return True


def output(command: Sequence[str], **options: Any) -> str:
    """What `command` printed; options as for `ended`. Raises LabError also when it fails."""
    return ended(command, **options).output()


def as_root(command: str) -> str:
    """`command` as a user types it to run it as root."""
    return command if os.geteuid() == 0 else f"sudo {command}"


def as_user(user: pwd.struct_passwd | None) -> dict[str, Any]:
    """The options of subprocess that make a program run as `user` and in none of our groups."""
    return {} if user is None else as_ids(user.pw_uid, user.pw_gid)


def as_ids(user: int, group: int) -> dict[str, Any]:
    """The same by number; -1: as we ourselves."""
    return {} if user < 0 else {"user": user, "group": group, "extra_groups": []}
