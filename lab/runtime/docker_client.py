"""The environment of Docker's command line and SDK: the engine that the user chose, and no other setting of theirs.

~/.docker/config.json can set proxies for every container and headers for every call. The client gets a configuration of
ours instead; of the user's it keeps the engine that their context names and the folders with their plugins.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from lab import paths
from lab.model import LabError
from lab.runtime.programs import ENGINE, OURS, PROXIES, Surroundings

CLIENT = Surroundings(
    kept=OURS.kept | ENGINE | PROXIES | {"SSH_AUTH_SOCK"},
    fixed={**OURS.fixed, "COMPOSE_DISABLE_ENV_FILE": "1"},
)


DEFAULT, DEFAULT_HOST = "the default", "unix:///var/run/docker.sock"


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where the engine is, who says so, and how the user takes that back; "" if there is nothing to take back."""

    host: str
    named_by: str
    undo: str = ""

    def __str__(self) -> str:
        return f"{self.host} ({self.named_by})"

    @property
    def is_default(self) -> bool:
        return self.named_by == DEFAULT or self.host == DEFAULT_HOST


def engine_address(remembered: str | None = None) -> Address:
    """Finds the engine as Docker's own client does: DOCKER_HOST, else the current context, else the default.

    `remembered`: the host of the engine that a run was on. Raises LabError where the context cannot be used.
    """
    if remembered not in (None, DEFAULT_HOST):
        return Address(host=str(remembered), named_by="the engine of that run")
    if remembered:
        return Address(host=remembered, named_by=DEFAULT)
    if host := os.environ.get("DOCKER_HOST"):
        return Address(host=host, named_by="named by DOCKER_HOST", undo="unset DOCKER_HOST")
    return _address_of_context()


def docker_environment(**extra: str) -> dict[str, str]:
    """The environment for Docker's command line, Compose included. What pulls or builds needs `build_environment`."""
    ours = {"DOCKER_CONFIG": str(_configuration()), **chosen_engine(), **extra}
    return CLIENT.environment(os.environ, **ours)


def chosen_engine() -> dict[str, str]:
    """The variable that names the engine of the user's context. Nothing where that cannot be used."""
    with suppress(LabError):
        return {"DOCKER_HOST": engine_address().host}
    return {}


@contextmanager
def docker_configuration() -> Iterator[None]:
    """Inside the block this process has the same surroundings, for the SDK, which takes no other hint."""
    ours = {"DOCKER_CONFIG": str(_configuration()), **chosen_engine()}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name, value in before.items():
            del os.environ[name]
            if value is not None:
                os.environ[name] = value


def _address_of_context() -> Address:
    if name := os.environ.get("DOCKER_CONTEXT"):
        chosen, undo = "named by DOCKER_CONTEXT", "unset DOCKER_CONTEXT"
    else:
        name = str(_settings(_theirs()).get("currentContext") or "default")
        chosen, undo = "the current one", "docker context use default"
    if name == "default":
        return Address(host=DEFAULT_HOST, named_by=DEFAULT)
    return Address(
        host=_host_of(name, chosen, undo), named_by=f"Docker's context {name}, {chosen}", undo=undo
    )


def _host_of(context: str, chosen: str, undo: str) -> str:
    folder = _theirs() / "contexts"
    hashed = sha256(context.encode()).hexdigest()
    try:
        told = json.loads((folder / "meta" / hashed / "meta.json").read_text())
        host = str(told["Endpoints"]["docker"]["Host"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise LabError(
            f"There is no Docker context called {context!r} ({chosen}). "
            f"See which there are (docker context ls), or {undo}."
        ) from error
    if (folder / "tls" / hashed).exists():
        raise LabError(
            f"The Docker context {context!r} has certificates, which the lab does not read. Name its engine with "
            "DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH."
        )
    return host


def _configuration() -> Path:
    """The folder of our configuration, made if need be."""
    ours = paths.STATE.absolute() / "docker"
    theirs = _theirs()
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


def _theirs() -> Path:
    return Path(os.environ.get("DOCKER_CONFIG") or Path("~/.docker").expanduser())


def _more_plugins(theirs: Path) -> list[str]:
    with suppress(TypeError):
        return [str(folder) for folder in _settings(theirs).get("cliPluginsExtraDirs", [])]
    return []


def _settings(folder: Path) -> dict[str, Any]:
    """The contents of the user's config.json; empty if it cannot be read."""
    with suppress(OSError, ValueError, TypeError):
        return dict(json.loads((folder / "config.json").read_text()))
    return {}
