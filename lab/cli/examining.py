"""What `lab doctor` prints."""

from __future__ import annotations

import json
from dataclasses import asdict

from rich.text import Text

from lab import doctor
from lab.cli.console import columns, console


def print_findings(*, as_json: bool) -> None:
    """All findings; each that is not ok comes with the command that fixes it."""
    findings = doctor.examine()
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
        return
    table = columns(("", "part", "found", "what to do"))
    for finding in findings:
        mark = Text("ok", style="green") if finding.ok else Text("--", style="yellow")
        meaning = finding.harm or f"rules out {finding.rules_out}"
        advice = "" if finding.ok else f"{meaning}\n{finding.fix}"
        table.add_row(mark, finding.name, finding.found, advice)
    console.print(table)
