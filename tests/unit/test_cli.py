"""What a person meets on the command line: one clear sentence for a mistake, numbers with units, lines completed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from lab import __version__, catalogue
from lab.catalogue import find
from lab.cli import assembly, drawing, running
from lab.cli.console import Plain
from lab.cli.looking import settings
from lab.cli.verdicts import print_verdict
from lab.model import Capability, LabError, RunVerdict, Undo
from lab.runtime.local.testbed import LocalTestbed
from lab.runtime.ownership import relief
from lab.runtime.ownership.ledger import PROCESS, Ledger
from lab.runtime.ownership.lock import run_lock
from lab.runtime.reach import Absent
from lab.shell import INHERITED
from lab.workload.booking import BOOKING
from tests.fabricated.folder import Fabricated, make_run
from tests.fabricated.verdicts import make_verdict
from tests.standing import a_stack
from tests.unit.conftest import Lab

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "s111-blakhole"), "Did you mean s11-blackhole"),
        (("run", "zzz"), "See: bin/lab list"),
        (("run", "s01", "--set", "fault.latency_ms=soon"), "latency_ms takes a whole number"),
        (("run", "s01", "--set", "fault.latency_ms=-3"), "latency_ms must be a number of 0 or more"),
        (("run", "s01", "--set", "load.rate_rps=inf"), "rate_rps must be a number of 0 or more"),
        (
            ("run", "s01", "--set", "limits.cache.cpus=1"),
            "have no part 'cache'; they have service, postgres, payments",
        ),
        (("run", "s01", "--set", "limits.service=1"), "there is no ''; choose one of cpus, memory_mib"),
        (("run", "s01", "--set", "limits.service.pids=1"), "no 'pids'; choose one of cpus, memory_mib"),
        (("run", "s01", "--set", "limits.service.cpus=0"), "cpus must be from 0.05 to 64, not 0"),
        (
            ("run", "s01", "--set", "limits.postgres.memory_mib=1"),
            "memory_mib must be from 6 to 1048576, not 1",
        ),
        (("run", "s01", "--set", "load.rate_rps=nan"), "rate_rps must be a number of 0 or more"),
        (("run", "s01", "--set", "load.rate_rps=1e9"), "Lower load.rate_rps"),
        (("run", "s01", "--set", "fault.speed=3"), "they have"),
        (("run", "s01", "--set", "speed=3"), "fault.latency_ms=200"),
        (("run", "s01", "--defences", "all,-courage"), "circuit_breaker"),
        (("run", "s01", "--runtime", "kubernetes"), "auto, local, docker"),
        (("up", "--runtime", "dokcer"), "There is no runtime called 'dokcer'"),
        (("sweep", "s01", "fault.latency_ms=1,2", "--runtime", "dokcer"), "no runtime called 'dokcer'"),
        (("run", "s01", "--defences", "all,-deadlin"), "Did you mean deadline?"),
        (("run", "s01", "--set", "phases.drain_s=1e9"), "more than a day"),
        (("run", "s01", "--set", "load.client_timeout_s=1e9"), "at most 600"),
        (("run", "s01", "--set", "load.rate_rps=1e-9"), "no request at all"),
        (("run", "s1"), "s1 matches s11-blackhole, s13-double-booking"),
        (("run", ""), "See: bin/lab list"),
        (("report",), "There are no runs yet"),
        (("report", "no-such-run"), "See: bin/lab runs"),
        (("report", "*"), "There is no run called '*'"),
        (("report", ""), "There is no run called ''"),
        (("report", "[red]"), "There is no run called '[red]'"),
        (("report", "\x1b]0;evil\x07"), r"There is no run called '\x1b]0;evil\x07'"),
        (("report", "x" * 300), "There is no run called"),
        (("prefetch", "--runtime", "kubernetes"), "Choose one of local, docker"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistake_gets_one_sentence_with_the_next_step(lab: Lab, words: tuple[str, ...], said: str) -> None:
    code, out, err = lab(*words)
    assert (code, out) == (2, "")
    assert err.startswith("lab: ")
    assert said in err
    assert err.count("\n") == 1


def test_a_full_disk_is_a_sentence_too(lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(_folder: Path) -> None:
        raise OSError(28, "No space left on device", "runs/x/requests.bin")

    make_run(tmp_path / "runs" / "only", Fabricated(requests=10))
    monkeypatch.setattr(assembly, "grade", full)
    code, _, err = lab("regrade", "only")
    assert code == 2
    assert "No space left on device: runs/x/requests.bin. Free some space" in err


def test_a_run_can_be_judged_without_drawing_its_report(lab: Lab, tmp_path: Path) -> None:
    folder = make_run(tmp_path / "runs" / "only", Fabricated(requests=300))
    code, out, err = lab("regrade", "only", "--no-report")
    assert code in (0, 1, 3), err
    assert "Report:" not in out
    assert (folder / "verdict.json").exists()
    assert not (folder / "report.html").exists()


def test_a_folder_that_cannot_be_written_is_named(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    code, _, err = lab("run", "s01", "--quick", "--runtime", "local")
    assert code == 2
    assert str(tmp_path / "state") in err
    assert "Traceback" not in err


def test_the_version_is_told(lab: Lab) -> None:
    assert lab("--version") == (0, f"failure-lab {__version__}\n", "")


def test_a_scenario_is_shown_to_machines_too(lab: Lab) -> None:
    code, out, _ = lab("show", "s11", "--json")
    shown = json.loads(out)
    assert (code, shown["name"], shown["faults"][0]["type"]) == (0, "s11-blackhole", "Timeout")
    assert shown["story"]


def test_a_scenario_is_shown_without_its_answer_until_it_was_run(lab: Lab, tmp_path: Path) -> None:
    _, asked, _ = lab("show", "s16")
    assert "Who ends that" in asked
    assert "b: the database" in asked
    assert "bin/lab run s16-deadlock --quick --predict LETTER\nLETTER is your answer: a, b" in asked
    for told in ("Answer", "deadlock_timeout", "lock_order", "Expected"):
        assert told not in asked
    _, answered, _ = lab("show", "s16", "--answer")
    ran = tmp_path / "runs" / "20261126-083000-s16-deadlock-00aa"
    ran.mkdir(parents=True)
    (ran / "verdict.json").touch()
    assert lab("show", "s16")[1] == answered
    for told in ("Answer", "deadlock_timeout", "lock_order", "Expected"):
        assert told in answered


def test_a_prediction_must_be_one_of_the_choices(lab: Lab) -> None:
    code, _, err = lab("run", "s16", "--quick", "--predict", "z")
    assert code == 2
    assert "There is no choice 'z'. The choices are: a: nobody" in err
    code, _, err = lab("run", "s16", "--quick", "--predict", "b", "--alternate")
    assert code == 2
    assert "--alternate makes four" in err


def test_a_prediction_is_kept_in_the_case_of_the_choices(lab: Lab) -> None:
    plan = running.make_plan("S16", True, 1, "all", [], [], "B")
    assert (plan.scenario.name, plan.predicted) == ("s16-deadlock", "b")


def test_a_runtime_that_does_not_exist_is_told_at_once_even_while_a_run_is_in_progress(
    lab: Lab, tmp_path: Path
) -> None:
    with run_lock(tmp_path / "state"):
        code, _, err = lab("run", "s01", "--quick", "--runtime", "dokcer")
    assert (code, err) == (
        2,
        "lab: There is no runtime called 'dokcer'. Choose one of auto, local, docker.\n",
    )


def test_a_run_without_its_manifest_is_called_damaged(lab: Lab, tmp_path: Path) -> None:
    folder = make_run(tmp_path / "runs" / "20261121-080000-s01-dmgd", Fabricated(requests=10))
    (folder / "manifest.json").unlink()
    (tmp_path / "runs" / "20261121-080000-mine").mkdir()
    code, _, err = lab("report", "dmgd")
    assert code == 2
    assert err == f"lab: {folder} has no manifest.json: it is damaged. Remove it: rm -r {folder}\n"
    assert "There is no run called 'mine'" in lab("report", "mine")[2]


def test_a_mistake_of_the_lab_itself_makes_no_verdict(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_name: str) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(catalogue, "find", fails)
    code, _, err = lab("show", "s01")
    assert code == 70
    assert err.endswith("lab: This is a bug in the lab itself. Please report it, with the lines above.\n")


@pytest.mark.thorough
@pytest.mark.parametrize("words", ["list", "list --json"])
def test_an_answer_that_nobody_reads_makes_no_verdict(words: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "lab", *words.split()]
    done = subprocess.run(command, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


def test_an_answer_that_does_not_fit_on_the_disk_is_a_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "lab", "list"]
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
    assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)
    assert b"No space left on device" in done.stderr


HEAVY = frozenset((
    "numpy._core", "cattrs", "psycopg", "docker", "requests", "matplotlib", "jinja2", "psutil", "toxiproxy", "locust",
    "pydantic", "itsdangerous", "_hashlib", "lab.model.campaigns", "lab.model.selfcheck", "lab.record",
    "lab.judge.verdict",
))  # fmt: skip
NEEDED_TO_LIST = frozenset(("rich", "lab.catalogue", "lab.model", "lab.faults", "lab.checks"))


def loaded(*words: str) -> set[str]:
    """The modules that a command has loaded when it ends."""
    told = "print(*sys.modules, file=sys.stderr)"
    code = f"import sys; sys.argv[0] = 'lab'\ntry:\n import lab.__main__\nfinally:\n {told}"
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    return set(done.stderr.split())


@pytest.mark.thorough
@pytest.mark.parametrize("words", [["list"], ["show", "s01"]])
def test_what_only_looks_loads_nothing_heavy(words: list[str]) -> None:
    modules = loaded(*words)
    assert HEAVY & modules == set()
    assert modules >= NEEDED_TO_LIST


@pytest.mark.thorough
@pytest.mark.parametrize("words", [["--help"], ["--version"], ["run", "--help"]])
def test_help_loads_nothing_that_a_command_needs(words: list[str]) -> None:
    assert (HEAVY | NEEDED_TO_LIST) & loaded(*words) == set()


def test_paths_and_ids_are_printed_as_they_are_and_give_the_terminal_no_orders(
    lab: Lab, tmp_path: Path
) -> None:
    make_run(tmp_path / "runs" / "[red]x:smile:", Fabricated(requests=10))
    make_run(tmp_path / "runs" / "esc\x1b[31m\x9b2J\u202eevil", Fabricated(requests=10))
    _, out, _ = lab("runs")
    assert "[red]x:smile:" in out
    assert not {"\x1b", "\x9b", "\u202e"} & set(out)


def test_clean_empties_a_folder_of_runs_that_is_a_link_and_touches_nothing_else_there(
    lab: Lab, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "big disk"
    elsewhere.mkdir()
    for name in ("thesis", "20240131-180000-holiday", "shop", "campaigns"):
        (elsewhere / name).mkdir()
    (elsewhere / "shop" / "manifest.json").write_text('{"name": "Shop", "start_url": "/", "icons": []}')
    (elsewhere / "campaigns" / "campaign.json").write_text('{"kind": "newsletter"}')
    theirs = set(elsewhere.rglob("*"))
    make_run(elsewhere / "20261121-080000-s01-a", Fabricated(requests=10))
    (elsewhere / "latest").symlink_to("20261121-080000-s01-a")
    (tmp_path / "runs").symlink_to(elsewhere)
    (tmp_path / "scratch" / "logs" / "run").mkdir(parents=True)
    for name in ("guardian.log", "some.log"):
        (tmp_path / "scratch" / name).touch()
    (tmp_path / "state").symlink_to(tmp_path / "scratch")
    code, out, err = lab("clean", "--runs")
    assert (code, out.splitlines()[-2:]) == (0, ["removed 1 runs", "Clean."]), err
    assert set(elsewhere.rglob("*")) == theirs
    assert [path.name for path in (tmp_path / "scratch").iterdir()] == ["some.log"]


def test_the_newest_report_is_opened_in_a_browser(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = make_run(tmp_path / "runs" / "20261121-080000-s01 a", Fabricated(requests=10))
    (folder / "report.html").touch()
    (tmp_path / "runs" / "latest").symlink_to(folder.name)
    opened: list[str] = []
    seen: list[str | None] = []

    def look(address: str) -> bool:
        opened.append(address)
        seen.append(os.environ.get("XDG_DATA_DIRS"))
        return False

    monkeypatch.setattr(INHERITED, "environment", {"XDG_DATA_DIRS": "/var/lib/snapd/desktop"})
    monkeypatch.setattr("webbrowser.open", look)
    code, out, _ = lab("open")
    assert code == 0
    assert opened == [folder.resolve().as_uri() + "/report.html"]
    assert seen == ["/var/lib/snapd/desktop"]
    assert "To open the report yourself: file://" in out


def test_what_of_a_standing_stack_is_dead_is_told(lab: Lab, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "state", "up-1")
    with subprocess.Popen(["sleep", "60"]) as alive, subprocess.Popen(["true"]) as gone:
        ledger.own_process(alive.pid, "naive's service")
        ledger.own(PROCESS, str(gone.pid), started="gone", name="naive's payments", stop=15)
        ledger.left_standing({"naive": dict.fromkeys(("edge", "toxiproxy"), "http://127.0.0.1:1")})
        ledger.undo(Undo(how=relief.START, details={"name": "naive's payments"}))
        try:
            assert "dead: naive's payments. Start it again: bin/lab heal" in lab("ps")[1]
            os.kill(alive.pid, signal.SIGSTOP)
            os.waitpid(alive.pid, os.WUNTRACED)
            (told,) = json.loads(lab("ps", "--json")[1])
            assert told["not_running"] == {"naive's payments": "dead", "naive's service": "paused"}
            assert "paused: naive's service. Start afresh: bin/lab down, then bin/lab up" in lab("ps")[1]
            assert told["broken"] == ["naive: its Toxiproxy does not answer"]
            (line,) = [line for line in lab("ps")[1].splitlines() if "Toxiproxy" in line]
            assert line == "  naive: its Toxiproxy does not answer"
        finally:
            alive.kill()


def test_the_verdict_is_told_in_the_units_of_people(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.cli.verdicts.console", Plain(width=200))
    verdict = make_verdict("run")
    late = replace(
        verdict.twins[0].checks[0], value=float("inf"), threshold=1500.0, unit="ms", unreached="no answer"
    )
    told = replace(
        verdict,
        twins=(replace(verdict.twins[0], checks=(late, *verdict.twins[0].checks[1:])), verdict.twins[1]),
    )
    print_verdict(told)
    shown = " ".join(capsys.readouterr().out.split())
    assert "broken no answer (limit 1 500 ms)" in shown
    assert "broken 3 in 66" in shown
    assert "held none in 66" in shown
    assert "requests in the fault phase 1.2 % good, 8.8 % refused, 90 % unknown of 400" in shown
    assert "never" not in shown
    assert "99.8 % (limit 95 %)" in shown
    assert "share" not in shown


def test_an_invalid_run_names_the_gate_and_shows_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    verdict = make_verdict("run", valid=False)
    (told,) = [gate for gate in verdict.gates if not gate.passed]
    print_verdict(replace(verdict, gates=(told, replace(told, name="healing observed"), *verdict.gates)))
    shown = capsys.readouterr().out
    assert shown.startswith(f"\n{verdict.sentence}")
    assert "Also failed: healing observed (naive twin)" in shown
    assert "expected" not in shown


def test_the_runs_are_listed_and_one_that_nobody_walks_any_more_was_killed(lab: Lab, tmp_path: Path) -> None:
    make_run(tmp_path / "runs" / "20261121-080000-s01-a", Fabricated(requests=10))
    make_run(tmp_path / "runs" / "20261121-090000-s01-b", Fabricated(requests=10, status="running"))
    code, out, _ = lab("runs", "--json")
    assert code == 0
    assert [(row["run"][-1], row["status"]) for row in json.loads(out)] == [
        ("b", "killed"),
        ("a", "complete"),
    ]


@pytest.fixture
def runs_spoiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., list[Path]]:
    """Lets `lab run` make runs of which the first ones fail the gates named; returns those that were made."""

    def spoiled(*gates: str) -> list[Path]:
        made: list[Path] = []

        @contextmanager
        def performed(_plan: object, _runtime: str, folder: Path, *_: object) -> Iterator[None]:
            made.append(folder)
            folder.mkdir(parents=True)
            (folder / "verdict.json").write_text("{}")
            yield

        def grade(_: Path) -> RunVerdict:
            verdict = make_verdict("run", valid=len(made) > len(gates))
            failed = [replace(gate, name=gates[len(made) - 1]) for gate in verdict.gates if not gate.passed]
            return verdict if verdict.valid else replace(verdict, gates=tuple(failed))

        monkeypatch.setattr(running, "performed", performed)
        monkeypatch.setattr(running, "heal", lambda _state: [])
        monkeypatch.setattr(running, "repeat", lambda _folder: "bin/lab run s01")
        monkeypatch.setattr(running, "answer_of", lambda _folder: ["A question?", "Answer: a: one. It is."])
        monkeypatch.setattr(assembly, "grade", grade)
        monkeypatch.setattr(drawing, "report", lambda folder, _program: folder / "report.html")
        return made

    return spoiled


def test_a_run_that_the_machine_spoiled_is_made_again_and_both_are_told(
    lab: Lab, runs_spoiled: Callable[..., list[Path]]
) -> None:
    made = runs_spoiled("schedule lag")
    code, out, err = lab("run", "s01", "--quick", "--runtime", "local")
    assert (code, len(made)) == (0, 2), err
    assert "repeated" in err
    assert "Repeat: bin/lab run s01" in out
    assert "Answer: a: one. It is." in out
    assert "repeated" not in out


@pytest.mark.parametrize(
    ("gates", "words", "count"),
    [
        (("proxies untouched",), (), 1),
        (("schedule lag", "schedule lag"), (), 2),
        (("schedule lag",), ("--again", "0"), 1),
    ],
    ids=["not the machine's doing", "twice too busy", "not asked for"],
)
def test_a_run_that_stays_invalid_ends_with_3(
    lab: Lab,
    runs_spoiled: Callable[..., list[Path]],
    gates: tuple[str, ...],
    words: tuple[str, ...],
    count: int,
) -> None:
    made = runs_spoiled(*gates)
    code, _, _ = lab("run", "s01", "--quick", "--runtime", "local", *words)
    assert (code, len(made)) == (3, count)


@pytest.mark.parametrize("words", [(), ("--json",)], ids=["for people", "for machines"])
def test_the_verdict_is_told_before_anything_is_drawn_and_stands_whatever_becomes_of_that(
    lab: Lab,
    runs_spoiled: Callable[..., list[Path]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
) -> None:
    told_before: list[str] = []

    def fails(_folder: Path, _program: object) -> Path:
        told_before.append(capsys.readouterr().out)
        raise LabError("matplotlib is broken.")

    runs_spoiled()
    monkeypatch.setattr(drawing, "report", fails)
    code, out, err = lab("run", "s01", "--quick", "--runtime", "local", *words)
    assert code == 0
    assert told_before[0].startswith("{}") if words else "naive broke" in told_before[0]
    assert "The report could not be written: matplotlib is broken." in err
    assert out == ("" if words else "\nRepeat: bin/lab run s01\n")


@pytest.mark.parametrize("name", ["s01", "s11", "s14"])
def test_every_setting_that_show_offers_can_be_set(name: str) -> None:
    from lab.catalogue import configure

    scenario = find(name).scenario
    assert configure(scenario, False, settings(scenario))[0] == scenario


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("lab run s1", [name for name in catalogue.entries() if name.startswith("s1")]),
        ("lab run s11 --runtime do", ["docker"]),
        ("lab reg", ["regrade"]),
    ],
)
def test_bash_completes_a_line_by_the_script_that_the_lab_prints(
    line: str, offered: list[str], tmp_path: Path
) -> None:
    program = tmp_path / "bin" / "lab"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -P -m lab "$@"\n')
    program.chmod(0o755)
    script = (
        f'eval "$({program} --show-completion bash)"\n'
        f"COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))\n"
        f"complete -p lab >/dev/null && _lab_completion {program}\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == offered


def test_a_missing_runtime_is_told_with_where_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    from lab.runtime.containers import testbed as docker

    monkeypatch.setattr(docker, "available", lambda: "no Docker engine answers.")
    stack = a_stack("r")
    with pytest.raises(LabError, match="See: bin/lab doctor"):
        assembly.testbed("docker", stack, BOOKING, frozenset())


LASTING = "Docker Compose is missing. Install its plugin."


@pytest.mark.parametrize(
    ("reason", "present", "said"),
    [
        (None, False, assembly.NO_IMAGES),
        (LASTING, False, f"{LASTING} Running locally."),
        (Absent("No engine answers."), False, ""),
    ],
    ids=["images of other sources", "an engine that cannot be used", "no engine"],
)
def test_who_might_expect_docker_is_told_why_a_run_is_local(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    reason: str | None,
    present: bool,
    said: str,
) -> None:
    from lab.runtime.containers import testbed as docker

    monkeypatch.setattr(docker, "available", lambda: reason)
    monkeypatch.setattr(docker, "images_present", lambda _topology: present)
    assert assembly.testbed("auto", a_stack("r"), BOOKING, frozenset()).runtime == "local"
    assert capsys.readouterr() == ("", f"{said}\n" if said else "")


class Incapable(LocalTestbed):
    """The local runtime on a machine that cannot pause a part."""

    def offers(self) -> Mapping[Capability, str]:
        return {**dict.fromkeys(Capability, ""), Capability.PAUSE: "no such signal here"}


def test_what_a_runtime_cannot_do_is_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(assembly, "LocalTestbed", Incapable)
    stack = a_stack("r")
    with pytest.raises(LabError, match=r"cannot pause a part \(no such signal here\).*--runtime docker"):
        assembly.testbed("local", stack, BOOKING, frozenset({Capability.PAUSE, Capability.LINK}))
    assembly.testbed("local", stack, BOOKING, frozenset({Capability.LINK}))


def test_twins_are_chosen_by_service_and_defences() -> None:
    chosen = assembly.twins(BOOKING, ["hardened:all,-deadline", "hardened", "naive"], "none")
    assert [(twin.name, twin.defences) for twin in chosen] == [
        ("hardened-without-deadline", "all,-deadline"), ("hardened-changed", "none"), ("naive", "none"),
    ]  # fmt: skip
    assert [twin.name for twin in assembly.twins(BOOKING, [], "all")] == ["naive", "hardened"]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (["student"], "Choose one of naive, hardened"),
        (["naive:all"], "naive has no defences to switch"),
        (["hardened:all,-courage"], "circuit_breaker"),
        (["naive"] * 4, "1 to 3 twins, not 4"),
    ],
)
def test_a_twin_that_cannot_be_had_is_named(wanted: list[str], said: str) -> None:
    with pytest.raises(LabError, match=said):
        assembly.twins(BOOKING, wanted, "all")
