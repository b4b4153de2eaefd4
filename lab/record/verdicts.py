"""verdict.json: a RunVerdict as a file, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from lab.model import CheckResult, Gate, RunVerdict, TwinVerdict, Verdict
from lab.record.files import read_json, write_json

DIGITS = 6  # of a fraction: beyond it lies only noise


def write_verdict(folder: Path, verdict: RunVerdict) -> None:
    """verdict.json, the same bytes for the same verdict."""
    write_json(folder / "verdict.json", _plain(asdict(verdict)))


def read_verdict(folder: Path) -> RunVerdict:
    """The judgement as it was written. Raises LabError where a run has none yet."""
    data = _numbers(read_json(folder / "verdict.json"))
    data["gates"] = tuple(Gate(**gate) for gate in data["gates"])
    data["twins"] = tuple(_twin_verdict(twin) for twin in data["twins"])
    return RunVerdict(**data)


def _twin_verdict(data: Mapping[str, Any]) -> TwinVerdict:
    checks = tuple(
        CheckResult(**check | {"verdict": Verdict(check["verdict"]), "examples": tuple(check["examples"])})
        for check in data["checks"]
    )
    verdicts = {"verdict": Verdict(data["verdict"]), "expected": Verdict(data["expected"])}
    return TwinVerdict(**{**data, **verdicts, "checks": checks})


def _plain(value: Any) -> Any:
    """`value` for JSON: fractions rounded, what is not finite as "inf", "-inf" or null, tuples as lists."""
    if isinstance(value, Mapping):
        return {str(name): _plain(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(member) for member in value]
    if isinstance(value, float | np.floating):
        number = float(value)
        return round(number, DIGITS) if math.isfinite(number) else None if math.isnan(number) else str(number)
    return int(value) if isinstance(value, np.integer) else value


def _numbers(value: Any) -> Any:
    """The other way round: "inf" is a number again."""
    if isinstance(value, dict):
        return {name: _numbers(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_numbers(member) for member in value]
    return float(value) if value in ("inf", "-inf") else value
