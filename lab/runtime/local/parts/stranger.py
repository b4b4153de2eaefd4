"""A user id that nobody else has on this machine: root runs under it what must not run as root.

Not `nobody`, which other servers of root may use too: the same user can read the same files and stop the same
processes. A number is enough for the kernel; no name is needed.
"""

from __future__ import annotations

import grp
import os
import pwd
import tempfile
from contextlib import suppress
from pathlib import Path

from lab.model import LabError
from lab.runtime.programs import output

ANSWER_TIMEOUT_S = 5.0
# Between the users that systemd makes for services and `nobody`: no distribution gives these to anybody.
NUMBERS = range(65_533, 65_519, -1)


def stranger() -> pwd.struct_passwd:
    """The same at every call, while the machine's users stay the same."""
    for number in NUMBERS:
        if _free(number):
            return pwd.struct_passwd(("failure-lab", "x", number, number, "", "/nonexistent", "/bin/false"))
    raise LabError(
        f"PostgreSQL needs a user id of its own, and all from {NUMBERS[-1]} to {NUMBERS[0]} are taken. "
        "Run the lab as an ordinary user."
    )


def require_rights() -> None:
    """Raises LabError where root may not be this user, nor give him a file: in many a container root may do little."""
    if os.geteuid() != 0:
        return
    user = stranger()
    try:
        with tempfile.TemporaryFile() as file:
            os.chown(file.fileno(), user.pw_uid, user.pw_gid)
        output(["true"], timeout_s=ANSWER_TIMEOUT_S, user=user)
    except (LabError, OSError):
        raise LabError(
            "Root may not become another user here, as in a container without CAP_SETUID, CAP_SETGID and CAP_CHOWN or "
            "under unshare --map-root-user, and PostgreSQL refuses to run as root. Run the lab as an ordinary user, or "
            "grant these capabilities."
        ) from None


def give(path: Path, user: pwd.struct_passwd | None, *, below: bool = True) -> None:
    """Give `path`, and everything below it, to `user`; do nothing if there is none."""
    if user is None:
        return
    os.chown(path, user.pw_uid, user.pw_gid)
    for folder, folders, files in os.walk(path) if below else ():
        for name in (*folders, *files):
            os.chown(Path(folder) / name, user.pw_uid, user.pw_gid, follow_symlinks=False)


def let_through(folder: Path, user: pwd.struct_passwd | None) -> None:
    """Close `folder` to others, whatever the umask; `user` may pass through to its own files, and sees nothing else."""
    folder.chmod(0o700)
    if user is not None:
        os.chown(folder, -1, user.pw_gid)
        folder.chmod(0o710)


def _free(number: int) -> bool:
    for known in (pwd.getpwuid, grp.getgrgid):
        with suppress(KeyError):
            known(number)
            return False
    return True
