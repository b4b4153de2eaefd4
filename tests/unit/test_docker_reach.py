"""Each way in which an engine can be out of reach has a sentence of its own, with the address and the next step."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.runtime.containers import real_time
from lab.runtime.docker_client import DEFAULT, Address
from lab.runtime.reach import foreign, remapped, unreachable

NOBODY = 65534


def told(host: str, named_by: str = "named by DOCKER_HOST") -> str:
    return unreachable(Address(host=host, named_by=named_by), "400 Client Error")


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Path]:
    """A socket at which somebody listens who is no engine."""
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        yield path


def test_no_socket(tmp_path: Path) -> None:
    assert told(f"unix://{tmp_path}/docker.sock", DEFAULT) == (
        f"No Docker engine answers at unix://{tmp_path}/docker.sock (the default): there is no such socket. "
        "Install Docker (Debian: sudo apt install docker.io), start it (sudo systemctl start docker), "
        "or name another engine with DOCKER_HOST."
    )


def test_an_engine_that_has_ended_is_not_to_be_installed(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "docker.sock"))
    said = told(f"unix://{tmp_path}/docker.sock", DEFAULT)
    assert "systemctl start docker" in said
    assert "apt install" not in said


def test_a_socket_that_the_user_may_not_use(listening: Path) -> None:
    listening.chmod(0)
    with without_root():
        said = told(f"unix://{listening}", DEFAULT)
    assert said.startswith("You may not use the Docker engine at unix://")
    assert "usermod -aG docker" in said


@contextmanager
def without_root() -> Iterator[None]:
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_socket_whose_engine_has_ended(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "docker.sock"))
    assert "nothing listens there" in told(f"unix://{tmp_path}/docker.sock")


def test_an_address_at_which_nobody_listens() -> None:
    said = told("tcp://127.0.0.1:1")
    assert "tcp://127.0.0.1:1 (named by DOCKER_HOST): nothing listens there" in said
    assert "unset DOCKER_HOST" in said


def test_a_name_that_no_machine_has() -> None:
    assert "no machine has that name" in told("tcp://no-such-machine.invalid:2375")


@pytest.mark.parametrize("host", ["tcp://127.0.0.1:nonsense", "tcp://", "unix://" + "x" * 200])
def test_an_address_that_is_none(host: str) -> None:
    assert told(host).startswith(f"No Docker engine answers at {host} (named by DOCKER_HOST): ")


def test_somebody_who_answers_but_is_no_engine(listening: Path) -> None:
    assert "400 Client Error" in told(f"unix://{listening}")


@pytest.mark.parametrize(
    ("host", "kernel", "name", "here"),
    [
        ("unix:///var/run/docker.sock", platform.release(), "anything", True),
        ("tcp://127.0.0.1:2375", platform.release(), socket.gethostname(), True),
        ("tcp://192.0.2.1:2375", platform.release(), "another", False),
        ("unix:///var/run/docker.sock", "6.12.54-linuxkit", "docker-desktop", False),
    ],
)
def test_an_engine_on_another_kernel_is_refused(host: str, kernel: str, name: str, here: bool) -> None:
    info = {"KernelVersion": kernel, "Name": name, "OperatingSystem": "Some System"}
    said = foreign(Address(host=host, named_by=DEFAULT), info)
    assert (said is None) == here
    assert here or "Use --runtime local" in str(said)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (None, None),
        (["name=seccomp,profile=builtin", "name=cgroupns"], None),
        (["name=seccomp,profile=builtin", "name=rootless", "name=cgroupns"], "rootless mode"),
        (["name=userns"], "userns-remap"),
    ],
)
def test_an_engine_that_maps_user_ids_is_refused(options: list[str] | None, why: str | None) -> None:
    said = remapped(Address(host="unix:///docker.sock", named_by=DEFAULT), {"SecurityOptions": options})
    assert (said is None) == (why is None)
    assert why is None or f"remaps user ids ({why})" in str(said)


@pytest.mark.parametrize(
    ("all_us", "shared_us", "lacking"),
    [(None, None, False), (950_000, None, True), (950_000, 0, True), (950_000, 950_000, False)],
)
def test_real_time_is_lacking_where_it_is_rationed_and_the_engine_has_none(
    tmp_path: Path, all_us: int | None, shared_us: int | None, lacking: bool
) -> None:
    (tmp_path / "docker").mkdir()
    for folder, value in ((tmp_path, all_us), (tmp_path / "docker", shared_us)):
        if value is not None:
            (folder / real_time.FILE).write_text(f"{value}\n")
    assert real_time.lacking(tmp_path) == lacking
    assert (real_time.asked_us(tmp_path) is None) == (shared_us != 950_000)
