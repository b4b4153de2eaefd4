"""RightAnswers: no request of the whole run was answered with a success that has the wrong content."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

from lab.checks.wording import counted
from lab.judge.statistics import is_wrong
from lab.lazily import np
from lab.model import Check, CheckResult, Evidence, Outcome


@dataclass(frozen=True, kw_only=True)
class RightAnswers(Check):
    """In every phase. A share of good requests leaves room for a few wrong ones; a wrong answer is one too many."""

    name: ClassVar[str] = "right answers"

    def title(self) -> str:
        return "no answer was wrong"

    def judge(self, evidence: Evidence) -> CheckResult:
        requests = evidence.requests
        wrong = requests[is_wrong(requests)]
        acknowledged = int(np.count_nonzero(requests["outcome"] == Outcome.OK))
        found = [f"{evidence.ops[one['op']]} no. {one['i']}, due at {one['intended']:.2f} s" for one in wrong]
        ops = Counter(evidence.ops[op] for op in wrong["op"].tolist())
        told = f" ({', '.join(f'{count} × {op}' for op, count in ops.most_common(3))})" if ops else ""
        return counted(
            self,
            found,
            f"wrong answer{told}",
            f"wrong answers{told}",
            among=f"{acknowledged} successes",
            looked=acknowledged,
        )
