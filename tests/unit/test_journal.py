"""The journal: an event is in the file before anybody hears of it, and everybody hears of every event."""

import threading
from contextlib import closing
from pathlib import Path

import pytest

from lab.model import Event, LabError, PhaseStarted, StepTaken
from lab.record import FolderJournal
from lab.record.files import read_values

STEP = StepTaken(text="starting")


def test_an_event_is_written_before_listeners_hear_of_it(tmp_path: Path) -> None:
    path, heard = tmp_path / "events.jsonl", []

    def listen(event: Event) -> None:
        heard.append((event, read_values(path, Event)))

    with closing(FolderJournal(path, lambda: 0.0, listen, listen)) as journal:
        journal.tell(STEP)
        journal.tell(PhaseStarted(phase="fault", at_s=9.0))
    assert [event for event, _ in heard] == [STEP, STEP] + [PhaseStarted(phase="fault", at_s=9.0)] * 2
    assert all(event == written[-1] for event, written in heard)


def test_instants_count_from_t0_once_it_is_known(tmp_path: Path) -> None:
    with closing(FolderJournal(tmp_path / "events.jsonl", lambda: 107.5)) as journal:
        assert journal.now_s() < 0
        journal.begin(100.0)
        assert journal.now_s() == 7.5


def tell_often(journal: FolderJournal, event: Event) -> None:
    for _ in range(25):
        journal.tell(event)


def test_events_of_many_threads_are_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    events = [StepTaken(text=str(n) * 500) for n in range(8)]
    with closing(FolderJournal(path, lambda: 0.0)) as journal:
        threads = [threading.Thread(target=tell_often, args=(journal, event)) for event in events]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(read_values(path, Event)) == 25 * len(events)
    assert set(read_values(path, Event)) == set(events)


def test_after_the_end_listeners_still_hear_and_nothing_is_written(tmp_path: Path) -> None:
    heard: list[Event] = []
    journal = FolderJournal(tmp_path / "events.jsonl", lambda: 0.0, heard.append)
    journal.close()
    journal.tell(STEP)
    assert heard == [STEP]
    assert (tmp_path / "events.jsonl").read_text() == ""


def test_a_journal_is_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("theirs")
    (tmp_path / "events.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LabError, match=r"Cannot write .*events\.jsonl"):
        FolderJournal(tmp_path / "events.jsonl", lambda: 0.0)
    assert (tmp_path / "elsewhere").read_text() == "theirs"
