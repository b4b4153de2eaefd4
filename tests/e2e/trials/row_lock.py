"""A transaction that does not end holds four wallets."""

from lab.checks.slos import GoodRatio
from lab.faults import RowLock
from lab.model import FAULT, Load, Scenario

SCENARIO = Scenario(
    name="trial-row-lock",
    title="Rows that somebody holds",
    hypothesis="Transfers of these wallets wait, reads do not.",
    mirrors="None: a trial of the lab itself.",
    load=Load(rate_rps=10, mix={"get_booking": 2, "transfer": 1}, good_within_ms=500),
    sizes={"wallets": 8},
    faults=(RowLock(table="wallets", rows=4, during=(0.1, 0.6)),),
    checks=(GoodRatio(phase=FAULT, at_least=0.99),),
)
