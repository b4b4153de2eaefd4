"""Timeout: everything is accepted and nothing arrives; with `timeout_ms=0` (a blackhole) for ever.

Removing it closes every connection in that direction, so healing causes a reconnect storm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from lab.faults.links.toxics import DELAY_MS_MAX, PROBE_WAIT_S, ToxicFault
from lab.faults.parameters import require
from lab.faults.proofs import connected, ended_by
from lab.model import LinkSample, Probe, Proof


@dataclass(frozen=True, kw_only=True)
class Timeout(ToxicFault):
    """All data is dropped; after `timeout_ms` of silence (0: never) the connection is closed."""

    kind: ClassVar[str] = "timeout"
    masking: ClassVar[int] = 1
    timeout_ms: int = 0

    def attributes(self) -> Mapping[str, int]:
        return {"timeout": require(self, "timeout_ms", 0, DELAY_MS_MAX)}

    def describe(self) -> str:
        if self.timeout_ms == 0:
            return f"a blackhole {self.way()}{self.rhythm()}"
        return f"silence and then, after {self.timeout_ms} ms, a close {self.way()}{self.rhythm()}"

    def probe(self) -> Probe:
        return self.looking(timeout_s=PROBE_WAIT_S + self.timeout_ms / 1000)

    def shown(self, before: Sequence[LinkSample], during: Sequence[LinkSample]) -> Proof:
        return ended_by(
            before,
            during,
            errors=("timeout", "closed", "reset"),
            what="connected but never answered",
            also=connected,
        )
