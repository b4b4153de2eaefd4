"""The meter of a container's CPU time, on files as the kernel writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.runtime.containers import cpu as docker_cpu
from lab.runtime.containers.cpu import cpu_meter


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root in which /proc and the control groups lie."""
    monkeypatch.setattr(docker_cpu, "PROC", tmp_path / "proc")
    monkeypatch.setattr(docker_cpu, "CGROUPS", tmp_path / "cgroup")
    (tmp_path / "proc" / "42").mkdir(parents=True)
    return tmp_path


def test_version_1_counts_nanoseconds(kernel: Path) -> None:
    (kernel / "proc/42/cgroup").write_text("5:memory:/docker/abc\n3:cpuacct,cpu:/docker/abc\n0::/\n")
    (kernel / "cgroup/cpuacct/docker/abc").mkdir(parents=True)
    (kernel / "cgroup/cpuacct/docker/abc/cpuacct.usage").write_text("1500000000\n")

    assert cpu_meter(42)() == 1.5


def test_version_2_counts_microseconds(kernel: Path) -> None:
    (kernel / "proc/42/cgroup").write_text("0::/system.slice/docker-abc.scope\n")
    (kernel / "cgroup/system.slice/docker-abc.scope").mkdir(parents=True)
    (kernel / "cgroup/system.slice/docker-abc.scope/cpu.stat").write_text("usage_usec 2500000\nuser_usec 1\n")

    assert cpu_meter(42)() == 2.5


def test_an_engine_on_another_machine_gives_no_number(kernel: Path) -> None:
    assert cpu_meter(43)() is None


def test_a_container_that_has_gone_gives_no_number(kernel: Path) -> None:
    (kernel / "proc/42/cgroup").write_text("3:cpuacct:/docker/gone\n")

    assert cpu_meter(42)() is None
