"""The configurations of the programs that run beside a twin: load and observer.

They are JSON files for loadtests/, which shares no code with the lab. Paths are relative to the twin's run folder.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

from lab.model import CACHE, DATABASE, EDGE, QUEUE, SERVICE, STORE, Kind, Probe, Scenario, Target, a_link
from lab.plan.runs import RunPlan

METRICS_INTERVAL_S = 1.0
CONTROL_EVERY_S = 0.2  # between two probes of a link that no fault is about
MAX_IN_FLIGHT = 4_096
READ_TIMEOUT_S = 20.0
PROTOCOLS = {DATABASE: "postgres", CACHE: "redis", QUEUE: "nats"}  # HTTP on every other link

SECRETS = {CACHE: "password", QUEUE: "token"}


def load(twin: str, plan: RunPlan, targets: Mapping[str, str]) -> dict[str, Any]:
    """For loadtests.load: the schedule of the run, played at the twin's edge."""
    asked = plan.scenario.load
    return {
        "twin": twin,
        "target": targets["edge"],
        "token": plan.workload.token(plan.stack.secrets.token_key),
        "tokens": _tokens(plan),
        "schedule": "../schedule.jsonl",
        "t0": "../t0.json",
        "ready": "load.ready.json",
        "requests": "requests.bin",
        "history": "history.jsonl",
        "summary": "load.json",
        "client_timeout_s": asked.client_timeout_s,
        "drain_s": asked.client_timeout_s + 1,
        "max_in_flight": MAX_IN_FLIGHT,
        "history_ops": sorted(plan.workload.history_ops),
    }


def _tokens(plan: RunPlan) -> dict[str, str]:
    """The token of every user, by the user's number."""
    users = plan.stack.sizes.get(plan.workload.callers, 0)
    return {
        str(user): plan.workload.token(plan.stack.secrets.token_key, user) for user in range(1, users + 1)
    }


def observe(
    twin: str, plan: RunPlan, targets: Mapping[str, str], cores: Sequence[int] = ()
) -> dict[str, Any]:
    """For loadtests.observe: probes of what breaks, the twin's own metrics, and all its data before and after.

    `cores` are those of the twin; none if it has none of its own.
    """
    reading = {"data": _data(plan, targets)} if plan.workload.final_read else {}
    outside = [probe for probe in probes(plan) if probe.target.kind in (Kind.LINK, Kind.STORE)]
    return {
        "twin": twin,
        "t0": "../t0.json",
        "ready": "observe.ready.json",
        "until_s": plan.phases.total_s,
        "probes": [_probe(probe, plan, targets) for probe in outside],
        "probes_output": "probes.jsonl",
        "metrics": [
            {"member": member, "url": f"http://{targets[f'{SERVICE}/{member}']}/metrics"}
            for member in plan.scenario.topology.members(SERVICE)
        ],
        "metrics_interval_s": METRICS_INTERVAL_S,
        "metrics_output": "metrics.jsonl",
        "canary": {"cores": list(cores), "output": "canary.jsonl"},
        **reading,
    }


def _data(plan: RunPlan, targets: Mapping[str, str]) -> dict[str, Any]:
    """For the workload's reader: all rows of the twin's stores, past every proxy."""
    direct = {name: address for name, address in targets.items() if name.startswith("direct_")}
    return {
        **direct,
        "reader": plan.workload.final_read,
        "token": plan.workload.token(plan.stack.secrets.token_key),
        "tables": list(plan.workload.tables),
        "before": "initial.json",
        "end": "../end.json",
        "after": "final.json",
        "timeout_s": READ_TIMEOUT_S,
    }


def probes(plan: RunPlan) -> tuple[Probe, ...]:
    """One probe per target, which shows every fault on it. Links without one are watched too: they must not change."""
    wanted = [probe for fault in plan.scenario.faults for probe in fault.probes()]
    wanted += [Probe(target=a_link(link), every_s=CONTROL_EVERY_S) for link in controls(plan.scenario)]
    by_target: dict[Target, list[Probe]] = {}
    for probe in wanted:
        by_target.setdefault(probe.target, []).append(probe)
    return tuple(_merged(same) for same in by_target.values())


def controls(scenario: Scenario) -> tuple[str, ...]:
    """The links without a fault. The edge only if it is the only one: a twin that hangs makes probes hang there."""
    links = scenario.topology.links
    broken = {target.name for fault in scenario.faults if (target := fault.target()).kind is Kind.LINK}
    return tuple(link for link in links if link not in broken and (link != EDGE or len(links) == 1))


def _merged(same: Iterable[Probe]) -> Probe:
    return reduce(lambda one, other: one.merged(other), same)


def _probe(probe: Probe, plan: RunPlan, targets: Mapping[str, str]) -> dict[str, Any]:
    common = {"target": str(probe.target), "interval_s": probe.every_s, "timeout_s": probe.timeout_s}
    if probe.target == STORE:
        return {**common, "protocol": "sessions", "dsn": targets["direct_dsn"], "mark": plan.stack.mark}
    link = probe.target.name
    config = {
        **common,
        "protocol": PROTOCOLS.get(link, "http"),
        "address": targets[link],
        "path": "/healthz",
        "request_bytes": probe.request_bytes,
        "reply_bytes": probe.reply_bytes,
    }
    if link == DATABASE:
        config["user"], config["database"] = targets["probe_database"].split("/")
        config["password"] = plan.stack.secrets.probe
    if link in SECRETS:
        config[SECRETS[link]] = plan.stack.secrets.stores
    return config
