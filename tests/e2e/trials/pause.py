"""The database is paused: its connections stay open, and nothing answers."""

from lab.checks.slos import GoodRatio
from lab.faults import Pause
from lab.model import FAULT, POSTGRES, Load, Scenario

SCENARIO = Scenario(
    name="trial-pause",
    title="A database that stands still",
    hypothesis="Requests end at their deadline, where they have one.",
    mirrors="None: a trial of the lab itself.",
    load=Load(rate_rps=10, mix={"get_booking": 2, "transfer": 1}, good_within_ms=500),
    faults=(Pause(part=POSTGRES, during=(0.0, 0.5)),),
    checks=(GoodRatio(phase=FAULT, at_least=0.99),),
)
