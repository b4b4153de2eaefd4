"""Noop: a toxic that does nothing, injected like any other. This null fault shows what the injection itself costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from lab.faults.links.toxics import ToxicFault
from lab.faults.proofs import ended_by
from lab.model import LinkSample, Proof


@dataclass(frozen=True, kw_only=True)
class Noop(ToxicFault):
    """Passes everything on. Only the proxy's own report shows that it is there."""

    kind: ClassVar[str] = "noop"

    def attributes(self) -> Mapping[str, int]:
        return {}

    def describe(self) -> str:
        return f"nothing (the null fault) {self.way()}{self.rhythm()}"

    def shown(self, before: Sequence[LinkSample], during: Sequence[LinkSample]) -> Proof:
        return ended_by(before, during, errors=("",), what="answered as before", share_min=0.9)
