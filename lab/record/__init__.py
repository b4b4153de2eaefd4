"""The run folder: what a run writes down, and how it is read back.

    manifest.json    what was planned and where: the scenario with its load, faults and checks as they were that day,
                     twins, seed, phases, versions, machine, commit; format 5
    schedule.jsonl   every planned arrival, one a line, line number = arrival number; the same for every twin
    t0.json          the instant of the monotonic clock at which the run began; end.json: at which the load had ended
    events.jsonl     everything that happened, as typed events (lab.model.events)
    SHA256SUMS       a checksum of each of these files, written last: a folder that was changed since is not judged
    verdict.json     the judgement; `lab regrade` recomputes it from the rest
    <twin>/          requests.bin, history.jsonl, load.json, probes.jsonl, parts.jsonl, metrics.jsonl, canary.jsonl,
                     initial.json, final.json, each of which names its twin; logs/

Verdict and report are functions of this folder alone. What is written here is evidence; it judges nothing.
"""

from lab.record.journal import FolderJournal, NoJournal
from lab.record.manifest import FORMAT, Isolation, Manifest, Status
from lab.record.reading import RunRecord, TwinRecord, list_runs
from lab.record.requests import REQUEST
from lab.record.verdicts import read_verdict, write_verdict
from lab.record.writing import RunWriter

__all__ = [
    "FORMAT",
    "REQUEST",
    "FolderJournal",
    "Isolation",
    "Manifest",
    "NoJournal",
    "RunRecord",
    "RunWriter",
    "Status",
    "TwinRecord",
    "list_runs",
    "read_verdict",
    "write_verdict",
]
