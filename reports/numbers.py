"""The table of numbers: descriptive figures by phase and twin, as lab.engine.judge computed them."""

from __future__ import annotations

from dataclasses import dataclass

from lab.model import RunVerdict


@dataclass(frozen=True, kw_only=True)
class Heading:
    twin: str
    phase: str


@dataclass(frozen=True, kw_only=True)
class NumbersTable:
    headings: tuple[Heading, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]
    cost: str = ""


def numbers_table(verdict: RunVerdict) -> NumbersTable:
    return NumbersTable(headings=(), rows=())
