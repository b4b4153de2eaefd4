"""What the doctor says of one part of the machine."""

from __future__ import annotations

from dataclasses import dataclass

LOCAL = "the local runtime"
DOCKER = "the docker runtime"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """`rules_out`, `harm` and `fix` are "" where the part is `ok`; otherwise one of the first two is not."""

    name: str
    ok: bool
    found: str
    rules_out: str = ""
    harm: str = ""
    fix: str = ""
