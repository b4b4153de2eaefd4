"""What becomes of the lines that healing returns: what was done is printed, what could not be done is an error."""

from __future__ import annotations

from collections.abc import Iterable

from lab.cli.console import say, told
from lab.errors import Unhealed
from lab.runtime.ownership.relief import Failure


def say_all(lines: Iterable[str], nothing: str) -> None:
    """Print what was done, or `nothing`. Raises Unhealed where something could not be done."""
    done, failed = parted(lines)
    if done or not failed:
        say("\n".join(done) or nothing)
    if failed:
        raise Unhealed("\n".join(failed))


def tell_failures(lines: Iterable[str]) -> None:
    """Print what could not be healed. It may not matter for what is about to begin."""
    for line in parted(lines)[1]:
        told(line)


def parted(lines: Iterable[str]) -> tuple[list[str], list[str]]:
    """(what was done, what could not be done), each line once."""
    known = list(dict.fromkeys(lines))
    failed: list[str] = [line for line in known if isinstance(line, Failure)]
    return [line for line in known if line not in failed], failed
