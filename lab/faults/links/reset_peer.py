"""Reset: at the first data in one direction the connection is torn down with a TCP reset.

Downstream, the server has done the work and its answer is lost; upstream, the request is lost. Connections older than
the fault see a plain close, so pools should be fresh.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from lab.faults.links.toxics import PROBE_WAIT_S, ToxicFault
from lab.faults.parameters import require
from lab.faults.proofs import REFUSED_SHARE_MIN, ended_by
from lab.model import LinkSample, Probe, Proof


@dataclass(frozen=True, kw_only=True)
class ResetPeer(ToxicFault):
    """Reset `timeout_ms` after the first data. Keep it short: the fault cannot be removed before that."""

    kind: ClassVar[str] = "reset_peer"
    masking: ClassVar[int] = 1
    timeout_ms: int = 0

    def attributes(self) -> Mapping[str, int]:
        return {"timeout": require(self, "timeout_ms", 0, 2_000)}

    def describe(self) -> str:
        after = f" {self.timeout_ms} ms after the first data" if self.timeout_ms else ""
        return f"connections reset{after} {self.way()}{self.rhythm()}"

    def probe(self) -> Probe:
        return self.looking(timeout_s=PROBE_WAIT_S + self.timeout_ms / 1000)

    def shown(self, before: Sequence[LinkSample], during: Sequence[LinkSample]) -> Proof:
        return ended_by(before, during, errors=("reset",), what="reset", share_min=REFUSED_SHARE_MIN)
