"""Whether each twin ran on the same servers from start to end, and all twins under the same limits.

Parts that the scenario breaks, and replicas that a restarter looks after, are left out: their proofs are elsewhere.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence

from lab.judge.evidence import RunEvidence, TwinEvidence
from lab.judge.gates.steps import AGAIN, advised
from lab.model import (
    POSTGRES,
    RECOVERY,
    SERVICE,
    STORE,
    Gate,
    Kind,
    Life,
    Scenario,
    Server,
    ServersRead,
    Tables,
    plural,
)

SAME_SERVERS, LIMITS_ALIKE = "same servers", "limits alike"
CORES = "cores"
WORKERS_STARTED = "worker_starts_total"
LIMITS = {  # of a Server, in words
    CORES: "the cores",
    "cpus_max": "the CPU limit",
    "memory_max_bytes": "the memory limit",
    "descriptors_max": "the descriptor limit",
}


def same_servers(scenario: Scenario, twin: TwinEvidence, *, data_read: bool = True) -> Gate:
    """No server was replaced, ended or stopped, and no session of the database ended, except by a fault.

    `data_read`: whether the workload reads its data, and with them the database's counters.
    """
    left_out = broken(scenario)
    unread = list(_unread(twin))
    problems = [*unread, *_dead_at_the_start(twin, left_out)]
    for at_s, name, before, now in _changes(twin, left_out):
        if before is None:
            problems.append(f"{name} appeared at {at_s:.1f} s")
        elif (now.pid, now.born_s) != (before.pid, before.born_s):
            problems.append(f"{name} was {'replaced' if now.pid else 'gone'} at {at_s:.1f} s")
        elif now.life is not Life.RUNNING and before.life is Life.RUNNING:
            problems.append(f"{name} was {now.life} at {at_s:.1f} s")
    if SERVICE not in left_out:
        problems += _replaced_workers(twin)
    if data_read and POSTGRES not in left_out and STORE not in {fault.target() for fault in scenario.faults}:
        problems += _ended_sessions(twin)
    gate = _gate(SAME_SERVERS, problems, "Every server kept running, as the same process.", twin.twin)
    return advised(gate, AGAIN if problems == unread else "")


def _replaced_workers(twin: TwinEvidence) -> Iterator[str]:
    """Replicas whose service has started one more worker process, because another one had ended."""
    known: dict[str, float] = {}
    for reading in twin.metrics:
        started = reading.samples.get(WORKERS_STARTED)
        if started is not None and started > known.setdefault(reading.member, started):
            yield f"a worker of {SERVICE}/{reading.member} was replaced before {reading.at_s:.1f} s"
            known[reading.member] = started


def _ended_sessions(twin: TwinEvidence) -> Iterator[str]:
    """Sessions of the database that somebody has ended by hand, as PostgreSQL counts them."""
    before, after = (_sessions_killed(state) for state in (twin.initial, twin.final))
    if after > before:
        yield f"somebody ended {plural(after - before, 'session')} of the database"


def _sessions_killed(state: Tables) -> int:
    counters = state.get("counters", ())
    return int(counters[0].get("sessions_killed", 0)) if counters else 0


def limits_alike(run: RunEvidence) -> Gate:
    """The limits of each server did not change, all twins have the same, and no server without one was throttled."""
    left_out = broken(run.manifest.scenario)
    twins = list(run.twins)
    problems = [problem for twin in twins for problem in _changed_limits(twin, left_out)]
    first, *others = [_started(twin, left_out) for twin in twins]
    for twin, started in zip(twins[1:], others, strict=True):
        problems += [
            f"{LIMITS[limit]} of {name} is {_told(getattr(server, limit))} in the {twin.twin} twin and "
            f"{_told(getattr(first[name], limit))} in the {twins[0].twin} twin"
            for name, server in started.items()
            for limit in LIMITS  # in this order: the sentence must be the same at every reading
            if limit != CORES
            if name in first and getattr(server, limit) != getattr(first[name], limit)
        ]
    return _gate(LIMITS_ALIKE, problems, "All twins had the same limits, and those did not change.")


def broken(scenario: Scenario) -> set[str]:
    """The parts that the scenario breaks, and those that are restarted."""
    parts = {target.name for fault in scenario.faults if (target := fault.target()).kind is Kind.PART}
    return parts | ({SERVICE} if scenario.topology.restarter else set())


def _changed_limits(twin: TwinEvidence, left_out: Container[str]) -> Iterator[str]:
    for at_s, name, before, now in _changes(twin, left_out):
        if before is None or not now.pid or now.pid != before.pid:
            continue
        where = f"of {name} in the {twin.twin} twin"
        for limit, words in LIMITS.items():
            old, new = getattr(before, limit), getattr(now, limit)
            if new != old:
                yield f"{words} {where} changed from {_told(old)} to {_told(new)} at {at_s:.1f} s"
        if (now.throttled_s or 0) > (before.throttled_s or 0) and now.cpus_max is None:
            yield f"the CPU {where} was throttled at {at_s:.1f} s, though it has no limit"


def _told(limit: object) -> str:
    return "none" if limit is None else str(limit)


def _changes(
    twin: TwinEvidence, left_out: Container[str]
) -> Iterator[tuple[float, str, Server | None, Server]]:
    """Each change of a server: when it was seen, the server's name, how it was (None: new), and how it is."""
    known: dict[str, Server] = {}
    for number, reading in enumerate(_readings(twin)):
        for name, server in reading.changed.items():
            if number and name.partition("/")[0] not in left_out:
                yield reading.at_s, name, known.get(name), server
        known |= reading.changed


def _started(twin: TwinEvidence, left_out: Container[str]) -> Mapping[str, Server]:
    """The servers as they were at the start."""
    readings = _readings(twin)
    first = readings[0].changed if readings else {}
    return {name: server for name, server in first.items() if name.partition("/")[0] not in left_out}


def _unread(twin: TwinEvidence) -> Iterator[str]:
    """What the lab itself has missed."""
    readings = _readings(twin)
    if not readings or not readings[0].changed:
        yield "the servers were not read at the start"
    elif readings[-1].at_s < twin.phases.window(RECOVERY)[1]:
        yield f"the servers were last read at {readings[-1].at_s:.1f} s"


def _dead_at_the_start(twin: TwinEvidence, left_out: Container[str]) -> Iterator[str]:
    yield from (
        f"{name} was not running at the start"
        for name, server in _started(twin, left_out).items()
        if not server.pid
    )


def _readings(twin: TwinEvidence) -> Sequence[ServersRead]:
    return [event for event in twin.events if isinstance(event, ServersRead)]


def _gate(name: str, problems: Sequence[str], well: str, twin: str = "") -> Gate:
    told = f"{problems[0][:1].upper()}{problems[0][1:]}." if problems else well
    more = f" And {len(problems) - 1} more." if len(problems) > 1 else ""
    return Gate(
        name=name,
        passed=not problems,
        value=len(problems),
        limit=0,
        unit="changes",
        sentence=f"{told}{more}",
        twin=twin,
    )
