"""What a testbed must do with a topology that has everything, whichever runtime it is: one suite for both.

A subclass names a fixture `testbed`: a twin called hardened in `EVERYTHING`, with `heard` as its journal.
"""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

from lab.model import (
    BALANCER,
    CACHE,
    DATABASE,
    EDGE,
    PAYMENTS,
    POSTGRES,
    QUEUE,
    SERVICE,
    WORKER,
    Balancing,
    LinkState,
    Restarted,
    Restarter,
    Role,
    ServerProfile,
    Topology,
    TwinPlan,
    a_link,
)
from lab.ports import Testbed
from lab.workload.booking import BOOKING
from tests.standing import TOKEN, Heard, a_stack, probe_config
from tests.timing import steadily

TWIN = "hardened"
PLANS = (TwinPlan(name=TWIN, service=TWIN, role=Role.CONTROL, defences="all"),)
EVERYTHING = Topology(
    parts=(POSTGRES, PAYMENTS, BALANCER, CACHE, QUEUE, WORKER),
    replicas=2,
    balancing=Balancing(health_period_s=0.3),
    restarter=Restarter(period_s=0.3, failures=5),
    profile=ServerProfile(workers=1, threads=8),
)
LINKS = {EDGE: "http", DATABASE: "postgres", PAYMENTS: "http", CACHE: "redis", QUEUE: "nats"}
WORKER_PROGRAM = "import os, time; print('queue at', os.environ['QUEUE_URL'], flush=True); time.sleep(600)"
WORKING = replace(BOOKING, worker=("-c", WORKER_PROGRAM))
PROBED_S = 1.0
PATIENCE_S = 60.0


def everything(run: str) -> Any:
    return a_stack(run, PLANS, topology=EVERYTHING)


def eventually(true: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def status(testbed: Testbed) -> int:
    """What a client gets at the edge; 0 for no answer."""
    url = f"{testbed.published(TWIN)['edge']}/users/1/bookings/"
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {TOKEN}"})
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def observed(testbed: Testbed, run: Path, **secret: str) -> tuple[dict[str, set[str]], dict[str, bool]]:
    """The errors of probes of each link, and whether each replica told its metrics, seen from beside the twin."""
    targets, folder = testbed.targets(TWIN), run / TWIN
    folder.mkdir(parents=True)
    asked = {
        link: {"protocol": protocol, **(secret if link in (CACHE, QUEUE) else {})}
        for link, protocol in LINKS.items()
    }
    config = {
        "twin": TWIN, "t0": "../t0.json", "ready": "observe.ready.json", "until_s": PROBED_S,
        "probes": [probe_config(link, targets, **changes) for link, changes in asked.items()],
        "probes_output": "probes.jsonl", "metrics_interval_s": 0.5, "metrics_output": "metrics.jsonl",
        "metrics": [{"member": n, "url": f"http://{targets[f'{SERVICE}/{n}']}/metrics"} for n in ("1", "2")],
    }  # fmt: skip
    child = testbed.spawn(TWIN, "loadtests.observe", config, folder, "observe")
    eventually((folder / "observe.ready.json").exists)
    fresh = run / "t0.new"
    fresh.write_text(json.dumps({"t0": time.monotonic() + 0.1}))
    fresh.replace(run / "t0.json")  # whoever waits for the file finds it whole
    assert child.wait(PATIENCE_S) == 0, (folder / "logs" / "observe.log").read_text()
    child.stop()
    samples = lines(folder / "probes.jsonl")
    errors = {link: {s["error"] for s in samples if s["target"] == f"link/{link}"} for link in LINKS}
    readings = lines(folder / "metrics.jsonl")
    return errors, {n: any(r["ok"] for r in readings if r["member"] == n) for n in ("1", "2")}


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


class TopologySuite:
    """The claims. Subclasses bring the testbed, and can kill a replica as nobody in the lab would."""

    def kill(self, testbed: Any, member: str) -> None:
        raise NotImplementedError

    def test_every_link_of_the_topology_is_probed_and_every_replica_tells_its_metrics(
        self, testbed: Testbed, tmp_path: Path
    ) -> None:
        attempts = count()

        def seen() -> None:
            found = observed(testbed, tmp_path / str(next(attempts)))
            assert found == ({link: {""} for link in LINKS}, {"1": True, "2": True})

        steadily(seen)

    def test_cache_and_queue_ask_for_their_password(self, testbed: Testbed, tmp_path: Path) -> None:
        errors, _metrics = observed(testbed, tmp_path, password="wrong", token="wrong")
        assert "" not in errors[CACHE] | errors[QUEUE]

    def test_a_link_to_cache_or_queue_can_be_broken_and_comes_back(
        self, testbed: Testbed, tmp_path: Path
    ) -> None:
        for link in (CACHE, QUEUE):
            down = LinkState(enabled=False)
            assert testbed.actuator(TWIN, a_link(link)).set(down) == down
        errors, _metrics = observed(testbed, tmp_path / "down")
        for link in (CACHE, QUEUE):
            testbed.actuator(TWIN, a_link(link)).set(LinkState())
        healed, _metrics = observed(testbed, tmp_path / "healed")
        assert (errors[CACHE], errors[QUEUE], errors[DATABASE]) == ({"refused"}, {"refused"}, {""})
        assert healed[CACHE] == healed[QUEUE] == {""}

    def test_a_killed_replica_is_put_aside_started_again_and_taken_back(
        self, testbed: Testbed, heard: Heard, tmp_path: Path
    ) -> None:
        self.kill(testbed, "1")
        eventually(lambda: {status(testbed) for _ in range(10)} == {200})
        eventually(lambda: any(isinstance(event, Restarted) for event in heard.events))
        restarts = [event for event in heard.events if isinstance(event, Restarted)]
        assert [(r.twin, r.part, r.member) for r in restarts] == [(TWIN, SERVICE, "1")]
        attempts = iter(range(100))
        eventually(lambda: all(observed(testbed, tmp_path / str(next(attempts)))[1].values()))
        assert testbed.cpu_s(TWIN) is not None

    def test_facts_name_the_version_of_every_server(self, testbed: Testbed) -> None:
        facts = testbed.facts()
        versions = {name: facts[name] for name in ("postgres", "caddy", "valkey", "nats", "toxiproxy")}
        assert all(re.fullmatch(r"\d+(\.\d+)+", version) for version in versions.values()), versions

    def test_the_logs_of_all_parts_are_kept(self, testbed: Testbed, tmp_path: Path) -> None:
        testbed.collect(TWIN, tmp_path)
        logs = {log.name: log.read_text() for log in (tmp_path / "logs").iterdir()}
        parts = {"postgres", "payments", "balancer", "cache", "queue", "worker", "toxiproxy", "seed"}
        assert {f"{part}.log" for part in parts} | {"service-1.log", "service-2.log"} <= logs.keys()
        assert "queue at nats://lab-password@" in logs["worker.log"]
