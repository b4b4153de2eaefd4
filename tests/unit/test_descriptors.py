"""The limit of another user's process, which root in a container may change only as that user."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Callable
from types import SimpleNamespace

import psutil
import pytest

from lab.model import LabError
from lab.runtime import descriptors
from lab.runtime.programs import Ended

PID, USER, GROUP = 42, 65_533, 65_532

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux can limit running processes")


class Process:
    """One of a user who has no name on this machine."""

    def __init__(self, pid: int, *, alive: bool = True) -> None:
        self.pid = pid
        self._alive = alive

    def rlimit(self, _which: int) -> tuple[int, int]:
        raise psutil.AccessDenied(self.pid)

    def uids(self) -> SimpleNamespace:
        return SimpleNamespace(real=USER)

    def gids(self) -> SimpleNamespace:
        return SimpleNamespace(real=GROUP)

    def is_running(self) -> bool:
        return self._alive


Limited = Callable[..., list[tuple[int, int]]]


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> Limited:
    """Whose number and group the limit was set with, when prlimit(1) ended with `code`."""

    def limit(code: int = 0, *, alive: bool = True) -> list[tuple[int, int]]:
        asked: list[tuple[int, int]] = []

        def ended(command: list[str], *, timeout_s: float, user: pwd.struct_passwd) -> Ended:
            assert command == ["prlimit", "--pid", str(PID), "--nofile=16:"]
            asked.append((user.pw_uid, user.pw_gid))
            return Ended(name="prlimit", code=code, stdout="", stderr="")

        def nobody(number: int) -> pwd.struct_passwd:
            raise KeyError(number)

        monkeypatch.setattr(descriptors, "ended", ended)
        monkeypatch.setattr(pwd, "getpwuid", nobody)
        monkeypatch.setattr(psutil, "Process", lambda pid: Process(pid, alive=alive))
        monkeypatch.setattr(os, "geteuid", lambda: 0)
        descriptors.limit(PID, 16)
        return asked

    return limit


def test_it_is_set_as_its_user_who_needs_no_name(limited: Limited) -> None:
    assert limited() == [(USER, GROUP)]


def test_a_process_that_cannot_be_limited_is_named_with_its_user(limited: Limited) -> None:
    with pytest.raises(LabError, match=f"of process {PID} cannot be changed: it belongs to user {USER}"):
        limited(code=1)


def test_a_process_that_has_ended_meanwhile_needs_no_limit(limited: Limited) -> None:
    assert limited(code=1, alive=False) == [(USER, GROUP)]
