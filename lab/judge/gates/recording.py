"""Whether the record of a run is whole: it ended, and each planned request was sent and recorded, or not needed."""

from __future__ import annotations

import math

import numpy as np

from lab.judge.evidence import RunEvidence, TwinEvidence
from lab.judge.gates.plain import yes_or_no
from lab.judge.statistics import distinct, is_settled
from lab.model import Gate


def complete(run: RunEvidence) -> Gate:
    status = str(run.manifest.status)
    told = run.manifest.problem or f"Status of the run: {status}."
    return yes_or_no("run complete", status == "complete", told)


def all_recorded(run: RunEvidence, twin: TwinEvidence) -> Gate:
    """A retry that was not sent counts as recorded if the request that it repeats had been answered by then."""
    planned, recorded = run.manifest.planned, len(twin.recorded)
    spared, unfounded = recorded - len(twin.requests), _unfounded(twin)
    sentence = f"{planned} requests were planned, {recorded} recorded"
    if spared:
        sentence += f" ({spared} as not needed, because the requests that they repeat were answered)"
    if unfounded:
        sentence += f", but {unfounded} of those requests had no answer by then"
    return Gate(
        name="planned = recorded",
        passed=planned == recorded == distinct(twin.recorded) > 0 and not unfounded,
        value=recorded - unfounded,
        limit=planned,
        unit="requests",
        sentence=sentence + ".",
        twin=twin.twin,
    )


def _unfounded(twin: TwinEvidence) -> int:
    """How many retries were not sent although the first attempt had no answer yet, or was told to try again."""
    spared = twin.recorded[~np.isin(twin.recorded["i"], twin.requests["i"])]
    firsts = [twin.repeats.get(i, -1) for i in spared["i"].tolist()]
    settled = twin.requests[is_settled(twin.requests) & np.isin(twin.requests["i"], firsts)]
    end_s = dict(zip(settled["i"].tolist(), settled["end"].tolist(), strict=True))
    started_s = spared["started"].tolist()
    return sum(end_s.get(first, math.inf) > at_s for first, at_s in zip(firsts, started_s, strict=True))
