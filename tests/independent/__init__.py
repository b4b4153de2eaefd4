"""A second reader of run folders: it works out from the documented files what verdict.json must say.

Standard library only, and nothing of the lab: a mistake in lab/record, lab/judge or lab/checks is not made here too.
The definitions are those of docs/reading-a-report.md, in plain loops.

folder       the files of a run, as lists and dictionaries
numbers      what happened in each phase, time to recover, lost good-seconds
slos         checks of requests
invariants   checks of history and data
expectations whether a success said what was planned
comparing    everything in verdict.json that this reader finds otherwise
"""
