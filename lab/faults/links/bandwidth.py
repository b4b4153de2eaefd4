"""Bandwidth: a limit of bytes per second in one direction, for each connection separately."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from lab.faults.links.toxics import DOWNSTREAM, PROBE_WAIT_S, ToxicFault
from lab.faults.parameters import require
from lab.faults.proofs import delayed, last_byte_ms
from lab.model import LinkSample, Probe, Proof

SHOWN_MS = 300  # a probe carries what takes this long to transfer …
PROBE_BYTES_MIN = 4_000  # … but enough that its first messages do not matter
PROBE_BYTES_MAX = 256_000  # … and no more than this: ten probes a second must not become a load of their own
SLACK_SHARE = 0.25


@dataclass(frozen=True, kw_only=True)
class Bandwidth(ToxicFault):
    """1 KB is 1000 bytes. A rate of 0 is not offered: the data that piles up can wedge Toxiproxy's own API."""

    kind: ClassVar[str] = "bandwidth"
    rate_kb_s: int

    def attributes(self) -> Mapping[str, int]:
        return {"rate": require(self, "rate_kb_s", 10, 10_000)}

    def describe(self) -> str:
        return f"{self.rate_kb_s} KB/s for each connection {self.way()}{self.rhythm()}"

    def probe(self) -> Probe:
        carried = min(max(self.rate_kb_s * SHOWN_MS, PROBE_BYTES_MIN), PROBE_BYTES_MAX)
        return self.carrying(carried, PROBE_WAIT_S + 4 * carried / self.rate_kb_s / 1000)

    def shown(self, before: Sequence[LinkSample], during: Sequence[LinkSample]) -> Proof:
        return delayed(
            before,
            during,
            reading=last_byte_ms,
            what="the last byte",
            expected_ms=self._carried_bytes(before) / self.rate_kb_s,
            slack_share=SLACK_SHARE,
        )

    def _carried_bytes(self, before: Sequence[LinkSample]) -> int:
        """What a probe really carries in the direction of the fault: not every server pads its answer as requested."""
        if self.direction == DOWNSTREAM:
            return max((sample.received_bytes for sample in before), default=0)
        return self.probe().request_bytes
