"""The configurations of the programs that run beside a twin: load, observe, final_state.

They are files of JSON, read by loadtests/, which shares no code with the lab. Paths count from the twin's
run folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.model import DATABASE, Phases, Scenario
from lab.workload.booking.operations import HISTORY_OPS

PROBE_INTERVAL_S = 0.1
METRICS_INTERVAL_S = 1.0
MAX_IN_FLIGHT = 4_096


def load(twin: str, scenario: Scenario, targets: Mapping[str, str], token: str) -> dict[str, Any]:
    """For loadtests.load: the schedule of the run, played at the twin's edge."""
    return {
        "twin": twin,
        "target": targets["edge"],
        "token": token,
        "schedule": "../schedule.jsonl",
        "t0": "../t0.json",
        "ready": "load.ready.json",
        "requests": "requests.bin",
        "history": "history.jsonl",
        "summary": "load.json",
        "client_timeout_s": scenario.load.client_timeout_s,
        "drain_s": scenario.load.client_timeout_s + 1,
        "max_in_flight": MAX_IN_FLIGHT,
        "history_ops": sorted(HISTORY_OPS),
    }


def observe(scenario: Scenario, phases: Phases, targets: Mapping[str, str]) -> dict[str, Any]:
    """For loadtests.observe: in-path probes of the links that break, and the twin's own metrics."""
    return {
        "t0": "../t0.json",
        "ready": "observe.ready.json",
        "until_s": phases.total_s,
        "probes": [_probe(link, scenario, targets) for link in probed(scenario)],
        "probes_output": "probes.jsonl",
        "metrics_url": f"http://{targets['direct_edge']}/metrics",
        "metrics_interval_s": METRICS_INTERVAL_S,
        "metrics_output": "metrics.jsonl",
    }


def final_state(targets: Mapping[str, str], output: str, timeout_s: float) -> dict[str, Any]:
    """For loadtests.final_state: all rows of the twin's stores, past every proxy."""
    return {
        "dsn": targets["direct_dsn"],
        "payments_url": f"http://{targets['direct_payments']}",
        "output": output,
        "timeout_s": timeout_s,
    }


def probed(scenario: Scenario) -> tuple[str, ...]:
    """The links whose faults must be proved; the database link stands in where there is no fault."""
    return tuple(dict.fromkeys(fault.link for fault in scenario.faults)) or (DATABASE,)


def _probe(link: str, scenario: Scenario, targets: Mapping[str, str]) -> dict[str, Any]:
    """One probe that can feel every fault of `link`."""
    specs = [fault.probe() for fault in scenario.faults if fault.link == link]
    config: dict[str, Any] = {
        "link": link,
        "protocol": "postgres" if link == DATABASE else "http",
        "address": targets[link],
        "path": "/healthz",
        "interval_s": PROBE_INTERVAL_S,
        "request_bytes": max((spec.request_bytes for spec in specs), default=0),
        "reply_bytes": max((spec.reply_bytes for spec in specs), default=0),
        "timeout_s": max((spec.timeout_s for spec in specs), default=1.0),
    }
    if link == DATABASE:
        config["user"], config["database"] = targets["probe_database"].split("/")
    return config
