"""Slow close: the data flows as usual, but the end of the connection is passed on late.

It matters together with a crash: a client that is gone still looks connected, and keeps its locks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from lab.faults.links.toxics import DELAY_MS_MAX, PROBE_WAIT_S, UPSTREAM, ToxicFault
from lab.faults.parameters import require
from lab.faults.proofs import close_ms, delayed, ended_by
from lab.model import LinkSample, Probe, Proof


@dataclass(frozen=True, kw_only=True)
class SlowClose(ToxicFault):
    """The end of a stream is held for `delay_ms`."""

    kind: ClassVar[str] = "slow_close"
    delay_ms: int

    def attributes(self) -> Mapping[str, int]:
        return {"delay": require(self, "delay_ms", 1, DELAY_MS_MAX)}

    def describe(self) -> str:
        return f"connections closed {self.delay_ms} ms late {self.way()}{self.rhythm()}"

    def probe(self) -> Probe:
        return self.looking(timeout_s=PROBE_WAIT_S + self.delay_ms / 1000)

    def shown(self, before: Sequence[LinkSample], during: Sequence[LinkSample]) -> Proof:
        if self.direction == UPSTREAM:
            return self._unharmed(before, during)
        return delayed(before, during, reading=close_ms, what="the end of stream", expected_ms=self.delay_ms)

    def _unharmed(self, before: Sequence[LinkSample], during: Sequence[LinkSample]) -> Proof:
        """Upstream only the server waits longer. A client sees no difference: only the proxy's own report shows it."""
        answered = ended_by(before, during, errors=("",), what="answered as before")
        return Proof(
            proved=answered.proved,
            value=answered.value,
            limit=answered.limit,
            unit=answered.unit,
            sentence=f"{answered.sentence}; a client cannot observe this fault, only the proxy reports it",
        )
