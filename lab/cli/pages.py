"""`python -m lab.cli.pages`: one page for each scenario, docs/scenarios/NAME.md.

A page asks first and answers behind a fold: what breaks, the question with its choices, how to run it; then what
happens, why, and the code: the same function in both twins, or the one of a defence, taken from their files.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

from lab import catalogue, paths
from lab.catalogue import Entry
from lab.cli.looking import title
from lab.model import LabError, Question, Scenario, in_words

PAGES = paths.ROOT / "docs" / "scenarios"
SERVICES = paths.ROOT / "services"
TWINS = ("naive", "hardened")
GENERATED = "<!-- Generated from scenarios/ and services/: .venv/bin/python -m lab.cli.pages -->"


def main() -> None:
    """Write all pages, and remove those of scenarios that are gone."""
    PAGES.mkdir(exist_ok=True)
    wanted = {path_of(entry): page(entry) for entry in catalogue.entries().values()}
    for path in PAGES.glob("*.md"):
        if path not in wanted:
            path.unlink()
    for path, text in wanted.items():
        path.write_text(text)


def path_of(entry: Entry) -> Path:
    return PAGES / f"{entry.scenario.name}.md"


def page(entry: Entry) -> str:
    """The whole page as Markdown."""
    scenario = entry.scenario
    story, *mechanism = (" ".join(paragraph.split()) for paragraph in entry.story.split("\n\n"))
    lines = [
        f"# {scenario.name}: {scenario.title}\n",
        GENERATED + "\n",
        f"{story}\n",
        f"**Fault:** {in_words(scenario.faults) or 'none'}. {_load(scenario)}\n",
        *(_asked(scenario.question) if scenario.question else ()),
        f"```console\n$ bin/lab run {scenario.name} --quick --predict LETTER\n```\n",
        "<details><summary>The answer, and what to look for</summary>\n",
        *(_answered(scenario.question) if scenario.question else ()),
        *(f"{paragraph}\n" for paragraph in mechanism),
        *_looked_for(scenario),
        *_code(scenario),
        "</details>",
    ]
    return "\n".join(lines) + "\n"


def _load(scenario: Scenario) -> str:
    ops = ", ".join(f"`{op}`" for op in scenario.load.mix)
    load = "**[Load](../reference.md#operations-of-the-load):**"
    return f"{load} {scenario.load.rate_rps:g} arrivals/s for each twin: {ops}."


def _asked(question: Question) -> Iterator[str]:
    yield f"## Predict\n\n{question.text}\n"
    yield "\n".join(f"- **{letter}**: {choice}" for letter, choice in question.choices.items()) + "\n"


def _answered(question: Question) -> Iterator[str]:
    yield f"\n**{question.said(question.answer)}.** {question.because}\n"


def _looked_for(scenario: Scenario) -> Iterator[str]:
    first, *others = map(title, scenario.checks)
    verdicts = " and ".join(f"{twin} **{verdict}**" for twin, verdict in scenario.expected.items())
    also = "[Also checked](../reference.md#checks)"
    yield f"Expected: {verdicts}. What the scenario is about: {first}. {also}: {'; '.join(others)}.\n"
    yield f"What makes the difference: {scenario.lesson}\n"
    if scenario.defences:
        links = ", ".join(f"[{name}](../defences.md#{name})" for name in scenario.defences)
        yield f"The defences: {links}.\n"
    yield f"**Known incident:** {scenario.mirrors.rstrip('.')}.\n"


def _code(scenario: Scenario) -> Iterator[str]:
    for place in scenario.code:
        for twin in TWINS:
            file, text, language = excerpt(twin, place)
            if text:
                yield f"`{file}` ({twin}):\n\n```{language}\n{text}\n```\n"


def excerpt(twin: str, place: str) -> tuple[str, str, str]:
    """(file, text, language) of what `place` names in `twin`: "profiles.save" is a function, "schema.indexes" what the
    schema has for that defence, "defences.deadline.left_s" a function of that defence, of which the naive twin has
    nothing. Raises LabError if there is no such place.
    """
    module, _, name = place.partition(".")
    if module == "schema":
        return f"services/schema/{twin}.sql", _section(twin, name), "sql"
    folder = twin
    if module == "defences":
        folder, (module, _, name) = "defences", name.partition(".")
    path = SERVICES / folder / f"{module}.py"
    text = _function(path.read_text() if path.exists() else "", name)
    if not text:
        raise LabError(f"There is no {place} in the {twin} twin.")
    lacking = folder == "defences" and twin == TWINS[0]
    return f"services/{folder}/{module}.py", "" if lacking else text, "python"


def _function(source: str, name: str) -> str:
    """The function called `name` ("wait", or "Connection.wait" in a class); "" if there is none."""
    outer, _, inner = name.rpartition(".")
    nodes: list[ast.stmt] = ast.parse(source).body
    if outer:
        classes = [node for node in nodes if isinstance(node, ast.ClassDef) and node.name == outer]
        nodes = [part for found in classes for part in found.body]
    for node in nodes:
        if isinstance(node, ast.FunctionDef) and node.name == inner:
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            return dedent("\n".join(source.splitlines()[first - 1 : node.end_lineno]))
    return ""


def _section(twin: str, defence: str) -> str:
    """What the schema of `twin` has for `defence`; the naive one has nothing."""
    text = (SERVICES / "schema" / f"{twin}.sql").read_text()
    _, found, rest = text.partition(f"-- defence: {defence}\n")
    if not found and twin != TWINS[0]:
        raise LabError(f"There is no section {defence} in the schema of the {twin} twin.")
    return (found + rest.partition("\n\n")[0]).strip() if found else text.strip()


if __name__ == "__main__":
    main()
