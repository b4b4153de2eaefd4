"""The run folder: what a run writes down, and how it is read back.

    manifest.json    what was planned and on what: seed, phases, load, faults, versions, machine, commit
    schedule.jsonl   every planned arrival, one a line, line number = arrival number; the same for both twins
    t0.json          the instant of the monotonic clock at which the run began
    events.jsonl     every phase edge, injection, healing and reading back of a link
    verdict.json     the judgement; made again from the rest by `lab regrade`
    <twin>/          requests.bin, history.jsonl, load.json, probes.jsonl, metrics.jsonl, initial.json, final.json,
                     logs/

Verdict and report are functions of this folder, so what is written here is the evidence, and nothing in it
is judged.
"""

from lab.record.reading import REQUEST, RunRecord, TwinRecord, list_runs
from lab.record.verdicts import read_verdict, write_verdict
from lab.record.writing import RunWriter

__all__ = [
    "REQUEST",
    "RunRecord",
    "RunWriter",
    "TwinRecord",
    "list_runs",
    "read_verdict",
    "write_verdict",
]
