"""Fabricated evidence: healthy unless a test says otherwise, and never shown to people as a result.

evidence    twins and runs in memory, for checks, gates and the judge
history     rows and operations of the booking workload, for the invariants
folder      a whole run folder as the lab's own writer leaves it, for readers, commands and reports
verdicts    a verdict to show, made up to the last number
campaigns   what is left of the runs of a campaign, as far as its tables need it
"""
