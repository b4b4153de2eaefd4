"""Docker's client gets a configuration of the lab's: of the user's, only where it finds its plugins."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from lab import paths
from lab.runtime.containers.engine import available
from lab.runtime.docker_client import docker_configuration, docker_environment


@pytest.fixture(autouse=True)
def theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's configuration with all that must not reach a container."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    settings = {
        "proxies": {"default": {"httpProxy": "http://evil"}},
        "HttpHeaders": {"X-Evil": "yes"},
        "currentContext": "evil",
        "cliPluginsExtraDirs": ["/opt/plugins"],
    }
    (folder / "config.json").write_text(json.dumps(settings))
    monkeypatch.setattr(paths, "STATE", tmp_path / "state")
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
    for name in ("DOCKER_CONTEXT", "COMPOSE_FILE", "COMPOSE_PROFILES", "CPUS", "SERVICE_MEMORY"):
        monkeypatch.setenv(name, "evil")
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    found = docker_environment(RUN="r")
    assert (found["DOCKER_HOST"], found["RUN"], found["COMPOSE_DISABLE_ENV_FILE"]) == (
        "tcp://127.0.0.1:1",
        "r",
        "1",
    )
    assert "evil" not in found.values()


def test_the_sdk_finds_ours_inside_the_block_alone(theirs: Path) -> None:
    with docker_configuration():
        assert os.environ["DOCKER_CONFIG"] == docker_environment()["DOCKER_CONFIG"]
    assert os.environ["DOCKER_CONFIG"] == str(theirs)


def test_a_folder_that_cannot_be_written_is_a_reason_and_no_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    assert "Cannot write" in str(available())
