"""The database is stopped as its operator would, and later started again."""

from lab.checks.slos import GoodRatio
from lab.faults import Stop
from lab.model import FAULT, POSTGRES, Load, Scenario

SCENARIO = Scenario(
    name="trial-stop",
    title="A restart of the database",
    hypothesis="Whoever opens new connections goes on as soon as it is back.",
    mirrors="None: a trial of the lab itself.",
    load=Load(rate_rps=10, mix={"get_booking": 2, "transfer": 1}, good_within_ms=500),
    faults=(Stop(part=POSTGRES, during=(0.0, 0.4)),),
    checks=(GoodRatio(phase=FAULT, at_least=0.99),),
)
