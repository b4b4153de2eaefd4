"""Whether the record of a run is whole: it ended, and each planned request was sent and recorded, or not needed."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from lab.judge.evidence import RunEvidence, TwinEvidence
from lab.judge.gates.plain import yes_or_no
from lab.judge.statistics import Requests, distinct, is_settled
from lab.model import Gate, Outcome


def complete(run: RunEvidence) -> Gate:
    status = str(run.manifest.status)
    told = run.manifest.problem or f"Status of the run: {status}."
    return yes_or_no("run complete", status == "complete", told)


def all_recorded(run: RunEvidence, twin: TwinEvidence) -> Gate:
    """What was not sent counts as recorded if it was not needed: a retry of a request that had been answered by then,
    or a reader of a write that had not been acknowledged."""
    planned, recorded = run.manifest.planned, len(twin.recorded)
    spared, unfounded = recorded - len(twin.requests), _unfounded(twin)
    twice = recorded - distinct(twin.recorded)
    sentence = (
        f"{planned} requests were planned, {recorded} recorded{f', {twice} of them twice' if twice else ''}."
    )
    if spared:
        needed = f"{unfounded or 'none'} of which {'were' if unfounded > 1 else 'was'} needed"
        sentence += f" Follow-ups not sent: {spared}, {needed}."
    return Gate(
        name="planned = recorded",
        passed=planned == recorded > 0 and not twice and not unfounded,
        value=recorded - twice - unfounded if recorded <= planned else recorded,
        limit=planned,
        unit="requests",
        sentence=sentence,
        twin=twin.twin,
    )


def _unfounded(twin: TwinEvidence) -> int:
    """How many were not sent although they should have been: a retry whose first attempt had no answer yet, or was told
    to try again; a reader of a write that had been acknowledged; anything else."""
    spared = twin.recorded[~np.isin(twin.recorded["i"], twin.requests["i"])]
    firsts = twin.requests[np.isin(twin.requests["i"], [*twin.repeats.values(), *twin.reads.values()])]
    settled_s = _ends(firsts[is_settled(firsts)])
    acknowledged_s = _ends(firsts[firsts["outcome"] == Outcome.OK])
    count = 0
    for i, at_s in zip(spared["i"].tolist(), spared["started"].tolist(), strict=True):
        if i in twin.reads:
            count += acknowledged_s.get(twin.reads[i], math.inf) <= at_s
        else:
            count += settled_s.get(twin.repeats.get(i, -1), math.inf) > at_s
    return count


def _ends(requests: Requests) -> Mapping[int, float]:
    """When each of them ended, by its number."""
    return dict(zip(requests["i"].tolist(), requests["end"].tolist(), strict=True))
