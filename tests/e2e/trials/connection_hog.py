"""Another client's idle sessions leave the service hardly more connections than it has."""

from lab.checks.slos import GoodRatio
from lab.faults import ConnectionHog
from lab.model import FAULT, Load, Scenario

SCENARIO = Scenario(
    name="trial-connection-hog",
    title="Connections used up",
    hypothesis="Whoever keeps its connections does not notice.",
    mirrors="None: a trial of the lab itself.",
    load=Load(rate_rps=10, mix={"get_booking": 2, "transfer": 1, "utilisation": 0.3}, good_within_ms=500),
    faults=(ConnectionHog(sessions=150, during=(0.0, 0.6)),),
    checks=(GoodRatio(phase=FAULT, at_least=0.99),),
)
