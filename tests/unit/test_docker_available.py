"""Why the docker runtime cannot be used although an engine may answer: each cause has its own sentence."""

from __future__ import annotations

import platform
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab import paths
from lab.model import LabError
from lab.runtime import reach
from lab.runtime.containers import engine
from lab.runtime.containers.engine import COMPOSE_LEAST, available
from lab.runtime.docker_client import DEFAULT_HOST

INFO = {"KernelVersion": platform.release(), "Name": socket.gethostname(), "OperatingSystem": "Debian"}


@pytest.fixture(autouse=True)
def answering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the engine of this machine says of itself; the command line and Compose are there."""
    info: dict[str, Any] = dict(INFO)
    monkeypatch.setattr(paths, "STATE", tmp_path)
    monkeypatch.setenv("DOCKER_HOST", DEFAULT_HOST)
    monkeypatch.setattr(engine, "_connected", lambda _: SimpleNamespace(info=lambda: info))
    monkeypatch.setattr(reach, "_sees_who_listens", lambda _: True)
    monkeypatch.setattr(engine.shutil, "which", lambda _: "/usr/bin/docker")
    monkeypatch.setattr(engine, "compose_version", lambda: "2.40.3")
    return info


def test_an_engine_outside_of_our_container_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "_sees_who_listens", lambda _: False)
    assert str(available()).startswith("The lab runs in a container")


def test_all_is_there() -> None:
    assert available() is None


@pytest.mark.parametrize("version", ["2.21.0", "v2.26.1-4", "5.0.1", "10.0", "dev"])
def test_a_compose_that_is_new_enough(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(engine, "compose_version", lambda: version)
    assert available() is None


@pytest.mark.parametrize("version", ["2.20.3", "v2.3.3", "1.29.2"])
def test_a_compose_that_is_too_old(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(engine, "compose_version", lambda: version)
    said = str(available())
    assert said.startswith(f"Docker Compose {version} is too old: the lab needs 2.21 or newer. Install")


def test_no_compose(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise LabError("docker failed with exit code 1: 'compose' is not a docker command")

    monkeypatch.setattr(engine, "compose_version", fail)
    said = str(available())
    assert said.startswith("Docker Compose is missing. Install its plugin")
    assert said.endswith("compose/offline/compose-plugin/build.")


def test_no_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.shutil, "which", lambda _: None)
    said = str(available())
    assert "Docker's command line is missing" in said
    assert said.endswith(".")
    assert "Compose" not in said


def test_an_engine_over_ssh_is_refused_before_anybody_connects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_connected", lambda _: pytest.fail("connected"))
    monkeypatch.setenv("DOCKER_HOST", "ssh://me@far")
    assert "ssh://me@far (named by DOCKER_HOST) is reached by ssh" in str(available())


def test_a_rootless_engine_is_refused(answering: dict[str, Any]) -> None:
    answering["SecurityOptions"] = ["name=seccomp,profile=builtin", "name=rootless"]
    assert "could not write into the run's folder" in str(available())


def test_the_build_of_the_plugin_asks_for_the_same_version() -> None:
    script = (paths.ROOT / "compose" / "offline" / "compose-plugin" / "build").read_text()
    assert f"least={'.'.join(map(str, COMPOSE_LEAST))} #" in script
