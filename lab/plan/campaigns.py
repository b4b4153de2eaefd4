"""Which runs a campaign consists of. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from lab.model import LabError
from lab.model.campaigns import Campaign, CampaignKind, Cell, ablation_choices

CELLS_MAX = 100


def ablation(
    scenario: str, defences: Sequence[str], settings: Sequence[str], *, quick: bool, runtime: str, seed: int
) -> Campaign:
    """All defences, none; then each left out of all, and each alone.

    Raises LabError if there is no defence to switch.
    """
    if not defences:
        raise LabError(f"{scenario} names no defence. Say which: --over deadline,circuit_breaker")
    cells = tuple(
        Cell(name=choice, defences=choice, settings=tuple(settings))
        for choice in ablation_choices(tuple(dict.fromkeys(defences)))
    )
    return _campaign(CampaignKind.ABLATION, scenario, cells, quick=quick, runtime=runtime, seed=seed)


def sweep(
    scenario: str,
    parameter: str,
    settings: Sequence[str],
    defences: str,
    *,
    quick: bool,
    runtime: str,
    seed: int,
) -> Campaign:
    """One run for each value of `parameter`, written like fault.latency_ms=50,100,200.

    Raises LabError for fewer than two values.
    """
    name, equals, text = parameter.partition("=")
    values = list(dict.fromkeys(value.strip() for value in text.split(",") if value.strip()))
    if not (name and equals) or len(values) < 2:
        raise LabError(
            f"{parameter!r} names fewer than two values to compare. Write it like fault.latency_ms=50,100,200."
        )
    cells = tuple(
        Cell(name=f"{name}={value}", defences=defences, settings=(*settings, f"{name}={value}"))
        for value in values
    )
    return _campaign(CampaignKind.SWEEP, scenario, cells, quick=quick, runtime=runtime, seed=seed)


def alternation(
    scenario: str,
    twins: Sequence[str],
    settings: Sequence[str],
    defences: str,
    *,
    quick: bool,
    runtime: str,
    seed: int,
) -> Campaign:
    """The twins A and B in turn: A, B, B, A, so that a machine that slowly gets faster or slower favours neither.

    Raises LabError unless there are two.
    """
    if len(twins) != 2:
        raise LabError(
            f"--alternate runs two twins in turn, not {len(twins)}. Name two: --twin naive --twin hardened"
        )
    first, second = twins
    cells = tuple(
        Cell(name=f"{number}-{twin}", defences=defences, settings=tuple(settings), twins=(twin,))
        for number, twin in enumerate((first, second, second, first), 1)
    )
    return _campaign(CampaignKind.ALTERNATION, scenario, cells, quick=quick, runtime=runtime, seed=seed)


def _campaign(
    kind: CampaignKind, scenario: str, cells: tuple[Cell, ...], *, quick: bool, runtime: str, seed: int
) -> Campaign:
    if len(cells) > CELLS_MAX:
        raise LabError(f"That would be {len(cells)} runs; a campaign has at most {CELLS_MAX}.")
    return Campaign(kind=kind, scenario=scenario, quick=quick, runtime=runtime, seed=seed, cells=cells)
