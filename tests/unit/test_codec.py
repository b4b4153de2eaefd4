"""Every kind of value survives the way to JSON and back, and a member that does not fit is named, never guessed."""

import dataclasses
import json
import math
from typing import Any, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.checks.slos import GoodRatio
from lab.faults import Latency
from lab.model import DATABASE, FAULT, Check, Fault, Gate, LinkState, Phases, State
from lab.record.codec import CONVERTER, FAMILIES, Damaged, plain, structured

MEMBERS = [(base, member) for base, members in FAMILIES for member in members]
COUNTED = settings(max_examples=10, deadline=None)


def through_json(value: Any, base: type[Any]) -> Any:
    text = json.dumps(CONVERTER.unstructure(value, unstructure_as=base), allow_nan=False)
    return structured(json.loads(text), base)


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    """As the codec keeps them: rounded to six digits."""
    return st.floats(low, high).map(lambda number: round(number, 6))


st.register_type_strategy(float, numbers(-1e6, 1e6))
st.register_type_strategy(State, st.builds(LinkState))


@pytest.mark.thorough
@pytest.mark.parametrize(("base", "member"), MEMBERS, ids=lambda kind: kind.__name__)
@COUNTED
@given(data=st.data())
def test_every_value_of_every_family_survives_the_way_through_json(
    base: type[Any], member: type[Any], data: st.DataObject
) -> None:
    value = data.draw(st.builds(member, **required(member)))
    assert through_json(value, base) == value


def required(member: type[Any]) -> dict[str, st.SearchStrategy[Any]]:
    """A strategy for every field, those with a default included."""
    hints = get_type_hints(member)
    return {field.name: st.from_type(hints[field.name]) for field in dataclasses.fields(member)}


def test_each_class_has_a_name_of_its_own_in_its_family() -> None:
    for base, members in FAMILIES:
        assert len({member.__name__ for member in members}) == len(members), base


@pytest.mark.parametrize("number", [math.inf, -math.inf])
def test_what_is_infinite_stays_so(number: float) -> None:
    gate = Gate(name="g", passed=True, value=number, limit=None, unit="s", sentence="s")
    assert structured(json.loads(json.dumps(plain(gate), allow_nan=False)), Gate) == gate


LATENCY = {"type": "Latency", "link": DATABASE, "latency_ms": 100}
GOOD = {"type": "GoodRatio", "phase": FAULT, "at_least": 0.95}


def test_what_has_a_default_may_be_left_out() -> None:
    assert structured(LATENCY, Fault) == Latency(link=DATABASE, latency_ms=100)
    assert structured(GOOD, Check) == GoodRatio(phase=FAULT, at_least=0.95)


@pytest.mark.parametrize(
    ("data", "into", "said"),
    [
        ({**LATENCY, "latency_ms": "100"}, Fault, "latency_ms"),
        ({**LATENCY, "latency_ms": 1.5}, Fault, "latency_ms"),
        ({**LATENCY, "latency_ms": True}, Fault, "latency_ms"),
        ({**LATENCY, "speed": 1}, Fault, "speed"),
        ({"type": "Latency", "link": DATABASE}, Fault, "latency_ms"),
        ({**LATENCY, "type": "Earthquake"}, Fault, "Earthquake"),
        ({"link": DATABASE, "latency_ms": 100}, Fault, "type"),
        ({**GOOD, "at_least": None}, Check, "at_least"),
        ({**GOOD, "type": "Latency"}, Check, "Latency"),
        (7, Fault, "not an object"),
        (None, Fault, "not an object"),
        ([], Phases, "list"),
        ({"warmup_s": "x", "baseline_s": 1, "fault_s": 1, "recovery_s": 1, "drain_s": 1}, Phases, "warmup_s"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(data: Any, into: type[Any], said: str) -> None:
    with pytest.raises(Damaged, match=said):
        structured(data, into)
