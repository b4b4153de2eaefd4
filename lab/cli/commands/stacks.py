"""Commands about what is running, what is left over and what is to come: up, down, ps, heal, clean, prefetch."""

from typing import Annotated

import typer

from lab.cli.arguments import Json, Runtime


def up(
    runtime: Runtime = "auto",
    defences: Annotated[
        str, typer.Option(help="Defences of the hardened twin: all, none, or all,-deadline …")
    ] = "all",
) -> None:
    """Start both twins and their proxies, leave them running, and print how to reach them."""
    from lab.cli.stacks import bring_up

    bring_up(runtime, defences)


def down() -> None:
    """Stop what `up` left running."""
    from lab.cli.stacks import take_all_down

    take_all_down()


def ps(as_json: Json = False) -> None:
    """Show what is running, and what has died: twins started by `up`, and a run in progress."""
    from lab.cli.stacks import print_standing

    print_standing(as_json=as_json)


def heal() -> None:
    """Clean up after a killed run, and repair what `up` left running: toxics, links, dead parts."""
    from lab.cli.stacks import heal_and_tell

    heal_and_tell()


def clean(
    runs: Annotated[bool, typer.Option("--runs", help="Also remove all runs.")] = False,
    images: Annotated[
        bool, typer.Option("--images", help="Also remove the Docker images that the lab has built.")
    ] = False,
) -> None:
    """Heal, stop what is running, and remove the lab's scratch files."""
    from lab.cli.cleaning import clean_up

    clean_up(runs=runs, images=images)


def prefetch(
    runtime: Annotated[str, typer.Option(help="What to get ready: local or docker.")] = "local",
) -> None:
    """Fetch and build everything that any scenario needs, so that no network is needed later."""
    from lab.cli.fetching import fetch

    fetch(runtime)


COMMANDS = (up, down, ps, heal, clean, prefetch)
