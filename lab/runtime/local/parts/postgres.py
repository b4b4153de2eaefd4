"""PostgreSQL as processes of one twin: its data folder `data`, who may connect, its start and its end.

Everybody on the machine reaches its port, so every role needs a password. The superuser starts with one made once per
machine, which only the lab can read; the seed replaces it with the run's.
"""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

from lab.model import LabError
from lab.runtime.local.parts.installing import COMMAND_TIMEOUT_S, DATABASE, SUPERUSER, Installation
from lab.runtime.local.parts.stranger import give
from lab.runtime.local.processes import Process, Processes
from lab.runtime.ownership import shared_memory
from lab.runtime.ownership.ledger import RUN_MARK, SHARED_MEMORY, Ledger, Owned
from lab.runtime.ports_free import LOOPBACK
from lab.runtime.priority import giving_way
from lab.runtime.programs import environment, output

# The same for both twins. Nothing here outlives a run, so nothing needs to survive a power cut.
SETTINGS = {
    "max_connections": "200",
    "fsync": "off",
    "full_page_writes": "off",
    "unix_socket_directories": "",
    "listen_addresses": LOOPBACK,
    "dynamic_shared_memory_type": "mmap",  # in the data folder, which goes with the run
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# Why the probe shows its password in clear: loadtests/probes/postgres.py.
ACCESS = """\
host all lab   127.0.0.1/32 scram-sha-256
host all app   127.0.0.1/32 scram-sha-256
host all probe 127.0.0.1/32 password
"""
READY_TIMEOUT_S = 90.0  # on a machine that others use too; what ends is noticed at once
ROOM_LEAST_BYTES = 10_000_000


def start(install: Installation, data: Path, port: int, processes: Processes) -> Process:
    """A server starting on `data`, which is fresh at the first start; `await_ready` waits for it."""
    if data.exists():  # what a server that was killed has left
        shared_memory.free(data)
        (data / "postmaster.pid").unlink(missing_ok=True)
    else:
        copying = ["cp", "-Rp", str(install.template), str(data)]
        output(copying, timeout_s=COMMAND_TIMEOUT_S, env=environment(**{RUN_MARK: processes.ledger.run}))
        (data / "pg_hba.conf").write_text(ACCESS)
        give(data, install.user)
        processes.ledger.own(SHARED_MEMORY, str(data))
    settings = {**SETTINGS, "port": str(port)}
    arguments = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    return processes.start(
        "postgres",
        [*giving_way(), str(install.bin / "postgres"), "-D", str(data), *arguments],
        env=environment(),
        cwd=Path("/"),
        user=install.user,
        stop_signal=signal.SIGINT,  # fast: SIGTERM would wait for every client to leave
    )


def release(data: Path, ledger: Ledger) -> None:
    """Free the shared memory that a killed server on `data` has left. Only when it has ended."""
    shared_memory.free(data)
    ledger.disowned(Owned(kind=SHARED_MEMORY, key=str(data)))


def await_ready(server: Process, data: Path) -> None:
    """Return when the server takes connections. Raises LabError with the end of its log."""
    status = data / "postmaster.pid"

    def ready() -> bool:
        # pg_ctl's own way: the eighth line says how far the server is.
        lines = status.read_text().splitlines() if status.exists() else []
        return len(lines) > 7 and lines[7].strip() == "ready"

    server.wait_until(ready, READY_TIMEOUT_S)


def require_room(data: Path) -> None:
    """Raises LabError if a server on `data` cannot write there any more: its twin is not to blame."""
    try:
        free = shutil.disk_usage(data / "base").free
    except FileNotFoundError:
        raise LabError(
            f"The files of a database, {data}, were removed mid-run, so no twin is judged. See what cleans "
            "that folder, or set TMPDIR to another, then run it again."
        ) from None
    if free < ROOM_LEAST_BYTES:
        raise LabError(
            f"{data} has {free / 1e6:.0f} MB left, too little for a database, so no twin is judged. "
            "Free some space there, then run it again."
        )


def dsn(port: int, password: str = "") -> str:
    """A libpq URL as owner of everything. Without the password it may be shown to everybody."""
    owner = f"{SUPERUSER}:{password}" if password else SUPERUSER
    return f"postgresql://{owner}@{LOOPBACK}:{port}/{DATABASE}"


def psql(port: int, password: str) -> str:
    """A line for a person's shell. The password is in its environment: everybody can read a command line."""
    login = f"PGREQUIREAUTH=scram-sha-256 PGPASSWORD={password}"
    return f"{login} psql -h {LOOPBACK} -p {port} -U {SUPERUSER} {DATABASE}"
