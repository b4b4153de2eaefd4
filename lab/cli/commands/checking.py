"""The command that checks the checker: selfcheck."""

from typing import Annotated

import typer

from lab.cli.arguments import Json, Page, Runtime


def selfcheck(
    quick: Annotated[
        bool, typer.Option("--quick", help="A few cases of each kind, in five minutes instead of an hour.")
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="Only cases with this in their names; may be repeated.")
    ] = None,
    runtime: Runtime = "local",
    seed: Annotated[int, typer.Option(help="The seed of all runs.", min=0)] = 1,
    new: Annotated[
        bool, typer.Option("--new", help="Start a new self-check, even if one is unfinished.")
    ] = False,
    listed: Annotated[bool, typer.Option("--list", help="Only list the cases.")] = False,
    out: Page = None,
    page: Annotated[
        bool,
        typer.Option(
            "--page",
            help="Only rewrite the page from its data; with --only, try those cases first and add them.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Check the checker: plant errors and interfere with runs, and see whether the lab notices each."""
    from lab import paths
    from lab.cli import selfcheck as checking

    cases = checking.chosen(quick, only or ())
    if listed:
        checking.print_cases(cases)
        return
    target = out or paths.ROOT / "docs" / "selfcheck.md"
    if page and not only:
        checking.write_again(target)
        return
    shown = target if page or not (quick or only) else None
    checking.check_and_conclude(cases, runtime, seed, new=new, page=shown, as_json=as_json)


COMMANDS = (selfcheck,)
