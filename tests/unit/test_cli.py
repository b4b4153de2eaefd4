"""What a person meets on the command line: one clear sentence for a mistake, numbers with units, lines completed."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from lab import cli, paths
from lab.catalogue import find
from lab.cli import assembly, running
from lab.cli.console import print_verdict
from lab.cli.looking import settings
from lab.model import Capability, LabError, RunVerdict
from lab.runtime.local.testbed import LocalTestbed
from lab.workload.booking import BOOKING
from tests.fabricated.folder import Fabricated, make_run
from tests.fabricated.verdicts import make_verdict
from tests.standing import a_stack

ROOT = Path(__file__).parents[2]
Lab = Callable[..., tuple[int, str, str]]


@pytest.fixture
def lab(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Lab:
    """(exit code, standard output, standard error) of a command line; runs and state in a folder of the test's."""
    monkeypatch.setattr(paths, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(paths, "STATE", tmp_path / "state")

    def command(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["bin/lab", *words])
        with pytest.raises(SystemExit) as leaving:
            cli.main()
        code = leaving.value.code
        return (code if isinstance(code, int) else 0, *capsys.readouterr())

    return command


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "s111-blakhole"), "Did you mean s11-blackhole"),
        (("run", "nothing-like-it"), "See: bin/lab list"),
        (("run", "s01", "--set", "fault.latency_ms=soon"), "latency_ms takes a whole number"),
        (("run", "s01", "--set", "fault.latency_ms=-3"), "latency_ms must be a number from 0 up"),
        (("run", "s01", "--set", "load.rate_rps=inf"), "rate_rps must be a number from 0 up"),
        (("run", "s01", "--set", "load.rate_rps=nan"), "rate_rps must be a number from 0 up"),
        (("run", "s01", "--set", "load.rate_rps=1e9"), "Lower load.rate_rps"),
        (("run", "s01", "--set", "fault.speed=3"), "they have"),
        (("run", "s01", "--set", "speed=3"), "fault.latency_ms=200"),
        (("run", "s01", "--defences", "all,-courage"), "circuit_breaker"),
        (("run", "s01", "--runtime", "kubernetes"), "auto, local, docker"),
        (("report", "no-such-run"), "See: bin/lab runs"),
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


def test_a_folder_that_cannot_be_written_is_named(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    code, _, err = lab("run", "s01", "--quick", "--runtime", "local")
    assert code == 2
    assert str(tmp_path / "state") in err
    assert "Traceback" not in err


def test_the_verdict_is_told_in_the_units_of_people(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lab.cli.console.console", Console(width=200))
    verdict = make_verdict("run")
    late = replace(verdict.twins[0].checks[0], value=float("inf"), threshold=1500.0, unit="ms")
    told = replace(
        verdict,
        twins=(replace(verdict.twins[0], checks=(late, *verdict.twins[0].checks[1:])), verdict.twins[1]),
    )
    print_verdict(told)
    shown = " ".join(capsys.readouterr().out.split())
    assert "broken never (limit 1 500 ms)" in shown
    assert "99.8 % (limit 95 %)" in shown
    assert "share" not in shown


def test_an_invalid_run_names_the_gate_and_shows_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    print_verdict(make_verdict("run", valid=False))
    shown = capsys.readouterr().out
    assert "invalid" in shown
    assert "fault observed" in shown
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

        def perform(_plan: object, _runtime: str, folder: Path) -> None:
            made.append(folder)
            folder.mkdir(parents=True)
            (folder / "verdict.json").write_text("{}")

        def grade(_: Path) -> RunVerdict:
            verdict = make_verdict("run", valid=len(made) > len(gates))
            failed = [replace(gate, name=gates[len(made) - 1]) for gate in verdict.gates if not gate.passed]
            return verdict if verdict.valid else replace(verdict, gates=tuple(failed))

        monkeypatch.setattr(running, "perform", perform)
        monkeypatch.setattr(running, "heal", lambda _state: [])
        monkeypatch.setattr(running, "repeat", lambda _folder: "bin/lab run s01")
        monkeypatch.setattr(assembly, "grade", grade)
        monkeypatch.setattr(assembly, "report", lambda folder: folder / "report.html")
        return made

    return spoiled


def test_a_run_that_the_machine_spoiled_is_made_again_and_both_are_told(
    lab: Lab, runs_spoiled: Callable[..., list[Path]]
) -> None:
    made = runs_spoiled("schedule lag")
    code, out, err = lab("run", "s01", "--quick", "--runtime", "local")
    assert (code, len(made)) == (0, 2), err
    assert "made again" in err
    assert "Repeat: bin/lab run s01" in out
    assert "made again" not in out


@pytest.mark.parametrize(
    ("gates", "words", "count"),
    [
        (("fault as asked",), (), 1),
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

    def fails(_folder: Path) -> Path:
        told_before.append(capsys.readouterr().out)
        raise LabError("matplotlib is broken.")

    runs_spoiled()
    monkeypatch.setattr(assembly, "report", fails)
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


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("lab run s1", ["s11-blackhole", "s13-double-booking", "s14-partial-write", "s16-deadlock"]),
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
        ("hardened", "all,-deadline"), ("hardened-2", "none"), ("naive", "none"),
    ]  # fmt: skip
    assert [twin.name for twin in assembly.twins(BOOKING, [], "all")] == ["naive", "hardened"]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (["student"], "There is naive, hardened"),
        (["naive:all"], "naive has no defences to switch"),
        (["hardened:all,-courage"], "circuit_breaker"),
        (["naive"] * 4, "1 to 3 twins, not 4"),
    ],
)
def test_a_twin_that_cannot_be_had_is_named(wanted: list[str], said: str) -> None:
    with pytest.raises(LabError, match=said):
        assembly.twins(BOOKING, wanted, "all")
