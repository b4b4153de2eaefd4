"""Down: nothing listens. Open connections are closed, new ones refused at once: a hard partition, which fails fast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from lab.faults.links.toxics import PLACE, LinkFault, require_place
from lab.faults.parameters import rhythm
from lab.faults.proofs import REFUSED_SHARE_MIN, ended_by
from lab.model import LinkSample, LinkState, Proof


@dataclass(frozen=True, kw_only=True)
class Down(LinkFault):
    """The proxy of the link is disabled. That cuts both directions, so there is no `direction`."""

    kind: ClassVar[str] = "down"
    masking: ClassVar[int] = 2

    def state(self) -> LinkState:
        require_place(self)
        return LinkState(enabled=False)

    def describe(self) -> str:
        return f"every connection to {PLACE[self.link]} refused{rhythm(self)}"

    def shown(self, before: Sequence[LinkSample], during: Sequence[LinkSample]) -> Proof:
        return ended_by(before, during, errors=("refused",), what="refused", share_min=REFUSED_SHARE_MIN)
