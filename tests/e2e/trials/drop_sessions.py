"""The database ends every session of the service, twice."""

from lab.checks.slos import GoodRatio
from lab.faults import DropSessions
from lab.model import FAULT, Load, Scenario

SCENARIO = Scenario(
    name="trial-drop-sessions",
    title="Every session ended",
    hypothesis="Whoever opens new sessions loses hardly a request.",
    mirrors="None: a trial of the lab itself.",
    load=Load(rate_rps=10, mix={"get_booking": 2, "transfer": 1}, good_within_ms=500),
    faults=(DropSessions(times=2),),
    checks=(GoodRatio(phase=FAULT, at_least=0.99),),
)
