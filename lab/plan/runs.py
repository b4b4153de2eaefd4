"""What shall be run, all of it decided beforehand: the plan of one pair, and how the manifest tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from lab.model import Action, Phases, Scenario, Stack

# Kept in the manifest, so that a report needs no catalogue.
STORY = ("title", "hypothesis", "question", "mirrors", "lesson")


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """One pair as it shall be run: both twins, one seed, one schedule, one fault."""

    stack: Stack
    scenario: Scenario
    phases: Phases
    seed: int
    quick: bool = False
    settings: tuple[str, ...] = ()
    commit: str = ""

    @property
    def twins(self) -> tuple[str, ...]:
        return tuple(twin.name for twin in self.stack.twins)


def planned_part(plan: RunPlan, actions: Sequence[Action]) -> dict[str, Any]:
    """What a manifest says of the plan."""
    scenario = plan.scenario
    return {
        "run": plan.stack.run,
        "scenario": scenario.name,
        "story": {name: getattr(scenario, name) for name in STORY},
        "settings": list(plan.settings),
        "quick": plan.quick,
        "seed": plan.seed,
        "phases": asdict(plan.phases),
        "load": asdict(scenario.load),
        "faults": [
            {"kind": fault.kind, "description": fault.describe(), **asdict(fault)}
            for fault in scenario.faults
        ],
        "actions": [asdict(action) for action in actions],
        "twins": {twin.name: {"defences": twin.defences} for twin in plan.stack.twins},
        "seed_sizes": asdict(plan.stack.seed_sizes),
        "commit": plan.commit,
    }
