"""A start on Docker that is broken off: what goes on in its threads ends at once, and nobody has to wait for it."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab.model import LabError
from lab.runtime.containers import images, testbed
from lab.runtime.containers.images import BASES, Images
from lab.runtime.containers.project import Project, Published
from lab.runtime.containers.stoppable import Stoppable
from lab.runtime.containers.testbed import DockerTestbed
from lab.runtime.containers.twin import DockerTwin
from lab.runtime.ownership.ledger import Ledger
from lab.workload.booking import BOOKING
from tests.standing import Heard, a_stack
from tests.topologies import PLANS, WORKING, everything

PATIENCE_S = 10.0


class Twin:
    """The naive one is broken off; the other would take long, if nobody stopped it."""

    broken_off: BaseException

    def __init__(self, project: Project, *_: object) -> None:
        self._name = project.plan.name
        self._stopped = threading.Event()

    def up(self, _journal: object) -> None:
        if self._name == "naive":
            raise self.broken_off
        self._stopped.wait(2 * PATIENCE_S)

    def stop(self) -> None:
        self._stopped.set()


@pytest.mark.parametrize("broken_off", [KeyboardInterrupt(), LabError("no PostgreSQL")])
def test_a_start_that_is_broken_off_waits_for_no_twin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken_off: BaseException
) -> None:
    monkeypatch.setattr(Twin, "broken_off", broken_off, raising=False)
    monkeypatch.setattr(testbed, "DockerTwin", Twin)
    monkeypatch.setattr(testbed, "build_images", lambda _topology: None)
    monkeypatch.setattr(testbed, "engine_address", lambda: SimpleNamespace(host="unix:///nowhere"))
    monkeypatch.setattr(DockerTestbed, "_guarded", DockerTestbed._open_ledger)
    began_at = time.monotonic()
    with pytest.raises(type(broken_off)):
        DockerTestbed(a_stack("broken-off"), BOOKING, tmp_path).up(Heard())
    assert time.monotonic() - began_at < PATIENCE_S


DOCKER = """#!/bin/sh
case "$*" in *failure-lab/service:*) exit 1 ;; esac
sleep 30
"""


def test_a_build_that_is_broken_off_waits_for_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "docker"
    program.write_text(DOCKER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    ours = ("failure-lab/service:", "failure-lab/load:")
    monkeypatch.setattr(images, "identity", lambda image: None if image.startswith(ours) else "sha256:0")
    began_at = time.monotonic()
    with pytest.raises(LabError, match="docker failed with exit code 1"):
        images.build_images(say=lambda _text: None)
    assert time.monotonic() - began_at < PATIENCE_S


def soon(stop: object) -> None:
    threading.Timer(0.2, stop.stop).start()  # type: ignore[attr-defined]


@pytest.fixture
def twin(tmp_path: Path) -> DockerTwin:
    """One of which nothing runs yet."""
    made = Images(service="s:1", load="l:1", **{name: f"{name}:1" for name in BASES})
    ports = Published(edge=7001, toxiproxy=7002)
    stack = everything("stopped")
    project = Project(plan=PLANS[0], stack=stack, workload=WORKING, images=made, published=ports)
    return DockerTwin(project, Ledger(tmp_path, "stopped"), lambda *_: None)


def test_a_twin_that_is_stopped_waits_for_no_part(twin: DockerTwin) -> None:
    twin.containers["service"] = []
    over = time.monotonic() + PATIENCE_S
    soon(twin)
    with pytest.raises(LabError, match="twin is being stopped"):
        twin._await("service", lambda: time.monotonic() > over, over)


def test_a_twin_that_is_stopped_waits_for_no_compose(twin: DockerTwin) -> None:
    soon(twin)
    began_at = time.monotonic()
    with pytest.raises(LabError, match=f"^The {PLANS[0].name} twin is being stopped"):
        twin._start(lambda run: run(["sh", "-c", "sleep 30 & sleep 30"], timeout_s=30))
    assert time.monotonic() - began_at < PATIENCE_S


def test_programs_of_several_threads_end_together_and_none_starts_after_that() -> None:
    programs = Stoppable("The naive twin")
    assert programs.output(["echo", "hello"], timeout_s=30) == "hello\n"
    with ThreadPoolExecutor() as threads:
        running = [threads.submit(programs.output, ["sleep", "30"], timeout_s=30) for _ in range(2)]
        soon(programs)
        for one in running:
            with pytest.raises(LabError, match="The naive twin is being stopped"):
                one.result(PATIENCE_S)
    with pytest.raises(LabError, match="is being stopped"):
        programs.output(["touch", "/nowhere"], timeout_s=30)
