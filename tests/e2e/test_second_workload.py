"""The lab's whole machinery on a second product, which has no database, no payments and no bookings.

Its faults come from the embedded proxy, which takes over where Toxiproxy cannot be built.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import reports
from lab.judge.gates import spoiled_by_the_machine
from lab.judge.verdict import judge
from lab.model import Role, TwinPlan, Verdict, line_up
from lab.plan.runs import RunPlan
from lab.record import FolderJournal, RunRecord, RunWriter, write_verdict
from lab.runner import Runner
from lab.runtime.clock import MonotonicClock
from lab.runtime.local.testbed import LocalTestbed
from lab.runtime.toxiproxy.server import EMBEDDED
from tests.kv.workload import KV, SLOW
from tests.standing import a_stack

ATTEMPTS_MAX = 5


def perform(folder: Path, twins: tuple[TwinPlan, ...], state: Path) -> None:
    """One run of both twins, into `folder`."""
    stack = a_stack("kv-test", twins, workload=KV.name, topology=SLOW.topology, sizes=KV.sizes)
    plan = RunPlan(stack=stack, scenario=SLOW, workload=KV, phases=SLOW.quick, seed=3, quick=True)
    writer, clock = RunWriter(folder), MonotonicClock()
    journal = FolderJournal(folder / "events.jsonl", clock.now)
    testbed = LocalTestbed(stack, KV, state)
    try:
        Runner(plan, testbed, writer, journal, clock).run()
    finally:
        testbed.down()


def test_a_key_value_store_is_planned_loaded_broken_judged_and_drawn(
    needs_local: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_TOXIPROXY", EMBEDDED)
    twins = line_up([(name, "none") for name in KV.line_up])
    for attempt in range(ATTEMPTS_MAX):  # a busy machine may spoil one
        folder = tmp_path / f"run-{attempt}"
        perform(folder, twins, tmp_path / "state")
        record = RunRecord(folder)
        record.verify()
        verdict = judge(record)
        if not spoiled_by_the_machine(verdict.gates):
            break
    failed = [gate.sentence for gate in verdict.gates if not gate.passed]
    assert (verdict.valid, verdict.as_expected) == (True, True), failed or verdict.sentence
    assert [(twin.twin, twin.role, twin.verdict) for twin in verdict.twins] == [
        ("dict", Role.CONTROL, Verdict.BROKEN),
        ("dict-2", Role.TREATMENT, Verdict.BROKEN),
    ]
    write_verdict(folder, verdict)
    page = reports.render(folder, verdict)
    assert "dict-2" in page.read_text()
    assert "embedded" in page.read_text()
    assert json.loads((folder / "manifest.json").read_text())["scenario"]["workload"] == "kv"
