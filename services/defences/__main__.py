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
    """One defence: what it is, what it guards and costs, how it hurts alone. Raises ValueError if it does not say."""
    text = inspect.getdoc(importlib.import_module(f"services.defences.{name}")) or ""
    said = re.match(r"[^:]+: (.*?)\n\n(Guards .*?)\n(Costs .*?)\n(Hurts alone\b.*?)(\n\n|$)", text, re.DOTALL)
    if said is None:
        raise ValueError(f"{name} does not say what it is, what it guards and costs, and how it hurts alone")
    what, *parts = (" ".join(part.split()) for part in said.groups()[:4])
    lines = [f"- **{part}**{words.removeprefix(part)}" for part, words in zip(PARTS, parts, strict=True)]
    title = f"## [{name}](../services/defences/{name}.py)"
    return "\n".join([title, "", f"{what[:1].upper()}{what[1:]}", "", *lines, ""])


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201
