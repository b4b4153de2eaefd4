"""What is written into a run folder is read back as it was, and what is missing, damaged or foreign is named."""

import json
import math
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from lab.model import (
    FAULT,
    Arrival,
    FaultWindow,
    LabError,
    Outcome,
    Role,
)
from lab.record import (
    FORMAT,
    REQUEST,
    FolderJournal,
    RunRecord,
    RunWriter,
    TwinRecord,
    list_runs,
    read_verdict,
    write_verdict,
)
from tests.fabricated.evidence import HARDENED, NAIVE, T0_AT, a_manifest, a_scenario, changes_of
from tests.fabricated.folder import Fabricated, make_run, scenario_of
from tests.fabricated.folder import write_requests as write_requests_of
from tests.fabricated.verdicts import make_verdict

SCENARIO = scenario_of(Fabricated())
SUMMARY = {
    "twin": NAIVE, "ops": ["get_booking"], "planned": 3,
    "recorded": 3, "cap_hits": 0, "errors": [], "cpu_share_max": 0.1,
    "oracle": {"get_booking": True}, "cpu_s": 1, "started_at": 1, "rss_bytes_start": 1, "rss_bytes_end": 1,
    "priority": "",
}  # fmt: skip


@pytest.fixture
def writer(tmp_path: Path) -> RunWriter:
    writer = RunWriter(tmp_path / "runs" / "20260101-000000-s01-0001")
    writer.manifest(a_manifest(SCENARIO, planned=3))
    (writer.twin_folder(NAIVE) / "load.json").write_text(json.dumps(SUMMARY))
    return writer


def twin(writer: RunWriter) -> TwinRecord:
    return next(RunRecord(writer.folder).twins)


def write_requests(writer: RunWriter, rows: object) -> None:
    write_requests_of(writer.twin_folder(NAIVE) / "requests.bin", NAIVE, rows)


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    manifest = a_manifest(SCENARIO, planned=3)
    writer = RunWriter(tmp_path / "run")
    writer.manifest(manifest)
    assert RunRecord(writer.folder).manifest == manifest


def test_the_scenario_of_a_run_is_that_of_its_day_with_its_checks_and_thresholds(tmp_path: Path) -> None:
    read = RunRecord(make_run(tmp_path / "run", Fabricated(requests=20))).manifest.scenario
    assert read.checks == SCENARIO.checks
    assert read.faults == SCENARIO.faults


def test_a_folder_of_format_1_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"run": "old", "scenario": "s01-db-latency", "twins": {}}')
    with pytest.raises(LabError, match=f"in format 1, and this lab reads format {FORMAT}"):
        RunRecord(tmp_path)


def test_a_folder_of_an_earlier_lab_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"format": FORMAT - 1}))
    with pytest.raises(LabError, match=f"written in format {FORMAT - 1}"):
        RunRecord(tmp_path)


def test_a_folder_of_a_later_lab_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"format": FORMAT + 1}))
    with pytest.raises(LabError, match=f"written in format {FORMAT + 1}"):
        RunRecord(tmp_path)


def test_twins_are_read_in_the_order_of_the_run(tmp_path: Path) -> None:
    twins = RunRecord(make_run(tmp_path / "run", Fabricated(requests=20))).twins
    assert [(twin.twin, twin.plan.role) for twin in twins] == [
        (NAIVE, Role.CONTROL),
        (HARDENED, Role.TREATMENT),
    ]


def test_requests_are_read_in_order_of_the_plan_with_times_from_t0(writer: RunWriter) -> None:
    rows = np.zeros(3, REQUEST)
    rows["i"], rows["intended"] = (2, 0, 1), (T0_AT + 2, T0_AT, T0_AT + 1)
    rows["end"] = rows["intended"] + 0.5
    write_requests(writer, rows)
    read = twin(writer).requests
    assert read["i"].tolist() == [0, 1, 2]
    assert read["intended"].tolist() == [0, 1, 2]


def test_a_request_that_was_never_sent_has_no_instant_of_sending(writer: RunWriter) -> None:
    rows = np.zeros(2, REQUEST)
    rows["sent"] = 0.0, T0_AT + 1
    write_requests(writer, rows)
    assert np.isnan(twin(writer).requests["sent"]).tolist() == [True, False]


@pytest.mark.parametrize(
    ("field", "value"),
    [("op", 1), ("failure", 10), ("outcome", 4), ("end", math.nan), ("intended", math.inf)],
)
def test_bytes_that_no_load_writes_are_damage(writer: RunWriter, field: str, value: float) -> None:
    rows = np.zeros(2, REQUEST)
    rows[field][1] = value
    write_requests(writer, rows)
    with pytest.raises(LabError, match=r"requests\.bin is damaged"):
        _ = twin(writer).requests


def test_history_is_joined_with_what_was_asked(writer: RunWriter) -> None:
    writer.schedule(
        Arrival(
            i=i,
            at_s=i / 2,
            op="transfer",
            method="POST",
            path="/t/",
            body={"reference": f"r{i}"},
            key=f"k{i}",
        )
        for i in range(3)
    )
    rows = np.zeros(1, REQUEST)
    rows["i"], rows["outcome"], rows["status"], rows["end"] = 1, Outcome.UNKNOWN, 500, T0_AT + 3
    write_requests(writer, rows)
    answer = {
        "twin": NAIVE,
        "i": 1,
        "op": "transfer",
        "outcome": 2,
        "status": 500,
        "end": T0_AT + 3,
        "answered": None,
    }
    (writer.twin_folder(NAIVE) / "history.jsonl").write_text(json.dumps(answer) + "\n")
    (operation,) = twin(writer).history
    assert (operation.asked["reference"], operation.key, operation.outcome) == ("r1", "k1", Outcome.UNKNOWN)
    assert (operation.at_s, operation.end_s) == (0.5, 3.0)


def test_a_repetition_that_was_not_needed_is_recorded_but_no_request(writer: RunWriter) -> None:
    common = {"op": "transfer", "method": "POST", "path": "/t/"}
    writer.schedule(Arrival(i=i, at_s=i, **common, repeats=i - 1 if i else None) for i in range(3))
    rows = np.zeros(3, dtype=REQUEST)
    rows["i"], rows["flags"] = range(3), [1, 4, 0]
    write_requests(writer, rows)
    assert len(twin(writer).recorded) == 3
    assert twin(writer).requests["i"].tolist() == [0, 2]
    assert twin(writer).repeats == {1: 0}


def test_a_reader_that_was_not_needed_is_recorded_but_no_request(writer: RunWriter) -> None:
    write = Arrival(i=0, at_s=0, op="hold", method="POST", path="/holds/", body={}, read_back=True)
    read = Arrival(i=1, at_s=1, op="own_hold", method="GET", path="/holds/{id}/", expect={"a": 1}, reads=0)
    writer.schedule([write, read])
    rows = np.zeros(2, dtype=REQUEST)
    rows["i"], rows["flags"] = range(2), [1, 4]
    write_requests(writer, rows)
    assert (twin(writer).reads, twin(writer).repeats) == ({1: 0}, {})
    assert twin(writer).requests["i"].tolist() == [0]


def test_a_history_without_its_schedule_is_damaged(writer: RunWriter) -> None:
    writer.schedule([])
    answer = {
        "twin": NAIVE,
        "i": 4,
        "op": "transfer",
        "outcome": 2,
        "status": 500,
        "end": T0_AT + 3,
        "answered": None,
    }
    (writer.twin_folder(NAIVE) / "history.jsonl").write_text(json.dumps(answer) + "\n")
    with pytest.raises(LabError, match=r"schedule\.jsonl is damaged.*number 4"):
        _ = twin(writer).history


def test_a_fault_was_certainly_on_from_the_answer_to_injecting_until_healing_was_asked_for(
    writer: RunWriter,
) -> None:
    manifest = RunRecord(writer.folder).manifest
    with closing(FolderJournal(writer.folder / "events.jsonl", lambda: T0_AT)) as journal:
        for event in changes_of(NAIVE, manifest):
            journal.tell(event)
    start_s, end_s = manifest.phases.window(FAULT)
    assert twin(writer).fault_windows == [FaultWindow(fault=0, on_s=start_s + 0.003, off_s=end_s + 0.001)]


def test_a_line_that_a_kill_cut_short_is_left_out(writer: RunWriter) -> None:
    whole, cut = '{"twin": "naive", "at_s": 1, "ok": true, "samples": {}}', '{"at_s": 2, "o'
    (writer.twin_folder(NAIVE) / "metrics.jsonl").write_text(f"{whole}\n{cut}")
    assert [reading.at_s for reading in twin(writer).metrics] == [1]


def test_what_is_missing_is_named_with_the_next_step(writer: RunWriter) -> None:
    with pytest.raises(LabError, match=r"final\.json.*repeat it"):
        _ = twin(writer).final


@pytest.mark.parametrize(
    "text",
    ["{", "[]", "{}", '{"twin": "naive", "holds": 7}', '{"twin": "naive", "holds": [7]}', "[" * 100_000],
)
def test_a_damaged_file_is_named(writer: RunWriter, text: str) -> None:
    (writer.twin_folder(NAIVE) / "final.json").write_text(text)
    with pytest.raises(LabError, match=r"final\.json is damaged"):
        _ = twin(writer).final


def test_a_damaged_line_is_named(writer: RunWriter) -> None:
    (writer.twin_folder(NAIVE) / "probes.jsonl").write_text('{"target": \n{}\n')
    with pytest.raises(LabError, match=r"probes\.jsonl is damaged"):
        _ = twin(writer).probes


def test_a_member_that_does_not_fit_is_named(writer: RunWriter) -> None:
    (writer.twin_folder(NAIVE) / "metrics.jsonl").write_text(
        '{"twin": "naive", "at_s": "soon", "ok": true, "samples": {}}\n'
    )
    with pytest.raises(LabError, match=r"metrics\.jsonl is damaged.*at_s"):
        _ = twin(writer).metrics


def test_a_verdict_is_written_the_same_again_after_reading_it(tmp_path: Path) -> None:
    made = make_verdict("run")
    write_verdict(tmp_path, made)
    read = read_verdict(tmp_path)
    assert read == made
    assert read.twins[0].numbers.time_to_recover_s == math.inf
    write_verdict(tmp_path, read)
    first = (tmp_path / "verdict.json").read_bytes()
    write_verdict(tmp_path, read_verdict(tmp_path))
    assert (tmp_path / "verdict.json").read_bytes() == first


def test_latest_names_the_newest_run_and_is_not_listed_twice(writer: RunWriter) -> None:
    writer.link_latest()
    runs = writer.folder.parent
    assert (runs / "latest").resolve() == writer.folder
    assert list_runs(runs) == [writer.folder]


def test_a_run_goes_on_where_no_link_can_be_made_and_the_one_before_is_not_taken_for_the_latest(
    writer: RunWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = writer.folder.parent
    (runs / "latest").symlink_to("the-one-before")

    def refuse(_link: Path, _target: str) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    writer.link_latest()
    assert sorted(path.name for path in runs.iterdir()) == [writer.folder.name]


def test_a_damaged_run_is_listed_with_the_others(writer: RunWriter) -> None:
    runs = writer.folder.parent
    make_run(runs / "20260101-000001-s01-0002", Fabricated(requests=10))
    (writer.folder / "manifest.json").write_text("{")
    assert [folder.name for folder in list_runs(runs)] == ["20260101-000001-s01-0002", writer.folder.name]


def test_a_folder_that_cannot_be_made_is_one_clear_sentence(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file where the folder should be")
    with pytest.raises(LabError, match=r"Cannot write .*runs"):
        RunWriter(tmp_path / "runs" / "one")


def test_a_scenario_without_faults_and_checks_is_kept_too(tmp_path: Path) -> None:
    writer = RunWriter(tmp_path / "run")
    writer.manifest(a_manifest(a_scenario()))
    assert RunRecord(writer.folder).manifest.scenario == a_scenario()
