"""What is written into a run folder is read back as it was, and what is missing or damaged is named."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from lab.catalogue import find
from lab.model import QUICK, CheckResult, Gate, LabError, Outcome, RunVerdict, TwinVerdict, Verdict
from lab.record import REQUEST, RunRecord, RunWriter, list_runs, read_verdict, write_verdict

T0 = 1_000.0


@pytest.fixture
def writer(tmp_path: Path) -> RunWriter:
    writer = RunWriter(tmp_path / "runs" / "20260101-000000-s01-0001")
    writer.manifest({"t0": T0, "planned": 3, "phases": vars(QUICK)})
    return writer


def twin(writer: RunWriter):  # type: ignore[no-untyped-def]
    return RunRecord(writer.folder).twin("naive", find("s01").scenario)


def test_requests_are_read_in_order_of_the_plan_with_times_from_t0(writer: RunWriter) -> None:
    rows = np.zeros(3, REQUEST)
    rows["i"], rows["intended"], rows["end"] = (2, 0, 1), (T0 + 2, T0, T0 + 1), (T0 + 2.5, T0 + 0.5, T0 + 1.5)
    rows.tofile(writer.twin_folder("naive") / "requests.bin")
    read = twin(writer).requests
    assert read["i"].tolist() == [0, 1, 2]
    assert read["intended"].tolist() == [0, 1, 2]


def test_history_is_joined_with_what_was_asked(writer: RunWriter) -> None:
    lines = [
        {"i": i, "at_s": i / 2, "path": f"/p{i}", "body": {"reference": f"r{i}"}, "key": f"k{i}"}
        for i in range(3)
    ]
    (writer.folder / "schedule.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    answer = {"i": 1, "op": "transfer", "outcome": 2, "status": 500, "end": T0 + 3, "answered": None}
    (writer.twin_folder("naive") / "history.jsonl").write_text(json.dumps(answer) + "\n")
    (operation,) = twin(writer).history
    assert (operation.asked["reference"], operation.key, operation.outcome) == ("r1", "k1", Outcome.UNKNOWN)
    assert (operation.at_s, operation.end_s) == (0.5, 3.0)


def test_a_fault_was_surely_on_from_the_answer_to_injecting_until_healing_was_asked_for(
    writer: RunWriter,
) -> None:
    for kind, before_s, after_s in (("inject", 9.0, 9.1), ("heal", 19.0, 19.2)):
        writer.event(event=kind, twin="naive", fault=0, before_s=before_s, after_s=after_s)
        writer.event(event=kind, twin="hardened", fault=0, before_s=before_s + 1, after_s=after_s + 1)
    assert twin(writer).fault_windows == [(0, 9.1, 19.0)]


def test_a_line_that_a_kill_cut_short_is_left_out(writer: RunWriter) -> None:
    (writer.twin_folder("naive") / "metrics.jsonl").write_text(
        '{"at_s": 1, "ok": true, "samples": {}}\n{"at_s": 2, "o'
    )
    assert [line["at_s"] for line in twin(writer).metrics] == [1]


def test_what_is_missing_is_named_with_the_next_step(writer: RunWriter) -> None:
    with pytest.raises(LabError, match=r"final\.json.*make it again"):
        _ = twin(writer).final


def test_a_damaged_file_is_named(writer: RunWriter) -> None:
    (writer.twin_folder("naive") / "final.json").write_text('{"bookings": [')
    with pytest.raises(LabError, match=r"final\.json is damaged"):
        _ = twin(writer).final


def verdict() -> RunVerdict:
    check = CheckResult(
        check="latency",
        verdict=Verdict.BROKEN,
        value=math.inf,
        threshold=300.0,
        unit="ms",
        sentence="s",
        examples=("a",),
    )
    numbers = {"fault": {"p95_ms": math.inf, "good_ratio": 1 / 3}}
    twins = (
        TwinVerdict(
            twin="naive", verdict=Verdict.BROKEN, expected=Verdict.BROKEN, checks=(check,), numbers=numbers
        ),
    )
    gate = Gate(name="g", passed=True, value=None, limit=5.0, unit="ms", sentence="s")
    return RunVerdict(
        run="r", scenario="s01", valid=True, gates=(gate,), twins=twins, as_expected=True, sentence="It fell."
    )


def test_a_verdict_is_written_the_same_again_after_reading_it(tmp_path: Path) -> None:
    write_verdict(tmp_path, verdict())
    first = (tmp_path / "verdict.json").read_bytes()
    read = read_verdict(tmp_path)
    assert read.twins[0].checks[0] == verdict().twins[0].checks[0]
    write_verdict(tmp_path, read)
    assert (tmp_path / "verdict.json").read_bytes() == first


def test_latest_names_the_newest_run_and_is_not_listed_twice(writer: RunWriter) -> None:
    writer.link_latest()
    runs = writer.folder.parent
    assert (runs / "latest").resolve() == writer.folder
    assert list_runs(runs) == [writer.folder]


def test_a_folder_that_cannot_be_made_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file where the folder should be")
    with pytest.raises(LabError, match=r"Cannot write .*runs"):
        RunWriter(tmp_path / "runs" / "one")


def test_a_damaged_line_is_named(writer: RunWriter) -> None:
    (writer.twin_folder("naive") / "probes.jsonl").write_text('{"link": \n{}\n')
    with pytest.raises(LabError, match=r"probes\.jsonl is damaged"):
        _ = twin(writer).probes


def test_a_history_without_its_schedule_is_damaged(writer: RunWriter) -> None:
    (writer.folder / "schedule.jsonl").write_text("")
    (writer.twin_folder("naive") / "history.jsonl").write_text('{"i": 4}\n')
    with pytest.raises(LabError, match=r"schedule\.jsonl is damaged.*number 4"):
        _ = twin(writer).history


def test_a_request_that_was_never_sent_has_no_instant_of_sending(writer: RunWriter) -> None:
    rows = np.zeros(2, REQUEST)
    rows["sent"] = 0.0, T0 + 1
    rows.tofile(writer.twin_folder("naive") / "requests.bin")
    assert np.isnan(twin(writer).requests["sent"]).tolist() == [True, False]
