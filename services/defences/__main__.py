"""`python -m services.defences`: the page of all defences, made of what their modules say. It is docs/defences.md."""

import importlib
import inspect
import re

from services.defences.switch import NAMES

INTRODUCTION = """\
# The defences

Each is one file and one switch (`--defences all,-deadline`, `--defences none,+connection_pool`), and none is a remedy
by itself: read how it hurts alone.

<!-- Made of the modules' own words: .venv/bin/python -m services.defences > docs/defences.md -->
"""
PARTS = ("Guards", "Costs", "Hurts alone")


def page() -> str:
    """The whole page as Markdown."""
    return "\n".join([INTRODUCTION, *(chapter(name) for name in NAMES)])


def chapter(name: str) -> str:
    """One defence: what it is, then what it guards, what it costs and how it hurts alone. All four must be there."""
    text = inspect.getdoc(importlib.import_module(f"services.defences.{name}")) or ""
    head, body = text.split("\n\n")[:2]
    what = " ".join(head.split()).partition(": ")[2]
    guards, costs, hurts = re.match(r"(Guards .*)\n(Costs .*)\n(Hurts alone\b.*)", body, re.DOTALL).groups()
    lines = [emphasized(part, said) for part, said in zip(PARTS, (guards, costs, hurts), strict=True)]
    return (
        f"## [{name}](../services/defences/{name}.py)\n\n{what[:1].upper()}{what[1:]}\n\n"
        + "\n".join(lines)
        + "\n"
    )


def emphasized(part: str, said: str) -> str:
    return f"- **{part}**{' '.join(said.split()).removeprefix(part)}"


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201
