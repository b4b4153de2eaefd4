"""Whether the twins had their machine to themselves. What others took from them is not their fault.

Load, probes and proxies run at a higher priority than the twins, so a schedule that was kept says nothing about this. A
twin that uses up its own cores is a finding, not a reason to distrust the run.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from lab.judge.evidence import RunEvidence
from lab.judge.gates.plain import yes_or_no
from lab.model import (
    BASELINE,
    RECOVERY,
    Capability,
    Gate,
    MachineSample,
    Scenario,
    ServersRead,
    percent,
    plural,
)

FOREIGN_CPU, MEMORY = "foreign CPU", "memory"
SECOND_S, SLACK_S = 1.0, 0.1
# Of all cores of the twins, and in cores, whichever is less: on eight cores, one that is burnt is an eighth of all.
FOREIGN_IN_A_SECOND_MAX, FOREIGN_IN_A_SECOND_CORES_MAX = 0.2, 0.4
READ_EVERY_S = 0.5  # the lab pauses this long between two samples; the rest of the time it was reading
LOOK_AHEAD_S = 3.0  # two slow readings in a row took 2.3 s
GAP_MAX_S = 2.0  # between two samples
FOREIGN_MAX, FOREIGN_CORES_MAX = 0.05, 0.1  # from the baseline to the end of the recovery
STOLEN_MIN = 0.01  # less is not worth mentioning
SWAPPED_BYTES_MAX = 20_000_000


def foreign_cpu(run: RunEvidence) -> Gate:
    """CPU time on the twins' cores that went to other programs: in the worst second, and on average."""
    if not (run.manifest.counted or run.machine):
        return yes_or_no(FOREIGN_CPU, True, "This system does not report what else ran on it.")
    inside = _inside(run)
    worst, at_s = max(_seconds(inside), default=(1.0, 0.0))
    mean = _share(inside[0], inside[-1]) if len(inside) > 1 else 1.0
    unseen = _unseen(run)
    cores = inside[-1].cores if inside else 1
    most = min(FOREIGN_IN_A_SECOND_MAX, FOREIGN_IN_A_SECOND_CORES_MAX / cores)
    most_of_all = min(FOREIGN_MAX, FOREIGN_CORES_MAX / cores)
    value, limit = (mean, most_of_all) if worst <= most and mean > most_of_all else (worst, most)
    sentence = (
        f"Other programs used {_told(mean, most_of_all, cores)}, and in the worst second, at {at_s:.0f} s, "
        f"{_told(worst, most, cores)}.{_stolen(inside)}"
    )
    if len(inside) < 2:
        sentence = "There is no record of what else used the twins' cores."
    elif unseen:
        sentence = f"There is no record of what else used the twins' cores {unseen}."
    return Gate(
        name=FOREIGN_CPU,
        passed=value <= limit and not unseen,
        value=None if unseen or len(inside) < 2 else value,
        limit=limit,
        unit="share",
        sentence=sentence,
    )


def _told(share: float, limit: float, cores: int) -> str:
    """A share of the twins' cores beside its limit, both in cores, too."""
    of = f"the twins' {cores} cores" if cores > 1 else "the twins' core"
    return f"{percent(share)} of {of}, {share * cores:.2f} of a core (limit {percent(limit)}, {limit * cores:.2f})"


def memory(run: RunEvidence) -> Gate:
    """Hardly anything was swapped, and no process was killed for lack of memory except where the scenario limits it."""
    planned, samples = _limited(run.manifest.scenario), run.machine
    victims = _victims(run, planned)
    if not (run.manifest.counted or samples or victims):
        return yes_or_no(MEMORY, True, "This system does not report swapping, nor kills for lack of memory.")
    swapped = samples[-1].swapped_bytes - samples[0].swapped_bytes if samples else 0
    # The machine does not say in which part it killed.
    killed = samples[-1].oom_kills - samples[0].oom_kills if samples and not planned else 0
    killed = max(killed, *victims.values(), 0)
    told = plural(killed, "process", "processes")
    sentence = f"The machine swapped {swapped / 1e6:.0f} MB, and killed {told} for lack of memory."
    if victims:
        sentence += f" One was in {next(iter(victims))}."
    elif not samples:
        sentence = "There is no record of the machine's memory."
    value, limit, unit = (killed, 0, "killed") if killed else (swapped / 1e6, SWAPPED_BYTES_MAX / 1e6, "MB")
    return Gate(
        name=MEMORY,
        passed=bool(samples) and value <= limit,
        value=value if samples or killed else None,
        limit=limit,
        unit=unit,
        sentence=sentence,
    )


def _limited(scenario: Scenario) -> set[str]:
    """The parts of which the scenario itself may have a process killed for lack of memory."""
    faults = [fault for fault in scenario.faults if fault.needs is Capability.MEMORY_LIMIT]
    limits = scenario.topology.limits.items()
    return {part for part, limit in limits if limit.memory_mib} | {fault.target().name for fault in faults}


def _victims(run: RunEvidence, planned: Container[str]) -> Mapping[str, int]:
    """How many processes of each server were killed for lack of memory; of parts outside `planned`, by their names."""
    kills: Counter[str] = Counter()
    for twin in run.twins:
        known: dict[str, int] = {}
        for event in twin.events:
            for name, server in event.changed.items() if isinstance(event, ServersRead) else ():
                if server.oom_kills is not None and name.partition("/")[0] not in planned:
                    more = server.oom_kills - known.get(name, server.oom_kills)
                    kills[f"{name} of the {twin.twin} twin"] += max(0, more)
                    known[name] = server.oom_kills
    return +kills


def _unseen(run: RunEvidence) -> str:
    """The first gap in the record from T0 to the end of the load, in words; "" if there is none."""
    at_s = [0.0, *(sample.at_s for sample in run.machine if sample.at_s > 0), run.manifest.phases.load_s]
    gaps = ((last_s, next_s) for last_s, next_s in pairwise(at_s) if next_s - last_s > GAP_MAX_S)
    return next((f"between {last_s:.1f} s and {next_s:.1f} s" for last_s, next_s in gaps), "")


def _inside(run: RunEvidence) -> Sequence[MachineSample]:
    """The samples from the baseline to the end of the recovery, in which the twins are compared."""
    phases = run.manifest.phases
    start_s, end_s = phases.window(BASELINE)[0], phases.window(RECOVERY)[1]
    return [sample for sample in _settled(run.machine) if start_s <= sample.at_s <= end_s]


def _settled(samples: Sequence[MachineSample]) -> Iterator[MachineSample]:
    """The samples, with what the twins and the lab used while a sample was being read counted as theirs.

    Our counters are read first, the machine's last. On busy cores a second may pass in between, and what we use in it
    counts as foreign until the next sample. Real foreign time never shrinks, so the lowest of the next values is the
    true one; but no sample is lowered by more than the time that its reading took. In the opposite order foreign time
    would seem to rise one sample later, which nothing corrects, and the run would be invalid.
    """
    for number, sample in enumerate(samples):
        end = bisect_right(samples, sample.at_s + LOOK_AHEAD_S, key=lambda one: one.at_s)
        taken_back_s = _foreign_s(sample) - min(map(_foreign_s, (sample, *samples[number + 1 : end])))
        reading_s = sample.at_s - samples[number - 1].at_s - READ_EVERY_S if number else 0.0
        ours_s = min(taken_back_s, sample.cores * max(0.0, reading_s))
        yield replace(sample, ours_s=sample.ours_s + ours_s)


def _foreign_s(sample: MachineSample) -> float:
    return sample.busy_s - sample.ours_s


def _seconds(samples: Sequence[MachineSample]) -> Iterator[tuple[float, float]]:
    """(share, instant) for each sample: what other programs used in the second that begins there."""
    later = 0
    for first in samples:
        while later < len(samples) and samples[later].at_s < first.at_s + SECOND_S - SLACK_S:
            later += 1
        if later < len(samples):
            yield _share(first, samples[later]), first.at_s


def _share(before: MachineSample, after: MachineSample) -> float:
    """The share of the cores' time between two samples that other programs used."""
    return max(0.0, (_foreign_s(after) - _foreign_s(before)) / (after.cores * (after.at_s - before.at_s)))


def _stolen(samples: Sequence[MachineSample]) -> str:
    """How much of it the hypervisor took for its other guests, in words; "" if hardly any."""
    if len(samples) < 2:
        return ""
    first, last = samples[0], samples[-1]
    share = (last.stolen_s - first.stolen_s) / (last.cores * (last.at_s - first.at_s))
    return (
        f" That includes {percent(share)} of the cores taken by the host of this virtual machine (steal)."
        if share >= STOLEN_MIN
        else ""
    )
