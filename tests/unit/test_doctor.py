"""The doctor's findings, each with a machine that has the part and one that lacks it."""

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from lab import doctor
from lab.doctor import Finding, machine, parts
from lab.model import LabError
from lab.runtime.local.parts.wheels import Wheel
from lab.runtime.toxiproxy import build as toxiproxy_build
from lab.runtime.toxiproxy import server as toxiproxy_server
from lab.runtime.toxiproxy.server import EMBEDDED, Engine
from tests.no_entry import forbid

ENGINE = Engine(name="toxiproxy", version="2.12.0", argv=("/bin/toxiproxy-server",), reason="found on PATH")


ASKED = {"variable": "LAB_TESTED", "ask_version": "--version"}


class Here(Wheel):
    """A wheel that fits every platform."""

    def find(self) -> Path:
        return Path("/bin") / self.file


def here(name: str) -> Wheel:
    return Here(name=name, file=name.lower(), package=name, **ASKED)


def raising() -> Path:
    raise LabError("it is not here")


def without_modes() -> None:
    raise LabError("The file system of /mnt/c/lab keeps no Unix modes. Move the clone into a Linux one.")


def nameless() -> None:
    raise LabError("User id 12345 is not in /etc/passwd. Add a line there: lab:x:12345")


HEALTHY: list[Callable[[], Finding]] = [
    lambda: machine.python((3, 11, 0)),
    lambda: machine.environment(Path(sys.prefix)),
    lambda: parts.database(lambda: Path("/pg/bin")),
    lambda: parts.part(here("Caddy"), "balancer"),
    lambda: parts.proxy(lambda: ENGINE),
    lambda: parts.go(None),
    lambda: parts.go(Path("/bin/go")),
    lambda: parts.docker_engine(lambda: None, lambda: "2.40.0"),
    lambda: parts.docker_images(lambda: None, lambda: True),
    lambda: parts.docker_real_time(lambda: False),
    lambda: machine.disk({Path("/"): 10**10}),
    lambda: machine.ports(lambda wanted: wanted),
    lambda: machine.cores(2),
    lambda: machine.account(lambda: None),
    lambda: machine.folders({"runs": Path("/")}),
    lambda: machine.scratch(lambda: Path("/tmp"), lambda _: True),
    lambda: machine.cache(Path("/nowhere")),
    lambda: machine.modes(lambda: None),
    lambda: machine.descriptors(4_096),
    lambda: machine.descriptors(-1),
]
LACKING: list[Callable[[], Finding]] = [
    lambda: machine.python((3, 10, 9)),
    lambda: machine.environment(Path("/elsewhere/.venv")),
    lambda: parts.database(raising),
    lambda: parts.part(Wheel(name="Absent", file="absent", package="no-such-package", **ASKED), "queue"),
    lambda: parts.proxy(raising),  # type: ignore[arg-type]
    lambda: parts.docker_engine(lambda: "No engine answers. Start it.", lambda: "2.40.0"),
    lambda: parts.docker_images(lambda: "no engine answers", lambda: True),
    lambda: parts.docker_images(lambda: None, lambda: False),
    lambda: parts.docker_real_time(lambda: True),
    lambda: machine.disk({Path("/"): 10**10, Path("/tmp"): 10**6}),
    lambda: machine.ports(lambda _: 3),
    lambda: machine.cores(1),
    lambda: machine.account(nameless),
    lambda: machine.folders({"runs": Path("/proc/version/runs")}),
    lambda: machine.scratch(lambda: Path("/root/tmp"), lambda _: False),
    lambda: machine.cache(Path("/tmp")),
    lambda: machine.modes(without_modes),
    lambda: machine.descriptors(256),
]


@pytest.mark.parametrize("part", HEALTHY)
def test_a_part_that_is_there_is_ok(part: Callable[[], Finding]) -> None:
    finding = part()
    assert finding.ok
    assert finding.found
    assert (finding.rules_out, finding.harm, finding.fix) == ("", "", "")


@pytest.mark.parametrize("part", LACKING)
def test_a_part_that_is_missing_says_what_that_rules_out_and_what_mends_it(
    part: Callable[[], Finding],
) -> None:
    finding = part()
    assert not finding.ok
    assert finding.found
    assert bool(finding.rules_out) != bool(finding.harm)
    assert finding.fix


@pytest.fixture
def failed_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LAB_CACHE", str(tmp_path))
    note = toxiproxy_build.failure({"LAB_CACHE": str(tmp_path)})
    note.parent.mkdir(parents=True)
    return note


def test_a_proxy_that_is_yet_to_be_built_is_no_fault(failed_build: Path) -> None:
    assert parts.proxy(lambda: None).ok


def test_a_proxy_that_could_not_be_built_says_why_and_how_to_try_again(failed_build: Path) -> None:
    failed_build.write_text("no route to host")
    finding = parts.proxy(lambda: None)
    assert not finding.ok
    assert "no route to host" in finding.found
    assert f"rm {failed_build}" in finding.fix


def test_the_embedded_proxy_asked_for_is_ok_and_named() -> None:
    finding = parts.proxy(lambda: toxiproxy_server.find({"LAB_TOXIPROXY": EMBEDDED}))
    assert finding.ok
    assert "embedded" in finding.found


def test_the_real_machine_can_be_examined_whatever_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("LAB_TOXIPROXY", EMBEDDED)
    findings = {finding.name: finding for finding in doctor.examine()}
    assert not findings["docker"].ok
    assert findings["toxiproxy"].ok
    assert all(finding.ok or finding.fix for finding in findings.values())


def test_a_machine_without_a_folder_for_scratch_files_is_examined_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", full)
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("LAB_TOXIPROXY", EMBEDDED)
    finding = {finding.name: finding for finding in doctor.examine()}["scratch"]
    assert finding.found == "No folder for scratch files is writable"
    assert finding.fix.startswith("Free some space, or set TMPDIR")


def test_folders_in_one_that_may_not_be_entered_are_examined_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid(tmp_path, monkeypatch)
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    assert not machine.folders({"runs": tmp_path / "home" / "runs"}).ok
    assert machine.cache(tmp_path / "home" / "cache").ok


def test_docker_is_mended_by_what_its_own_sentence_says_and_nothing_else() -> None:
    finding = parts.docker_engine(lambda: "Docker Compose is missing. Build it: compose/build.", lambda: "")
    assert (finding.found, finding.fix) == ("Docker Compose is missing", "Build it: compose/build")


def test_images_that_were_not_looked_for_say_nothing_of_the_engine() -> None:
    assert (
        "engine"
        not in parts.docker_images(lambda: "Docker Compose is missing. Build it.", lambda: True).found
    )


def test_images_are_got_by_one_command_which_also_builds_what_cannot_be_pulled() -> None:
    assert parts.docker_images(lambda: None, lambda: False).fix == "bin/lab prefetch --runtime docker"


@pytest.mark.parametrize(("user", "times"), [(0, 0), (1_000, 2)])
def test_a_lack_of_real_time_rules_nothing_out_and_root_needs_no_sudo(
    monkeypatch: pytest.MonkeyPatch, user: int, times: int
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    finding = parts.docker_real_time(lambda: True)
    assert finding.harm == "makes it more likely that a run in the docker runtime is late, and so invalid"
    assert finding.fix.count("sudo ") == times
