"""Three times as many clients as usual, then four times as many in bursts."""

from lab.checks.slos import GoodRatio
from lab.faults import Surge
from lab.model import FAULT, Burst, Load, Scenario

SCENARIO = Scenario(
    name="trial-surge",
    title="More clients than usual",
    hypothesis="Whoever has room to spare does not notice.",
    mirrors="None: a trial of the lab itself.",
    load=Load(rate_rps=12, mix={"get_booking": 2, "transfer": 1}, good_within_ms=500),
    faults=(
        Surge(times=3, during=(0.0, 0.5)),
        Surge(times=4, during=(0.5, 1.0), burst=Burst(on_s=1, off_s=0.5)),
    ),
    checks=(GoodRatio(phase=FAULT, at_least=0.99),),
)
