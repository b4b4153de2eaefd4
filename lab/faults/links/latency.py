"""Latency: everything that flows in one direction arrives late, except the TCP handshake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from lab.faults.links.toxics import DELAY_MS_MAX, PROBE_WAIT_S, ToxicFault, link_samples
from lab.faults.parameters import require
from lab.faults.proofs import DELAY_SLACK_MS, LOW, MIDDLE, delayed, first_byte_ms, too_late
from lab.model import ROUND_TRIPS, LinkSample, Probe, Proof, Seen, Unfit


@dataclass(frozen=True, kw_only=True)
class Latency(ToxicFault):
    """Each chunk is held for `latency_ms`, plus or minus a uniform `jitter_ms` (not seeded: for demonstrations)."""

    kind: ClassVar[str] = "latency"
    latency_ms: int
    jitter_ms: int = 0

    def attributes(self) -> Mapping[str, int]:
        latency_ms = require(self, "latency_ms", 1, DELAY_MS_MAX)
        jitter_ms = require(self, "jitter_ms", 0, DELAY_MS_MAX)
        if jitter_ms > latency_ms:
            raise Unfit(
                f"latency: jitter_ms must be at most latency_ms ({latency_ms}), not {jitter_ms}.",
                "jitter_ms",
                "latency_ms",
            )
        return {"latency": latency_ms, "jitter": jitter_ms}

    def describe(self) -> str:
        jitter = f" ± {self.jitter_ms} ms" if self.jitter_ms else ""
        return f"{self.latency_ms} ms{jitter} of latency {self.way()}{self.rhythm()}"

    def probe(self) -> Probe:
        return self.looking(timeout_s=PROBE_WAIT_S + 4 * (self.latency_ms + self.jitter_ms) / 1000)

    def shown(self, before: Sequence[LinkSample], during: Sequence[LinkSample]) -> Proof:
        return delayed(
            before,
            during,
            reading=first_byte_ms,
            what="the answer",
            expected_ms=self._trips() * self.latency_ms,
            slack_ms=DELAY_SLACK_MS + self.jitter_ms / 2,
            share=MIDDLE if self.jitter_ms else LOW,
            why=self._why(),
        )

    def observed(self, before: Seen, during: Seen) -> Proof:
        """As `shown`. Where the link comes and goes, storms of reconnections may delay most probes much further."""
        proof = super().observed(before, during)
        if not (proof.proved and during.steady):
            return proof
        expected_ms, spread_ms = self._trips() * self.latency_ms, self._trips() * self.jitter_ms
        samples = link_samples(before), link_samples(during)
        late = too_late(*samples, expected_ms=expected_ms, spread_ms=spread_ms, why=self._why())
        return late or proof

    def _trips(self) -> int:
        return ROUND_TRIPS.get(self.link, 1)

    def _why(self) -> str:
        return f", since the probe makes {trips} round trips" if (trips := self._trips()) > 1 else ""
