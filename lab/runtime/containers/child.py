"""A program beside a twin: a container on the twin's network, where resets and refusals arrive unchanged.

Published ports will not do for load and probes: Docker's userland proxy turns a reset into a clean end of file, and a
refused connection into one that is accepted first.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests
from docker.errors import NotFound
from docker.types import LogConfig

from lab.model import LabError
from lab.runtime.containers import real_time
from lab.runtime.containers.engine import answering, client
from lab.runtime.ownership.ledger import Ledger

STOP_TIMEOUT_S = 5
PUNCTUAL = (
    "loadtests.load",
    "loadtests.observe",
)  # only programs that follow a schedule get real-time CPU
# A file descriptor for every request in flight. Output goes straight to the run folder: it can be read meanwhile, and
# survives a kill.
SHELL = 'ulimit -n "$(ulimit -Hn)"; exec python -m "$0" "$1" > "$2" 2>&1'


class ContainerChild:
    """`lab.ports.Child`: `python -m MODULE NAME.config.json` in `folder`; the run folder is mounted at its own path."""

    def __init__(
        self, container: str, module: str, folder: Path, name: str, *,
        image: str, network: str, labels: Mapping[str, str], ledger: Ledger,
    ) -> None:  # fmt: skip
        self._name = container
        self._log = folder / "logs" / f"{name}.log"
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._ledger = ledger
        self._owned = ledger.own_container(container)
        self._code: int | None = None
        self._process: Path | None = None  # once it is known to run, where this machine sees its processes
        with answering():
            self.container = client().containers.run(
                image,
                ["sh", "-c", SHELL, module, f"{name}.config.json", f"logs/{name}.log"],
                name=container,
                network=network,
                labels=dict(labels),
                working_dir=str(folder),
                volumes={str(folder.parent): {"bind": str(folder.parent), "mode": "rw"}},
                # Its files belong to the user who started the lab.
                user=f"{os.getuid()}:{os.getgid()}",
                environment={"HOME": "/tmp", "PYTHONSAFEPATH": "1"},  # noqa: S108 - inside the container
                use_config_proxy=False,
                cpu_rt_runtime=real_time.asked_us() if module in PUNCTUAL else None,
                **CONFINED,
            )

    def wait(self, timeout_s: float) -> int:
        if self._code is None:
            try:
                with answering():
                    self._code = int(self._wait(timeout_s)["StatusCode"])
            except TimeoutError as error:
                raise LabError(
                    f"{self._name} did not end within {timeout_s:g} s; see {self._log}."
                ) from error
        return self._code

    def running(self) -> bool:
        """Looked at twice a second while a run measures, so the kernel is asked where it can be: it costs nothing."""
        if self._code is not None:
            return False
        if self._process is not None:
            return self._process.exists()
        try:
            with answering():
                self.container.reload()
        except LabError as error:
            if isinstance(error.__cause__, NotFound):
                return False
            raise
        found = Path(f"/proc/{self.container.attrs['State']['Pid']}")
        self._process = found if found.exists() else None
        return bool(self.container.status == "running")

    def stop(self) -> None:
        with answering(), suppress(NotFound):
            self.container.stop(timeout=STOP_TIMEOUT_S)
            self.container.remove(force=True)
        self._ledger.disowned(self._owned)

    def _wait(self, timeout_s: float) -> dict[str, Any]:
        try:
            return dict(self.container.wait(timeout=timeout_s))
        except requests.RequestException as error:
            # The SDK raises its timeout as one or the other, wrapped around urllib3's.
            if isinstance(error, requests.Timeout) or "Read timed out" in str(error):
                raise TimeoutError from error
            raise


CONFINED: Mapping[str, Any] = {
    "detach": True,
    "log_config": LogConfig(
        type="local", config={"max-size": "20m", "max-file": "3"}
    ),  # as in compose/twin.yaml
    "init": True,
    "read_only": True,
    "tmpfs": {"/tmp": "mode=1777"},  # noqa: S108
    "cap_drop": ["ALL"],
    "cap_add": ["SYS_NICE"],  # to be woken on time; of use to root's programs only
    "security_opt": ["no-new-privileges:true"],
}
