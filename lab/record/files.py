"""Files of JSON: replaced as a whole or read line by line; what is missing or damaged is named, with the next step."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from lab.model import LabError


def write_json(path: Path, value: Any) -> None:
    fresh = path.with_name(f".{path.name}")
    fresh.write_text(json.dumps(value, indent=1) + "\n")
    fresh.replace(path)


def read_json(path: Path) -> Any:
    with opened(path) as file:
        try:
            return json.load(file)
        except ValueError as exc:
            raise damaged(path, exc) from exc


def read_lines(path: Path) -> list[dict[str, Any]]:
    """One JSON value a line; a last line that a kill cut short is left out."""
    with opened(path) as file:
        try:
            return list(_parsed(file))
        except ValueError as exc:
            raise damaged(path, exc) from exc


def opened(path: Path) -> Any:
    try:
        return path.open()
    except OSError as exc:
        raise unreadable(path, exc) from exc


def unreadable(path: Path, why: OSError) -> LabError:
    return LabError(f"Cannot read {path}: {why.strerror}. The run did not get so far; make it again.")


def damaged(path: Path, why: object) -> LabError:
    return LabError(f"{path} is damaged ({why}). Make the run again.")


def _parsed(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.endswith("\n"):
            yield json.loads(line)
