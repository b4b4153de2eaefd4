"""The service can open no more files and sockets than it has open already."""

from lab.checks.slos import GoodRatio
from lab.faults import DescriptorLimit
from lab.model import FAULT, SERVICE, Load, Scenario

SCENARIO = Scenario(
    name="trial-descriptor-limit",
    title="A service without descriptors",
    hypothesis="Open connections go on, new ones are refused.",
    mirrors="None: a trial of the lab itself.",
    load=Load(rate_rps=10, mix={"get_booking": 2, "transfer": 1}, good_within_ms=500),
    faults=(DescriptorLimit(part=SERVICE, descriptors=16, during=(0.0, 0.5)),),
    checks=(GoodRatio(phase=FAULT, at_least=0.99),),
)
