"""How the command line speaks to people: one console for answers, one for messages while they wait.

Nothing that is printed is markup, and no control character gets through: a path, a run's id or a sentence from a run
folder of unknown origin is shown as it is, and cannot control the terminal. JSON goes to plain stdout.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from rich.console import Console, JustifyMethod, OverflowMethod
from rich.table import Table
from rich.text import Text

from lab.cli.output import Gone, printable


class Plain(Console):
    """A console that prints text as it is."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def render_str(
        self,
        text: str,
        *,
        justify: JustifyMethod | None = None,
        overflow: OverflowMethod | None = None,
        **options: Any,
    ) -> Text:
        return super().render_str(printable(text), justify=justify, overflow=overflow, **options)

    def on_broken_pipe(self) -> NoReturn:
        self.quiet = True
        raise Gone


console = Plain(soft_wrap=False)


def told(text: str) -> None:
    """A message for the person who waits: to stderr, which no program reads."""
    Plain(stderr=True).print(text, soft_wrap=True)


def say(text: str, style: str = "") -> None:
    """An answer, in lines that only the terminal wraps, so that paths can be copied."""
    console.print(text, style=style, soft_wrap=True)


def columns(headings: Iterable[str], *, whole: str = "", shown: bool = True) -> Table:
    """An empty table whose cells are folded where they do not fit, except in the column `whole`: names to copy."""
    table = Table(box=None, pad_edge=False, show_header=shown)
    for heading in headings:
        table.add_column(heading, overflow="fold", no_wrap=heading == whole != "")
    return table
