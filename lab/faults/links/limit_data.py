"""Limit: each connection is closed after a number of bytes in one direction, which truncates answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from lab.faults.links.toxics import DOWNSTREAM, PROBE_WAIT_S, ToxicFault
from lab.faults.parameters import require
from lab.faults.proofs import connected, ended_by
from lab.model import LinkSample, Probe, Proof


@dataclass(frozen=True, kw_only=True)
class LimitData(ToxicFault):
    """Closed after `limit_bytes`; 0 closes at the first byte."""

    kind: ClassVar[str] = "limit_data"
    masking: ClassVar[int] = 1
    limit_bytes: int

    def attributes(self) -> Mapping[str, int]:
        return {"bytes": require(self, "limit_bytes", 0, 200_000)}

    def describe(self) -> str:
        return f"connections cut after {self.limit_bytes} bytes {self.way()}{self.rhythm()}"

    def probe(self) -> Probe:
        return self.carrying(self.limit_bytes + 1_000, PROBE_WAIT_S)

    def shown(self, before: Sequence[LinkSample], during: Sequence[LinkSample]) -> Proof:
        return ended_by(
            before,
            during,
            errors=("closed", "reset"),
            what=f"cut off within {self.limit_bytes} bytes",
            also=self._cut,
        )

    def _cut(self, sample: LinkSample) -> bool:
        return connected(sample) and (
            self.direction != DOWNSTREAM or sample.received_bytes <= self.limit_bytes
        )
