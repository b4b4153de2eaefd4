"""What `lab list` and `lab show` print of the scenarios."""

from __future__ import annotations

import json
from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from lab import catalogue, paths
from lab.catalogue import Entry
from lab.cli.console import columns, console, told
from lab.model import PHASES, Check, Fault, Phases, Scenario, in_words
from lab.settings import PLACES


def print_list() -> None:
    """Every scenario, with the question to answer before it is run."""
    table = columns(("scenario", "fault", "a question to answer before you run it"))
    for scenario in _scenarios():
        table.add_row(
            Text(scenario.name, style="bold"),
            in_words(scenario.faults) or "none",
            scenario.question.text if scenario.question else "",
        )
    console.print(table)
    console.print("\nRun one: bin/lab run s01-db-latency --quick")
    tell_broken()


def tell_broken() -> None:
    """A line for each file below scenarios/ that cannot be used, on stderr."""
    for why in catalogue.read().broken.values():
        told(why)


def json_list() -> str:
    tell_broken()
    listed = [{"name": scenario.name, "title": scenario.title} for scenario in _scenarios()]
    return json.dumps(listed, indent=2)


def _scenarios() -> list[Scenario]:
    return [entry.scenario for entry in catalogue.read().entries.values()]


def markdown_table() -> str:
    """The catalogue as the README shows it."""
    rows = ["| scenario | fault | what makes the difference |", "| --- | --- | --- |"]
    for entry in catalogue.entries().values():
        scenario = entry.scenario
        page = f"docs/scenarios/{scenario.name}.md"
        rows.append(
            f"| [{scenario.name}]({page}) | {in_words(scenario.faults) or 'none'} | {scenario.lesson} |"
        )
    return "\n".join(rows)


def print_scenario(entry: Entry, answer: bool) -> None:
    """What breaks, under what load, and what to predict; with `answer` also what happens, and why."""
    found = entry.scenario
    story, *mechanism = entry.story.split("\n\n")
    console.print(Text.assemble((found.name, "bold"), f": {found.title}"))
    console.print("\n".join(["", *paragraphs("\n\n".join([story, *(mechanism if answer else ())])), ""]))
    table = Table.grid(padding=(0, 2))
    if question := found.question:
        table.add_row("Question", question.text)
        table.add_row("", "\n".join(map(question.said, question.choices)))
        if answer:
            table.add_row("Answer", f"{question.said(question.answer)}. {question.because}")
    table.add_row("Hypothesis", found.hypothesis)
    table.add_row("Known incident", found.mirrors)
    table.add_row("Load", f"{found.load.rate_rps:g} arrivals/s for each twin: {', '.join(found.load.mix)}")
    table.add_row("Phases", f"{lengths(found.full)}\n--quick: {lengths(found.quick)}")
    table.add_row("Topology", found.topology.describe())
    table.add_row("Fault", in_words(found.faults) or "none")
    table.add_row("What it is about", title(found.checks[0]) if found.checks else "nothing is checked")
    table.add_row("Also checked", "\n".join(title(check) for check in found.checks[1:]) or "nothing else")
    if answer:
        table.add_row("Expected", ", ".join(f"{twin} {verdict}" for twin, verdict in found.expected.items()))
        table.add_row("Lesson", found.lesson)
    table.add_row("Set", "\n".join(settings(found)))
    table.add_row("Limits", "with Docker: --set limits.service.cpus=0.5 or limits.postgres.memory_mib=256 …")
    console.print(table)
    _print_how_to_run(found)
    if not answer:
        console.print("What happens, and why, is shown once you have run it, or with --answer.")


def _print_how_to_run(scenario: Scenario) -> None:
    question = scenario.question
    predict = " --predict LETTER" if question else ""
    console.print(f"\nRun it: bin/lab run {scenario.name} --quick{predict}")
    if question:
        *others, last = question.choices
        console.print(f"LETTER is your answer: {', '.join(others)} or {last}.")


def has_run(entry: Entry) -> bool:
    """Whether somebody has run the scenario here, and so has seen what happens."""
    return any(paths.RUNS.glob(f"*-{entry.scenario.name}-*/verdict.json"))


def json_scenario(entry: Entry) -> str:
    """The whole scenario, in the form that a manifest has, and its story."""
    from lab.record.codec import plain

    whole = {**plain(entry.scenario), "module": entry.module, "story": entry.story}
    return json.dumps(whole, indent=2, ensure_ascii=False)


def paragraphs(text: str) -> list[str]:
    """A docstring for a console: each paragraph in one line, for the console to wrap."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n")).split("\n")


def title(check: Check) -> str:
    return (f"{check.invariant} " if check.invariant else "") + check.title()


def lengths(phases: Phases) -> str:
    """How long each phase lasts."""
    windows = {phase: phases.window(phase) for phase in PHASES}
    return ", ".join(f"{phase} {end_s - start_s:g} s" for phase, (start_s, end_s) in windows.items())


def settings(scenario: Scenario) -> list[str]:
    """The parameters that --set takes, with their present values."""
    faults = scenario.faults
    targets = ["fault"] if len(faults) == 1 else [f"fault{number}" for number in range(1, len(faults) + 1)]
    return [
        f"load.rate_rps={scenario.load.rate_rps:g}",
        f"phases.fault_s={scenario.full.fault_s:g}",
        *(line for target, fault in zip(targets, faults, strict=True) for line in _parameters(target, fault)),
        *(
            f"limits.{part}.{name}={value}"
            for part, limits in scenario.topology.limits.items()
            for name, value in asdict(limits).items()
            if value is not None
        ),
    ]


def _parameters(target: str, fault: Fault) -> list[str]:
    skip = (*PLACES, "during", "burst")
    return [f"{target}.{name}={value}" for name, value in asdict(fault).items() if name not in skip]
