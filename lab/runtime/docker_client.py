"""The environment of Docker's command line and SDK: the engine that the user chose, by none of their settings.

~/.docker/config.json can set proxies for every container, headers for every call, and another engine than DOCKER_HOST.
The client gets a configuration of ours instead; only the folders in which it finds its plugins are the user's.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lab import paths
from lab.model import LabError
from lab.runtime.programs import ENGINE, OURS, PROXIES, Surroundings

CLIENT = Surroundings(
    kept=OURS.kept | ENGINE | PROXIES | {"SSH_AUTH_SOCK"},
    fixed={**OURS.fixed, "COMPOSE_DISABLE_ENV_FILE": "1"},
)


def docker_environment(**extra: str) -> dict[str, str]:
    """For Docker's command line, Compose included. What pulls or builds needs `build_environment`."""
    return CLIENT.environment(os.environ, DOCKER_CONFIG=str(_configuration()), **extra)


@contextmanager
def docker_configuration() -> Iterator[None]:
    """Inside the block this process has the same configuration, for the SDK, which takes no other hint."""
    before = os.environ.get("DOCKER_CONFIG")
    os.environ["DOCKER_CONFIG"] = str(_configuration())
    try:
        yield
    finally:
        del os.environ["DOCKER_CONFIG"]
        if before is not None:
            os.environ["DOCKER_CONFIG"] = before


def _configuration() -> Path:
    """The folder of our configuration, made if need be."""
    ours = paths.STATE.absolute() / "docker"
    theirs = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    if theirs == ours:  # a guardian's, which got it from the lab
        return ours
    text = json.dumps({"cliPluginsExtraDirs": [str(theirs / "cli-plugins"), *_more_plugins(theirs)]})
    file = ours / "config.json"
    try:
        if not file.exists() or file.read_text() != text:
            ours.mkdir(parents=True, exist_ok=True)
            fresh = ours / f"config.{os.getpid()}.{threading.get_ident()}.new"
            fresh.write_text(text)
            fresh.replace(file)
    except OSError as error:
        raise LabError(f"Cannot write {file}: {error.strerror}. Make {paths.STATE} writable.") from error
    return ours


def _more_plugins(theirs: Path) -> list[str]:
    with suppress(OSError, ValueError, LookupError, TypeError):
        return [
            str(folder) for folder in json.loads((theirs / "config.json").read_text())["cliPluginsExtraDirs"]
        ]
    return []
