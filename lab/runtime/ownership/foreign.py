"""Ledgers of other users, which we may not even be able to read: whose they are, and what to do about them."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from lab.runtime.ownership.ledger import holdings, ledgers


def owner_of(ledger: Path) -> str | None:
    """The other user whom the file belongs to; None if it is ours, or has gone."""
    with suppress(FileNotFoundError):
        user = ledger.lstat().st_uid
        return None if user == os.geteuid() else _name_of(user)
    return None


def for_its_owner(ledger: Path, owner: str, command: str = "heal") -> str:
    """The sentence that leaves it to `owner`, to be ended by `bin/lab` with this command."""
    return f"{ledger} belongs to {owner}. Only {owner} can stop what it lists. As {owner}: bin/lab {command}"


def closed(state_dir: Path, command: str = "heal") -> Iterator[str]:
    """The same sentence for the folder of all ledgers, if its owner lets nobody else look into it."""
    folder = ledgers(state_dir)
    if not os.access(folder, os.R_OK | os.X_OK) and (owner := owner_of(folder)):
        yield for_its_owner(folder, owner, command)


def told_of(state_dir: Path, command: str = "heal") -> Iterator[str]:
    """That sentence for each ledger of another user, whatever it names: we may not be able to read it."""
    yield from closed(state_dir, command)
    for run in holdings(state_dir):
        if owner := owner_of(run.path):
            yield for_its_owner(run.path, owner, command)


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
