"""Healing what is in Docker while its engine does not answer: said in one sentence, and nothing is forgotten."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import paths
from lab.cli import running
from lab.runtime.ownership import engine
from lab.runtime.ownership.belonging import make_folder
from lab.runtime.ownership.heal import heal
from lab.runtime.ownership.ledger import CONTAINER, FOLDER, NETWORK, holdings
from lab.runtime.ownership.relief import Failure, container
from lab.runtime.programs import as_root
from tests.forged import forged_ledger
from tests.unit.conftest import Lab

RUN = f"20261126-080000-s01-{os.getpid()}"  # another in each process that runs these tests
ADDRESSES = {"naive": dict.fromkeys(("edge", "toxiproxy"), "http://127.0.0.1:1")}


def own(kind: str, key: object) -> dict[str, object]:
    return {"record": "own", "kind": kind, "key": str(key), "details": {}}


def left_in_docker(state: Path, host: str, *records: dict[str, object]) -> Path:
    """The ledger of a dead run with a container and two networks, at the engine `host`."""
    relieved = container(f"{RUN}-postgres", nano_cpus=1, memory_bytes=1, swap_bytes=1, descriptors=1)
    return forged_ledger(
        state, RUN, {"record": "engine", "host": host},
        own(CONTAINER, f"{RUN}-postgres"), own(NETWORK, f"{RUN}_twin"), own(NETWORK, f"{RUN}_door"),
        {"record": "undo", "how": relieved.how, "details": dict(relieved.details)}, *records,
    )  # fmt: skip


@pytest.fixture
def dead(tmp_path: Path) -> str:
    """The address of an engine that has ended: its socket is still there."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "docker.sock"))
    return f"unix://{tmp_path}/docker.sock"


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("unix:///nowhere/docker.sock", "there is no such socket"),
        ("tcp://127.0.0.1:1", "nothing listens there"),
        ("tcp://no-such-machine.invalid:2375", "no machine has that name"),
    ],
)
def test_an_engine_that_cannot_be_reached_has_not_lost_its_containers(lab: Lab, host: str, why: str) -> None:
    ledger = left_in_docker(paths.STATE, host)
    code, _, err = lab("heal")
    assert (code, err.count("\n")) == (3, 1)
    assert why in err
    assert ledger.exists()


def test_all_but_docker_is_healed_and_the_rest_is_one_sentence_with_the_next_step(
    lab: Lab, dead: str, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    make_folder(scratch, RUN)
    ledger = left_in_docker(paths.STATE, dead, own(FOLDER, scratch))
    code, out, err = lab("heal")
    assert (code, out) == (3, f"removed {scratch}\n")
    assert err == (
        f"lab: The containers of run {RUN} are still there. No Docker engine answers at {dead} (the engine of that "
        f"run): nothing listens there. Start it again ({as_root('systemctl restart docker')}). Then: bin/lab heal\n"
    )
    assert ledger.exists()
    assert lab("heal")[0] == 3
    assert f"left over: {RUN}. Clean up: bin/lab heal" in lab("ps")[1]


@pytest.mark.parametrize("command", ["heal", "down", "clean"])
def test_a_stack_that_was_left_up_is_not_forgotten(lab: Lab, dead: str, command: str) -> None:
    ledger = left_in_docker(paths.STATE, dead, {"record": "standing", "published": ADDRESSES})
    code, _, err = lab(command)
    assert (code, err.count("\n")) == (3, 1)
    assert "nothing listens there" in err
    assert ledger.exists()


def test_a_clean_up_keeps_the_ledger_of_what_it_could_not_remove(lab: Lab, dead: str) -> None:
    ledger = left_in_docker(paths.STATE, dead)
    assert lab("clean")[0] == 3
    assert ledger.exists()


def test_a_stack_whose_engine_is_gone_is_shown_all_the_same(lab: Lab, dead: str) -> None:
    left_in_docker(paths.STATE, dead, {"record": "standing", "published": ADDRESSES})
    code, out, _ = lab("ps")
    assert code == 0
    assert "unknown: " in out
    assert "http://127.0.0.1:1" in out


def test_what_is_about_to_begin_is_told_and_not_stopped(
    lab: Lab, dead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Begun(Exception):
        pass

    def performed(*_: object) -> None:
        raise Begun

    monkeypatch.setattr(running, "performed", performed)
    left_in_docker(paths.STATE, dead)
    _code, _, err = lab("run", "s01", "--quick", "--runtime", "local")
    assert "Begun" in err
    assert err.count("nothing listens there") == 1


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[str]:
    """The address of an engine that takes connections and says nothing."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "docker.sock"))
        server.listen()
        yield f"unix://{tmp_path}/docker.sock"


@pytest.mark.thorough
def test_an_engine_that_hangs_is_waited_for_once(
    silent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "ANSWER_TIMEOUT_S", 0.5)
    left_in_docker(tmp_path / "state", silent)
    started = time.monotonic()
    lines = heal(tmp_path / "state")
    assert time.monotonic() - started < 10
    assert [type(line) for line in lines] == [Failure]
    assert "docker did not end within 0.5 s. Start it again" in lines[0]
    assert holdings(tmp_path / "state") != []


def test_the_engine_of_the_run_is_asked_whichever_the_user_has_chosen_since(
    dead: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    left_in_docker(tmp_path / "state", dead)
    (line,) = heal(tmp_path / "state")
    assert dead in line
