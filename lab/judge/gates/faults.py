"""Whether each fault was there as asked, was observed by a probe, and was gone afterwards."""

from __future__ import annotations

from collections.abc import Iterator

from lab.judge.evidence import Planned, TwinEvidence
from lab.judge.gates.proofs import fault_proof, healed_proof
from lab.judge.gates.punctuality import changes, changes_planned
from lab.judge.gates.steps import advised
from lab.model import Fault, Gate, Performed, Proof, ReadBack, Switched

FAULT_AS_ASKED, FAULT_OBSERVED, HEALING_OBSERVED = "fault as asked", "fault observed", "healing observed"


def as_asked(manifest: Planned, twin: TwinEvidence) -> Iterator[Gate]:
    """Every planned change was made, and the target always reported the state that had been requested."""
    if not (planned := changes_planned(manifest)):
        return
    made = changes(twin)
    told = [event for event in twin.events if isinstance(event, Switched | Performed | ReadBack)]
    wrong = [event for event in told if not event.ok]
    sentence = f"{len(made)} of {planned} planned changes were made."
    if wrong:
        first = wrong[0]
        at_s = first.at_s if isinstance(first, ReadBack) else first.before_s
        sentence += (
            f" At {at_s:.2f} s, {first.target} was not in the state that had been requested. {first.error}"
        )
    yield Gate(
        name=FAULT_AS_ASKED,
        passed=not wrong and len(made) == planned,
        value=len(wrong) + abs(planned - len(made)),
        limit=0,
        unit="changes not as asked",
        sentence=sentence.rstrip(),
        twin=twin.twin,
    )


def observed(twin: TwinEvidence) -> Iterator[Gate]:
    for number, fault in enumerate(twin.faults):
        proof = fault_proof(number, twin)
        yield _proved(FAULT_OBSERVED, twin, proof, f"With {fault.describe()}, {proof.sentence}.")


def healed(twin: TwinEvidence) -> Iterator[Gate]:
    by_target: dict[str, Fault] = {str(fault.target()): fault for fault in twin.faults}
    for name, fault in by_target.items():
        proof = healed_proof(fault, twin)
        yield _proved(HEALING_OBSERVED, twin, proof, f"On {name}, {proof.sentence}.")


def _proved(name: str, twin: TwinEvidence, proof: Proof, sentence: str) -> Gate:
    gate = Gate(
        name=name,
        passed=proof.proved,
        value=proof.value,
        limit=proof.limit,
        unit=proof.unit,
        sentence=sentence,
        twin=twin.twin,
    )
    return advised(gate, proof.step)
