"""Every trial scenario for real, through the whole lab: its faults were observed, and so was their healing.

A long proof. What they break and heal, tests/integration/test_local_parts.py and tests/docker/test_docker_parts.py
break and heal in CI, too; test_topologies.py, in both folders, has the parts that no scenario has.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import partial
from pathlib import Path

import pytest

from lab.cli import assembly, running
from lab.cli.drawing import Drawer
from lab.faults import FAULTS
from lab.model import BALANCER, CACHE, QUEUE, Capability, Phases, Scenario, Secrets, Stack
from lab.plan.runs import RunPlan
from lab.workload import known
from tests.e2e import trials

TRIALS: list[Scenario] = [
    importlib.import_module(f"{trials.__name__}.{module.name}").SCENARIO
    for module in pkgutil.iter_modules(trials.__path__)
]
PHASES = Phases(warmup_s=1, baseline_s=4, fault_s=8, recovery_s=5, drain_s=1)
AGAIN = 2  # where the machine was too busy to be on time
SEED = 1

pytestmark = pytest.mark.timeout(600)


def planned(scenario: Scenario) -> RunPlan:
    workload = known.find(scenario.workload)
    stack = Stack(
        run=assembly.new_run(scenario.name),
        workload=workload.name,
        twins=assembly.twins(workload, (), "all"),
        secrets=Secrets.fresh(),
        topology=scenario.topology,
        sizes={**workload.sizes, **scenario.sizes},
    )
    return RunPlan(stack=stack, scenario=scenario, workload=workload, phases=PHASES, seed=SEED, quick=True)


@pytest.mark.long
@pytest.mark.parametrize("runtime", ["local", "docker"])
@pytest.mark.parametrize("scenario", TRIALS, ids=lambda scenario: scenario.name)
def test_a_trial_is_valid_its_faults_observed_and_healed(
    scenario: Scenario, runtime: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue(f"needs_{runtime}")
    verdict, folder = running.judged_run(
        partial(planned, scenario), runtime, AGAIN, lambda plan: tmp_path / plan.stack.run
    )
    assert [gate for gate in verdict.gates if not gate.passed] == []
    faults = len(scenario.faults) * len(verdict.twins)
    assert sum(gate.name == "fault observed" for gate in verdict.gates) == faults
    assert any(gate.name == "healing observed" for gate in verdict.gates)
    assert Drawer().draw(folder)


def test_there_is_a_trial_of_every_new_kind_of_fault() -> None:
    """But for those of links, which have scenarios and a conformance suite."""
    tried = {type(fault) for scenario in TRIALS for fault in scenario.faults}
    assert tried >= {fault for fault in FAULTS if fault.needs is not Capability.LINK}


def test_there_is_a_trial_of_every_new_part_of_a_topology() -> None:
    topologies = [scenario.topology for scenario in TRIALS]
    assert {BALANCER, CACHE, QUEUE} <= {part for topology in topologies for part in topology.parts}
    assert any(topology.replicas > 1 and topology.restarter for topology in topologies)
