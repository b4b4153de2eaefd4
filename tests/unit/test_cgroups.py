"""What the kernel counts and limits of a container, on files as both versions of control groups write them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from lab.runtime import cgroups
from lab.runtime.cgroups import Cgroup, Counters, cgroup_of

MIB = 1024 * 1024
VERSION_1 = {
    "cpuacct/docker/abc/cpuacct.usage": "1500000000\n",
    "cpu/docker/abc/cpu.stat": "nr_periods 9\nnr_throttled 4\nthrottled_time 250000000\n",
    "cpu/docker/abc/cpu.cfs_quota_us": "25000\n",
    "cpu/docker/abc/cpu.cfs_period_us": "100000\n",
    "memory/docker/abc/memory.stat": f"cache 5\nrss {40 * MIB}\n",
    "memory/docker/abc/memory.usage_in_bytes": f"{50 * MIB}\n",
    "memory/docker/abc/memory.limit_in_bytes": f"{64 * MIB}\n",
    "memory/docker/abc/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
    "memory/docker/abc/cgroup.procs": "42\n43\n",
}
VERSION_2 = {
    "system.slice/docker-abc.scope/cpu.stat": "usage_usec 1500000\nuser_usec 1\nthrottled_usec 250000\n",
    "system.slice/docker-abc.scope/cpu.max": "25000 100000\n",
    "system.slice/docker-abc.scope/memory.stat": f"anon {40 * MIB}\nfile 5\n",
    "system.slice/docker-abc.scope/memory.current": f"{50 * MIB}\n",
    "system.slice/docker-abc.scope/memory.max": f"{64 * MIB}\n",
    "system.slice/docker-abc.scope/memory.events": "low 0\noom 5\noom_kill 3\n",
    "system.slice/docker-abc.scope/cgroup.procs": "42\n43\n",
}
MEMBERSHIP = {
    "version 1": ("5:memory:/docker/abc\n3:cpuacct,cpu:/docker/abc\n0::/\n", VERSION_1),
    "version 2": ("0::/system.slice/docker-abc.scope\n", VERSION_2),
}


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root in which /proc and the control groups lie."""
    monkeypatch.setattr(cgroups, "PROC", tmp_path / "proc")
    monkeypatch.setattr(cgroups, "CGROUPS", tmp_path / "cgroup")
    (tmp_path / "proc" / "42").mkdir(parents=True)
    return tmp_path


def written(kernel: Path, membership: str, files: Mapping[str, str]) -> Cgroup:
    (kernel / "proc/42/cgroup").write_text(membership)
    for name, text in files.items():
        (kernel / "cgroup" / name).parent.mkdir(parents=True, exist_ok=True)
        (kernel / "cgroup" / name).write_text(text)
    return cgroup_of(42)


@pytest.mark.parametrize("version", MEMBERSHIP)
def test_both_versions_tell_the_same(kernel: Path, version: str) -> None:
    group = written(kernel, *MEMBERSHIP[version])

    assert (group.cpu_s(), group.throttled_s(), group.cpus_max()) == (1.5, 0.25, 0.25)
    assert (group.memory_bytes(), group.charged_bytes(), group.memory_max_bytes()) == (
        40 * MIB,
        50 * MIB,
        64 * MIB,
    )
    assert (group.oom_kills(), group.pids()) == (3, [42, 43])


@pytest.mark.parametrize(
    ("version", "file", "text"),
    [
        ("version 1", "cpu/docker/abc/cpu.cfs_quota_us", "-1\n"),
        ("version 2", "system.slice/docker-abc.scope/cpu.max", "max 100000\n"),
    ],
)
def test_a_container_without_a_cpu_limit_has_none(kernel: Path, version: str, file: str, text: str) -> None:
    membership, files = MEMBERSHIP[version]

    assert written(kernel, membership, {**files, file: text}).cpus_max() is None


def test_an_engine_on_another_machine_gives_no_number(kernel: Path) -> None:
    group = cgroup_of(43)

    assert group.cpu_s() is group.throttled_s() is group.oom_kills() is group.cpus_max() is None
    assert group.pids() == []


def test_a_container_that_has_gone_gives_no_number(kernel: Path) -> None:
    assert written(kernel, "3:cpuacct:/docker/gone\n", {}).cpu_s() is None


def test_counters_go_on_over_a_restart(kernel: Path) -> None:
    membership, files = MEMBERSHIP["version 1"]
    counters = Counters()
    counters.see(written(kernel, membership, files))
    usage = "cpuacct/docker/abc/cpuacct.usage"
    fresh = {**files, usage: "500000000\n", "memory/docker/abc/memory.oom_control": "oom_kill 0\n"}
    counters.see(written(kernel, membership, fresh))

    assert (counters.cpu_s, counters.oom_kills) == (2.0, 3)


def test_a_container_ended_by_want_of_memory_counts_though_its_counter_is_gone(kernel: Path) -> None:
    membership, files = MEMBERSHIP["version 1"]
    counters = Counters()
    counters.see(
        written(kernel, membership, {**files, "memory/docker/abc/memory.oom_control": "oom_kill 0\n"})
    )
    counters.see(Cgroup(), oom=True)
    counters.see(Cgroup(), oom=True)

    assert counters.oom_kills == 1
