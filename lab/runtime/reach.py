"""Why the Docker engine cannot be used: each cause has its own sentence, with the next step."""

from __future__ import annotations

import platform
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from lab.runtime.docker_client import Address

UNIX, TCP, SSH = "unix://", "tcp://", "ssh://"
PORT = 2375
TIMEOUT_S = 2.0

START = "Start it (sudo systemctl start docker), or name another one with DOCKER_HOST."
GET = (
    "Install Docker (Debian: sudo apt install docker.io), start it (sudo systemctl start docker), "
    "or name another engine with DOCKER_HOST."
)
JOIN = "Join its group (sudo usermod -aG docker $USER) and log in again."
CHANGE = "Start that engine, or choose another: unset DOCKER_HOST, or docker context use default."
# What an engine calls it when the ids of users inside its containers are others than outside.
REMAPPING = {"name=rootless": "rootless mode", "name=userns": "userns-remap"}


def unreachable(address: Address, said: str, step: str = "") -> str:
    """No engine answers at `address`; `said` is what the client said, `step` what to do if that engine is needed."""
    usual = START
    try:
        _connect(address.host)
    except PermissionError:
        return f"You may not use the Docker engine at {address}: permission denied. {JOIN}"
    except FileNotFoundError:
        why, usual = "there is no such socket", GET
    except ConnectionRefusedError:
        why = "nothing listens there"
    except socket.gaierror:
        why = "no machine has that name"
    except TimeoutError:
        why = f"no answer within {TIMEOUT_S:g} s"
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
    else:
        why = said.rstrip(".")
    return (
        f"No Docker engine answers at {address}: {why}. {step or (usual if address.is_default else CHANGE)}"
    )


def elsewhere(address: Address) -> str | None:
    """The engine is reached through a shell on another machine: that can be told before anybody connects."""
    if not address.host.startswith(SSH):
        return None
    return (
        f"The Docker engine at {address} is on another machine, "
        "so its containers do not share this machine's clock. Use --runtime local."
    )


def remapped(address: Address, info: Mapping[str, Any]) -> str | None:
    """The engine remaps user ids, so that nobody in a container is the owner of the run's folder."""
    options = [str(option).partition(",")[0] for option in info.get("SecurityOptions") or ()]
    modes = [REMAPPING[option] for option in options if option in REMAPPING]
    if not modes:
        return None
    return (
        f"The Docker engine at {address} remaps user ids ({modes[0]}), "
        "so load and probes could not write into the run's folder. "
        "Use --runtime local, or name another engine with DOCKER_HOST."
    )


def foreign(address: Address, info: Mapping[str, Any]) -> str | None:
    """The engine's containers run on another kernel than this process. Both must share one clock."""
    same_kernel = info["KernelVersion"] == platform.release()
    if same_kernel and (address.host.startswith(UNIX) or info["Name"] == socket.gethostname()):
        return None
    return (
        f"The Docker engine at {address} runs on another kernel ({info['Name']}, {info['OperatingSystem']}), "
        "so its containers do not share this machine's clock. Use --runtime local."
    )


def _connect(host: str) -> None:
    """Raises OSError if nothing accepts the connection, ValueError for an invalid address."""
    if host.startswith(UNIX):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(TIMEOUT_S)
            connection.connect(host.removeprefix(UNIX))
    elif host.startswith(TCP):
        named = urlsplit(host)
        socket.create_connection((named.hostname, named.port or PORT), TIMEOUT_S).close()
