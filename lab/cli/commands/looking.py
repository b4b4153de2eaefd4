"""Commands that only look: doctor, list, show."""

from typing import Annotated

import typer

from lab.cli.arguments import Json, ScenarioName


def doctor(as_json: Json = False) -> None:
    """Show what this machine has, what is missing, what will not work without it, and the command that fixes it."""
    from lab.cli.examining import print_findings

    print_findings(as_json=as_json)


def list_(
    as_json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the table for the README.")] = False,
) -> None:
    """List the scenarios."""
    from lab.cli import looking

    if as_json:
        print(looking.json_list())
    elif markdown:
        print(looking.markdown_table())
    else:
        looking.print_list()


def show(
    scenario: ScenarioName,
    answer: Annotated[bool, typer.Option("--answer", help="Also show what happens, and why.")] = False,
    as_json: Json = False,
) -> None:
    """Show one scenario: what breaks, what to predict, load, checks. Once you have run it, also the answer."""
    from lab import catalogue
    from lab.cli import looking

    entry = catalogue.find(scenario)
    if as_json:
        print(looking.json_scenario(entry))
    else:
        looking.print_scenario(entry, answer or looking.has_run(entry))


COMMANDS = (doctor, list_, show)
