"""Slicer: the data arrives in small pieces, with a pause after each: a trickle."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import ClassVar

from lab.faults.links.toxics import DOWNSTREAM, PROBE_WAIT_S, ToxicFault
from lab.faults.parameters import require
from lab.faults.proofs import EFFECT_SHARE_MAX, last_byte_ms, too_few, typical
from lab.model import LinkSample, Probe, Proof, Unfit

PROBE_SLICES = 16


@dataclass(frozen=True, kw_only=True)
class Slicer(ToxicFault):
    """Pieces of `average_size_bytes`, plus or minus the variation, each followed by a pause of `delay_us`.

    Without a pause the pieces run together again. A variation as big as the size crashes Toxiproxy.
    """

    kind: ClassVar[str] = "slicer"
    average_size_bytes: int
    size_variation_bytes: int = 0
    delay_us: int = 10_000

    def attributes(self) -> Mapping[str, int]:
        size = require(self, "average_size_bytes", 1, 4_096)
        variation = require(self, "size_variation_bytes", 0, 4_095)
        if variation >= size:
            raise Unfit(
                f"slicer: size_variation_bytes must be below average_size_bytes ({size}), not {variation}.",
                "size_variation_bytes",
                "average_size_bytes",
            )
        delay_us = require(self, "delay_us", 1_000, 1_000_000)
        return {"average_size": size, "size_variation": variation, "delay": delay_us}

    def describe(self) -> str:
        pieces = f"pieces of about {self.average_size_bytes} bytes, one every {self.delay_us / 1000:g} ms,"
        return f"{pieces} {self.way()}{self.rhythm()}"

    def probe(self) -> Probe:
        carried = PROBE_SLICES * self._piece_bytes()
        return self.carrying(carried, PROBE_WAIT_S + 4 * PROBE_SLICES * self.delay_us / 1e6)

    def shown(self, before: Sequence[LinkSample], during: Sequence[LinkSample]) -> Proof:
        if missing := too_few(before, during):
            return missing
        return (
            self._in_pieces(before, during) if self.direction == DOWNSTREAM else self._slowed(before, during)
        )

    def _piece_bytes(self) -> int:
        """The biggest possible piece."""
        return self.average_size_bytes + self.size_variation_bytes

    def _in_pieces(self, before: Sequence[LinkSample], during: Sequence[LinkSample]) -> Proof:
        carried = max(sample.received_bytes for sample in before)
        whole = median_low([sample.chunks for sample in before])
        pieces = median_low([sample.chunks for sample in during if not sample.error] or [0])
        limit = max(whole + 1, EFFECT_SHARE_MAX * carried / self._piece_bytes())
        sentence = f"the answer came in {pieces} pieces, against {whole} before the fault"
        return Proof(proved=pieces >= limit, value=pieces, limit=limit, unit="pieces", sentence=sentence)

    def _slowed(self, before: Sequence[LinkSample], during: Sequence[LinkSample]) -> Proof:
        """The pieces of a request cannot be counted from here, but its delay shows: at least half of all pauses."""
        grown_ms = typical(during, last_byte_ms) - typical(before, last_byte_ms)
        pauses_ms = self.probe().request_bytes / self._piece_bytes() * self.delay_us / 1000
        limit = EFFECT_SHARE_MAX * pauses_ms
        sentence = (
            f"the answer came {grown_ms:.1f} ms later than before; at least {limit:.1f} ms were expected"
        )
        came = math.isfinite(grown_ms)
        return Proof(
            proved=came and grown_ms >= limit,
            value=grown_ms if came else None,
            limit=limit,
            unit="ms",
            sentence=sentence if came else "many probes were never answered",
        )
