"""Why the Docker engine cannot be used: each cause has its own sentence, with the next step."""

from __future__ import annotations

import platform
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from lab.runtime.docker_client import Address

UNIX, TCP = "unix://", "tcp://"
PORT = 2375
TIMEOUT_S = 2.0

START = "Start it (sudo systemctl start docker), or name another one with DOCKER_HOST."
JOIN = "Join its group (sudo usermod -aG docker $USER) and log in again."
CHANGE = "Start that engine, or choose another: unset DOCKER_HOST, or docker context use default."


def unreachable(address: Address, said: str, step: str = "") -> str:
    """No engine answers at `address`; `said` is what the client said, `step` what to do if that engine is needed."""
    try:
        _connect(address.host)
    except PermissionError:
        return f"You may not use the Docker engine at {address}: permission denied. {JOIN}"
    except FileNotFoundError:
        why = "there is no such socket"
    except ConnectionRefusedError:
        why = "nobody listens there"
    except socket.gaierror:
        why = "no machine has that name"
    except TimeoutError:
        why = f"no answer within {TIMEOUT_S:g} s"
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
    else:
        why = said.rstrip(".")
    return (
        f"No Docker engine answers at {address}: {why}. {step or (START if address.is_default else CHANGE)}"
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
