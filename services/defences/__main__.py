"""`python -m services.defences`: the page of all defences, docs/defences.md, made from their docstrings.

With `--awaited` it prints, as JSON, which future scenario will need each, for the lab's matrix.
"""

import importlib
import inspect
import json
import re
import sys
from datetime import timedelta
from types import ModuleType

from services.defences import costs
from services.defences.choice import NAMES

INTRODUCTION = """\
# The defences

Each defence is one file and one switch (`--defences all,-deadline`, `--defences none,+connection_pool`). Each can
do harm on its own, and says how. Its cost while nothing is broken was [measured](#what-each-costs-measured),
[the matrix](matrix.md) shows which scenario breaks without it, and *Awaits* names a scenario to come.

<!-- Generated from docstrings and docs/defences.json: .venv/bin/python -m services.defences > docs/defences.md -->
"""
PARTS = ("Guards", "Costs", "Hurts alone", "Awaits")


def page() -> str:
    """The whole page as Markdown."""
    measured = costs.read()
    chapters = [chapter(name, costs.sentence(measured, name)) for name in NAMES]
    return "\n".join([INTRODUCTION, *chapters, *costs.chapter(measured), ""])


def chapter(name: str, measured: str = "") -> str:
    """One defence: what it is, guards, costs, and how it hurts alone. Raises ValueError if its docstring lacks one."""
    module = importlib.import_module(f"services.defences.{name}")
    what, *parts = (with_values(part, module) for part in said(module))
    lines = [
        f"- **{word}**{part.removeprefix(word)}" for word, part in zip(PARTS, parts, strict=True) if part
    ]
    if measured:
        lines[1] += f" {measured}"
    title = f"## [{name}](../services/defences/{name}.py)"
    return "\n".join([title, "", f"{what[:1].upper()}{what[1:]}", "", *lines, ""])


def said(module: ModuleType) -> list[str]:
    """What a docstring says: what it is, guards, costs, how it hurts alone, what it awaits ("" for nothing)."""
    found = re.match(
        r"[^:]+: (.*?)\n\n(Guards .*?)\n(Costs .*?)\n(Hurts alone\b.*?)(?:\n(Awaits .*?))?(?:\n\n|$)",
        inspect.getdoc(module) or "",
        re.DOTALL,
    )
    if found is None:
        raise ValueError(
            f"{module.__name__} does not say what it is, what it guards and costs, and how it hurts alone"
        )
    return [" ".join((part or "").split()) for part in found.groups()]


def with_values(text: str, module: ModuleType) -> str:
    """`text` with the names of constants of `module` replaced by their values."""

    def value(name: re.Match) -> str:
        return spelled(name[0], getattr(module, name[0], None)) or name[0]

    return re.sub(r"\b[A-Z][A-Z0-9_]+\b", value, text)


def spelled(name: str, value: object) -> str:
    """A constant as people write it, with the unit in which its name ends; "" if it is not a number."""
    if isinstance(value, timedelta):
        return f"{value.total_seconds() / 3600:g} h"
    if not isinstance(value, int | float):
        return ""
    unit = {"S": " s", "MS": " ms"}.get(name.rpartition("_")[2], "")
    return f"{value:,}{unit}" if isinstance(value, int) else f"{value:g}{unit}"


def awaited() -> dict[str, str]:
    """For each defence, which future scenario will need it; "" if it does not say."""
    modules = {name: importlib.import_module(f"services.defences.{name}") for name in NAMES}
    return {name: said(module)[-1].removeprefix("Awaits ") for name, module in modules.items()}


if __name__ == "__main__":
    print(json.dumps(awaited()) if sys.argv[1:] == ["--awaited"] else page(), end="")  # noqa: T201
