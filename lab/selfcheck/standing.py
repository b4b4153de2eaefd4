"""A run in progress, as somebody on the same machine can see it: its instants, processes and proxies."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import psutil

from lab.model import LabError
from lab.record.manifest import read_manifest
from lab.runtime.ownership.ledger import PROCESS, holdings
from lab.selfcheck.workshop import Workshop

POLL_S = 0.02
ANSWER_TIMEOUT_S = 5
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The run in `folder`, whose ledger is below `state`."""

    folder: Path
    state: Path
    t0: float

    @classmethod
    def awaited(cls, workshop: Workshop, timeout_s: float, over: Event) -> Standing:
        """The run in `workshop` as soon as it has its T0. Raises LabError if it gets none, or `over` is set before."""
        give_up = time.monotonic() + timeout_s
        while time.monotonic() < give_up:
            if (folder := workshop.newest()) and (folder / "t0.json").exists():
                t0 = json.loads((folder / "t0.json").read_text())["t0"]
                return cls(folder=folder, state=workshop.state, t0=float(t0))
            if over.wait(POLL_S):
                break
        raise LabError("The run did not begin.")

    def wait_for(self, phase: str, after_s: float, over: Event) -> None:
        """Return `after_s` seconds into `phase`. Raises LabError if `over` is set before."""
        at_s = read_manifest(self.folder).phases.window(phase)[0] + after_s
        if over.wait(max(0.0, self.t0 + at_s - time.monotonic())):
            raise LabError("The run ended before.")

    def family(self, name: str) -> list[psutil.Process]:
        """The processes whose name in the ledger ends in `name`, before their descendants. Raises LabError if none."""
        leaders = [psutil.Process(pid) for pid in self._leaders(name)]
        found = [member for leader in leaders for member in (leader, *leader.children(recursive=True))]
        if not found:
            raise LabError(f"There is no process called {name}.")
        return found

    def proxies(self) -> str:
        """The address of the API of the first twin's Toxiproxy."""
        urls = (
            str(undo.details["url"])
            for run in holdings(self.state)
            for undo in run.undos
            if "url" in undo.details
        )
        url = next(urls, "")
        if not url:
            raise LabError("The run has no Toxiproxy.")
        return url

    def _leaders(self, name: str) -> Iterator[int]:
        for run in holdings(self.state):
            for thing in run.owned:
                if thing.kind == PROCESS and str(thing.details["name"]).endswith(name):
                    yield int(thing.key)


def call(method: str, url: str, body: Mapping[str, Any] | None = None) -> Any:
    """The answer of a Toxiproxy's API."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - the address is the run's own
    with DIRECT.open(request, timeout=ANSWER_TIMEOUT_S) as answer:
        text = answer.read()
    return json.loads(text) if text else None
