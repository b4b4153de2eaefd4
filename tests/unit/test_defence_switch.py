import pytest

from services.defences import switch
from services.defences.batched_reads import instead_of as batched_reads
from services.defences.constraints import instead_of as constraints
from services.defences.durable_state import instead_of as durable_state
from services.defences.lock_order import instead_of as lock_order
from services.defences.one_transaction import instead_of as one_transaction
from services.defences.readiness import instead_of as readiness
from tests.defended import defended

ALL = frozenset(switch.NAMES)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("all", ALL),
        ("", ALL),
        ("none", set()),
        ("all,-deadline", ALL - {"deadline"}),
        ("all, -deadline, -bulkhead", ALL - {"deadline", "bulkhead"}),
        ("none,+lock_order", {"lock_order"}),
        ("all,-deadline,+deadline", ALL),
    ],
)
def test_the_setting_names_the_defences_that_are_on(text, names):
    assert switch.parse(text) == names


@pytest.mark.parametrize("text", ["all,-deadlin", "all,deadline", "all,", "none,+"])
def test_an_unknown_defence_is_named_with_the_known_ones(text):
    with pytest.raises(ValueError, match="is not") as error:
        switch.parse(text)
    assert all(name in str(error.value) for name in switch.NAMES)


def test_a_setting_must_start_from_all_or_none():
    with pytest.raises(ValueError, match='start with "all" or "none"'):
        switch.parse("deadline")


def test_the_names_are_sorted_and_each_has_its_file():
    assert list(switch.NAMES) == sorted(switch.NAMES)
    for name in switch.NAMES:
        __import__(f"services.defences.{name}")


def test_two_apps_in_one_process_share_neither_choice_nor_state():
    first, second = defended("all"), defended("none")
    with first.app_context():
        assert switch.on("deadline")
        remembered = switch.state("test", list)
        assert switch.state("test", list) is remembered
    with second.app_context():
        assert not switch.on("deadline")
        assert not switch.any_on()
        assert switch.state("test", list) is not remembered


SWAPS = {
    "batched_reads": batched_reads,
    "constraints": constraints,
    "durable_state": durable_state,
    "lock_order": lock_order,
    "one_transaction": one_transaction,
    "readiness": readiness,
}


@pytest.mark.parametrize("name", SWAPS)
def test_a_swap_calls_the_naive_function_only_when_its_own_defence_is_off(name):
    @SWAPS[name](lambda question: f"naive {question}")
    def answer(question):
        """Its own docstring."""
        return f"hardened {question}"

    with defended("all").app_context():
        assert answer("yes") == "hardened yes"
    with defended(f"all,-{name}").app_context():
        assert answer("no") == "naive no"
    assert answer.__doc__ == "Its own docstring."
