"""Docker's client gets a configuration of the lab's: of the user's, only where it finds its plugins."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from lab import paths
from lab.model import LabError
from lab.runtime.containers.engine import available, client
from lab.runtime.docker_client import docker_configuration, docker_environment, engine_address
from lab.runtime.programs import build_environment, kept_by_the_lab


@pytest.fixture(autouse=True)
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's configuration with all that must not reach a container."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    settings = {
        "proxies": {"default": {"httpProxy": "http://evil"}},
        "HttpHeaders": {"X-Evil": "yes"},
        "cliPluginsExtraDirs": ["/opt/plugins"],
    }
    (folder / "config.json").write_text(json.dumps(settings))
    monkeypatch.setattr(paths, "STATE", tmp_path / "state")
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    return folder


def configuration(environment: dict[str, str]) -> dict[str, object]:
    loaded: dict[str, object] = json.loads((Path(environment["DOCKER_CONFIG"]) / "config.json").read_text())
    return loaded


def test_nothing_is_taken_over_but_the_folders_of_plugins(theirs: Path) -> None:
    assert configuration(docker_environment()) == {
        "cliPluginsExtraDirs": [str(theirs / "cli-plugins"), "/opt/plugins"]
    }


@pytest.mark.parametrize("damaged", ["{", "[]", "{}", '{"cliPluginsExtraDirs": 3}'])
def test_a_configuration_of_theirs_that_names_no_plugins_is_none(theirs: Path, damaged: str) -> None:
    (theirs / "config.json").write_text(damaged)
    assert configuration(docker_environment()) == {"cliPluginsExtraDirs": [str(theirs / "cli-plugins")]}


def test_a_guardian_keeps_the_configuration_that_the_lab_gave_it(monkeypatch: pytest.MonkeyPatch) -> None:
    given = docker_environment()
    before = configuration(given)
    monkeypatch.setenv("DOCKER_CONFIG", given["DOCKER_CONFIG"])
    assert configuration(docker_environment()) == before


def test_the_engine_that_the_user_named_is_kept_and_compose_is_not_told_anything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("COMPOSE_FILE", "COMPOSE_PROFILES", "CPUS", "SERVICE_MEMORY"):
        monkeypatch.setenv(name, "evil")
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    found = docker_environment(RUN="r")
    assert (found["DOCKER_HOST"], found["RUN"], found["COMPOSE_DISABLE_ENV_FILE"]) == (
        "tcp://127.0.0.1:1",
        "r",
        "1",
    )
    assert "evil" not in found.values()


def context(theirs: Path, name: str, host: str) -> Path:
    """A context as `docker context create` makes it, which the client is told to use from now on."""
    (theirs / "config.json").write_text(json.dumps({"currentContext": name}))
    folder = theirs / "contexts" / "meta" / sha256(name.encode()).hexdigest()
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": {"Host": host}}}))
    return folder


def test_the_engine_of_the_current_context_is_the_one_for_all(theirs: Path) -> None:
    context(theirs, "colima", "unix:///colima.sock")
    assert str(engine_address()) == "unix:///colima.sock (Docker's context colima, the current one)"
    assert docker_environment()["DOCKER_HOST"] == "unix:///colima.sock"
    with docker_configuration():
        assert os.environ["DOCKER_HOST"] == "unix:///colima.sock"
    assert "DOCKER_HOST" not in os.environ


def test_an_address_knows_how_to_take_back_what_chose_it(
    theirs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert engine_address().undo == ""
    context(theirs, "colima", "unix:///colima.sock")
    assert engine_address().undo == "docker context use default"
    monkeypatch.setenv("DOCKER_CONTEXT", "colima")
    assert str(engine_address()) == "unix:///colima.sock (Docker's context colima, named by DOCKER_CONTEXT)"
    assert engine_address().undo == "unset DOCKER_CONTEXT"
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    assert engine_address().undo == "unset DOCKER_HOST"


def test_docker_host_goes_before_any_context(theirs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context(theirs, "colima", "unix:///colima.sock")
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    assert str(engine_address()) == "tcp://127.0.0.1:1 (named by DOCKER_HOST)"


def test_a_context_that_does_not_exist_is_a_reason_and_stops_no_local_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "gone")
    assert available() == (
        "There is no Docker context called 'gone' (named by DOCKER_CONTEXT). "
        "See which there are (docker context ls), or unset DOCKER_CONTEXT."
    )
    assert "DOCKER_HOST" not in docker_environment()


def test_a_context_with_certificates_is_named_by_variables_instead(theirs: Path) -> None:
    folder = context(theirs, "far", "tcp://192.0.2.1:2376")
    (theirs / "contexts" / "tls" / folder.name).mkdir(parents=True)
    with pytest.raises(LabError, match="DOCKER_CERT_PATH"):
        engine_address()


def test_the_sdk_finds_ours_inside_the_block_alone(theirs: Path) -> None:
    with docker_configuration():
        assert os.environ["DOCKER_CONFIG"] == docker_environment()["DOCKER_CONFIG"]
    assert os.environ["DOCKER_CONFIG"] == str(theirs)


def test_a_folder_that_cannot_be_written_is_a_reason_and_no_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    assert "Cannot write" in str(available())


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("tcp://127.0.0.1:nonsense", "Port could not be cast to integer value as 'nonsense'"),
        ("tcp://127.0.0.1:99999", "Port out of range 0-65535"),
        ("tcp://[::1", "Invalid IPv6 URL"),
    ],
)
def test_an_address_that_is_none_is_a_reason_and_no_crash(
    monkeypatch: pytest.MonkeyPatch, host: str, why: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    assert available() == (
        f"No Docker engine answers at {host} (named by DOCKER_HOST): {why}. "
        "Correct the address, or unset DOCKER_HOST."
    )
    client.cache_clear()
    with pytest.raises(LabError, match=f"^Docker: {why}"):
        client()


class Refusing(BaseHTTPRequestHandler):
    """Answers everything with an error, and notes in `asked` what it was asked for."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_error(503)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def proxy() -> Iterator[tuple[str, list[str]]]:
    """The address of an HTTP proxy, and what it is asked for."""
    Refusing.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", Refusing.asked
        server.shutdown()


def test_not_even_the_first_call_goes_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch, proxy: tuple[str, list[str]]
) -> None:
    address, asked = proxy
    monkeypatch.setenv("http_proxy", address)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    assert "nothing listens there" in str(available())
    assert asked == []


def test_command_line_and_sdk_speak_the_version_that_the_engine_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The SDK does not obey DOCKER_API_VERSION, so an old one would stop the command line alone."""
    monkeypatch.setenv("DOCKER_API_VERSION", "1.12")
    assert "DOCKER_API_VERSION" not in docker_environment()
    assert "DOCKER_API_VERSION" not in build_environment()
    assert not kept_by_the_lab("DOCKER_API_VERSION")
