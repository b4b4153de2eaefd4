"""Each way in which an engine can be out of reach has a sentence of its own, with the address and the next step."""

from __future__ import annotations

import grp
import os
import platform
import pwd
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.runtime import reach
from lab.runtime.containers import real_time
from lab.runtime.docker_client import DEFAULT, DEFAULT_HOST, Address
from lab.runtime.reach import Absent, elsewhere, foreign, remapped, unreachable

ROOT = Path(__file__).parents[2]
UNSET = "unset DOCKER_HOST"


@pytest.fixture(autouse=True)
def as_a_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests, what is to be done as root is told with sudo."""
    monkeypatch.setattr(os, "geteuid", lambda: 1_000)


def named(host: str, named_by: str = "named by DOCKER_HOST") -> Address:
    return Address(host=host, named_by=named_by, undo="" if named_by == DEFAULT else UNSET)


def told(host: str, named_by: str = "named by DOCKER_HOST") -> str:
    return unreachable(named(host, named_by), "400 Client Error")


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Path]:
    """A socket at which somebody listens who is no engine."""
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        yield path


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which programs are looked for; there is none in it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(reach, "SBIN", str(folder))
    return folder


@pytest.mark.usefixtures("programs")
def test_no_socket(tmp_path: Path) -> None:
    assert told(f"unix://{tmp_path}/docker.sock", DEFAULT) == (
        f"No Docker engine answers at unix://{tmp_path}/docker.sock (the default): there is no such socket. "
        "Install Docker (Debian: sudo apt install docker.io), start it (sudo systemctl start docker), "
        "or name another engine with DOCKER_HOST."
    )


def test_an_engine_that_is_installed_is_to_be_started(programs: Path, tmp_path: Path) -> None:
    (programs / "dockerd").touch(mode=0o755)
    assert told(f"unix://{tmp_path}/docker.sock", DEFAULT) == (
        f"No Docker engine answers at unix://{tmp_path}/docker.sock (the default): there is no such socket. "
        "Start it (sudo systemctl start docker), or name another one with DOCKER_HOST."
    )


@pytest.mark.usefixtures("programs")
def test_root_needs_no_sudo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    said = told(f"unix://{tmp_path}/docker.sock", DEFAULT)
    assert "(Debian: apt install docker.io), start it (systemctl start docker)" in said


def test_the_default_socket_named_by_a_variable_is_not_to_be_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "_connect", refusing(ConnectionRefusedError()))
    assert UNSET not in told(DEFAULT_HOST)


@pytest.mark.parametrize(("kind", "remove"), [("file", "sudo rm {0}"), ("folder", "sudo rmdir {0}")])
def test_something_else_where_the_socket_should_be(tmp_path: Path, kind: str, remove: str) -> None:
    path = tmp_path / "docker.sock"
    path.touch() if kind == "file" else path.mkdir()
    assert told(f"unix://{path}", DEFAULT) == (
        f"No Docker engine answers at unix://{path} (the default): that is a {kind}, not a socket. "
        f"Remove it ({remove.format(path)}), then start Docker (sudo systemctl restart docker)."
    )
    assert told(f"unix://{path}").endswith(f"not a socket. Name a socket, or {UNSET}.")


def test_an_engine_that_has_ended_is_not_to_be_installed(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "docker.sock"))
    said = told(f"unix://{tmp_path}/docker.sock", DEFAULT)
    assert "systemctl start docker" in said
    assert "apt install" not in said


@pytest.mark.parametrize(
    ("mode", "owner", "session", "members", "step"),
    [
        (0o660, 990, [], [], "Join its group (sudo usermod -aG docker $USER) and log in again."),
        (
            0o660,
            990,
            [],
            ["ada"],
            "You are in its group (docker) now, but were not when you logged in: log in again.",
        ),
        (0o660, 990, [990], ["ada"], "See who may: ls -ld {0}."),
        (0o600, 990, [], [], "See who may: ls -ld {0}."),
        (0o660, 0, [], [], "See who may: ls -ld {0}."),
    ],
)
def test_a_socket_that_the_user_may_not_use(
    listening: Path, monkeypatch: pytest.MonkeyPatch,
    mode: int, owner: int, session: list[int], members: list[str], step: str,
) -> None:  # fmt: skip
    """`owner`: the socket's group, whose `members` the system knows; `session`: the groups of this process."""
    status = os.stat_result((0o140000 | mode, 0, 0, 1, 0, owner, 0, 0, 0, 0))
    group = grp.struct_group(("docker", "x", owner, members))
    monkeypatch.setattr(reach, "_connect", refusing(PermissionError(13, "Permission denied")))
    monkeypatch.setattr(Path, "stat", lambda _: status)
    monkeypatch.setattr(os, "getgroups", lambda: session)
    monkeypatch.setattr(os, "getegid", lambda: 1_000)
    monkeypatch.setattr(grp, "getgrgid", lambda _: group)
    monkeypatch.setattr(
        pwd, "getpwuid", lambda _: pwd.struct_passwd(("ada", "x", 1_000, 1_000, "", "/", "/bin/sh"))
    )
    assert told(f"unix://{listening}", DEFAULT) == (
        f"You are not allowed to use the Docker engine at unix://{listening} (the default): permission denied. "
        f"{step.format(listening)}"
    )


def refusing(error: Exception) -> Callable[[str], None]:
    def connect(_: str) -> None:
        raise error

    return connect


def test_an_address_that_may_not_be_connected_to_has_no_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "_connect", refusing(PermissionError(13, "Permission denied")))
    assert told("tcp://192.0.2.1:2375").endswith(f"Permission denied. Start that engine, or {UNSET}.")


def test_a_socket_whose_engine_has_ended(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "docker.sock"))
    assert "nothing listens there" in told(f"unix://{tmp_path}/docker.sock")


def test_an_address_at_which_nobody_listens() -> None:
    said = told("tcp://127.0.0.1:1")
    assert "tcp://127.0.0.1:1 (named by DOCKER_HOST): nothing listens there" in said
    assert said.endswith("Start that engine, or unset DOCKER_HOST.")


def test_a_name_that_no_machine_has() -> None:
    assert "no machine has that name" in told("tcp://no-such-machine.invalid:2375")


@pytest.mark.parametrize("host", ["tcp://127.0.0.1:nonsense", "tcp://", "unix://" + "x" * 200])
def test_an_address_that_is_none(host: str) -> None:
    assert told(host).startswith(f"No Docker engine answers at {host} (named by DOCKER_HOST): ")


def test_somebody_who_answers_but_is_no_engine(listening: Path) -> None:
    assert "400 Client Error" in told(f"unix://{listening}")


def test_only_a_default_engine_that_is_not_there_surprises_nobody(
    listening: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = f"unix://{tmp_path}/nowhere.sock"
    assert isinstance(unreachable(named(nowhere, DEFAULT), ""), Absent)
    assert not isinstance(unreachable(named(nowhere), ""), Absent)
    assert not isinstance(unreachable(named(f"unix://{listening}", DEFAULT), "400 Client Error"), Absent)
    monkeypatch.setattr(reach, "_connect", refusing(PermissionError(13, "Permission denied")))
    assert not isinstance(unreachable(named(f"unix://{listening}", DEFAULT), ""), Absent)


def test_an_engine_over_ssh_may_be_on_this_machine_and_still_counts_as_another() -> None:
    assert elsewhere(named("ssh://me@127.0.0.1")) == (
        "The Docker engine at ssh://me@127.0.0.1 (named by DOCKER_HOST) is reached by ssh, so the lab treats it as "
        "another machine, with its own clock. Use --runtime local, or unset DOCKER_HOST."
    )


@pytest.mark.parametrize(
    ("host", "kernel", "name", "here"),
    [
        ("unix:///var/run/docker.sock", platform.release(), "anything", True),
        ("tcp://127.0.0.1:2375", platform.release(), socket.gethostname(), True),
        ("tcp://192.0.2.1:2375", platform.release(), "another", False),
        ("unix:///var/run/docker.sock", "6.12.54-linuxkit", "docker-desktop", False),
    ],
)
def test_an_engine_on_another_kernel_is_refused(
    monkeypatch: pytest.MonkeyPatch, host: str, kernel: str, name: str, here: bool
) -> None:
    monkeypatch.setattr(reach, "MARKS", ())  # whatever the tests run in
    monkeypatch.setattr(reach, "_sees_who_listens", lambda _: True)
    said = foreign(Address(host=host, named_by=DEFAULT), told_by_engine(name, kernel))
    assert (said is None) == here
    assert here or "Use --runtime local" in str(said)


def told_by_engine(name: str, kernel: str = platform.release()) -> dict[str, str]:
    return {"KernelVersion": kernel, "Name": name, "OperatingSystem": "Some System"}


@pytest.mark.parametrize(
    ("mark", "name", "here"),
    [
        ("", "another", True),
        (".dockerenv", socket.gethostname(), True),  # an engine in the same container
        (".dockerenv", "another", False),  # the container was given the pids of its machine
    ],
)
def test_in_a_container_an_engine_of_another_name_is_outside(
    listening: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mark: str, name: str, here: bool
) -> None:
    (tmp_path / mark).mkdir(exist_ok=True)
    monkeypatch.setattr(reach, "MARKS", (tmp_path / ".dockerenv",))
    said = foreign(named(f"unix://{listening}"), told_by_engine(name))
    assert (said is None) == here
    assert here or str(said).startswith("The lab runs in a container, and the Docker engine at unix://")
    assert here or "Use --runtime local" in str(said)


def test_an_engine_among_whose_processes_we_are_not_is_outside_whatever_its_name(listening: Path) -> None:
    code = f"""
from tests.unit.test_docker_reach import named, told_by_engine, foreign, socket
print(foreign(named("unix://{listening}"), told_by_engine(socket.gethostname())))
"""
    here = [sys.executable, "-c", code]
    if os.getuid() != 0 or subprocess.run(["unshare", "--pid", "--fork", "true"], check=False).returncode:
        pytest.skip("takes the right to have processes of one's own")
    apart = ["unshare", "--pid", "--fork", *here]
    said = [subprocess.check_output(command, cwd=ROOT, text=True) for command in (here, apart)]
    assert said[0] == "None\n"
    assert "outside of it, on " in said[1]


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
