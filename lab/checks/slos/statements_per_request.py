"""StatementsPerRequest: how many SQL statements a request of a route takes, according to the twin's own metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.checks.wording import decided, result
from lab.judge.statistics import statements_per_request
from lab.model import FAULT, Check, CheckResult, Evidence

REQUESTS_MIN = 10


@dataclass(frozen=True, kw_only=True)
class StatementsPerRequest(Check):
    """Counted over the fault phase, from the counters just before it to those just after."""

    name: ClassVar[str] = "statements per request"
    route: str
    at_most: float

    def title(self) -> str:
        return f"at most {self.at_most:g} SQL statements per request of {self.route}"

    def judge(self, evidence: Evidence) -> CheckResult:
        counted = statements_per_request(evidence.metrics, *evidence.phases.window(FAULT), route=self.route)
        if counted is None:
            return self.undecided(
                f"The twin's metrics do not show how many SQL statements {self.route} took."
            )
        statements, requests = counted
        if requests < REQUESTS_MIN:
            return self.undecided(
                f"Only {requests:.0f} requests of {self.route} ended; at least {REQUESTS_MIN} are needed.",
            )
        if not statements:
            return self.undecided(
                f"The twin's metrics show no SQL statement for {self.route}, so there is nothing to judge."
            )
        return result(
            self,
            decided(statements <= self.at_most),
            value=statements,
            threshold=self.at_most,
            unit="statements",
            sentence=f"{statements:.1f} SQL statements per request, over {requests:.0f} requests of {self.route}.",
            looked=round(requests),
        )
