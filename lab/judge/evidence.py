"""What the judge looks at, as Protocols: `lab.record` provides it from a run folder, tests write it by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from lab.model import Evidence, Scenario


class TwinEvidence(Evidence, Protocol):
    """One twin's part of a run."""

    @property
    def load(self) -> Mapping[str, Any]: ...  # the generator's own summary, load.json


class RunEvidence(Protocol):
    """One run: both twins, and what happened to them when. `manifest["twins"]` names them."""

    @property
    def manifest(self) -> Mapping[str, Any]: ...
    @property
    def events(self) -> Sequence[Mapping[str, Any]]: ...
    def twin(self, name: str, scenario: Scenario) -> TwinEvidence: ...
