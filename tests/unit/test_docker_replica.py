"""A replica in a container, looked at while the engine does not answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import docker.errors
import pytest
import requests

from lab.model import LabError
from lab.runtime.containers.replica import DockerReplica


def replica(error: Exception, *, directly: bool) -> DockerReplica:
    """One whose engine answers every question with `error`."""

    def ask(*_: object, **__: object) -> None:
        raise error

    container: Any = SimpleNamespace(short_id="abc", reload=ask, exec_run=ask)
    return DockerReplica("1", container, "twin", directly=directly)


@pytest.mark.parametrize("directly", [True, False])
@pytest.mark.parametrize("error", [requests.ReadTimeout("60 s"), requests.ConnectionError("reset")])
def test_an_engine_that_does_not_answer_is_said_to_be_the_reason(error: Exception, directly: bool) -> None:
    hanging = replica(error, directly=directly)
    with pytest.raises(LabError, match="Is the engine still running"):
        hanging.answers("/healthz", 1.0)
    with pytest.raises(LabError, match="Is the engine still running"):
        hanging.running()


def test_a_container_in_which_nothing_can_be_started_does_not_answer() -> None:
    assert not replica(docker.errors.APIError("409"), directly=False).answers("/healthz", 1.0)


def test_an_engine_that_refuses_is_not_said_to_be_gone() -> None:
    refusing = replica(docker.errors.APIError("409", explanation="no such process"), directly=True)
    with pytest.raises(
        LabError,
        match=r"^Docker refused: no such process\. Fix that, then try again\. .*: journalctl -u docker$",
    ):
        refusing.running()
