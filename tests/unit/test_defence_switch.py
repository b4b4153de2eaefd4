import sys

import pytest
from flask import Flask

from services import seed
from services.defences import choice, switch
from tests.defended import defended

ALL = frozenset(choice.NAMES)


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
    assert choice.parse(text) == names


@pytest.mark.parametrize("text", ["all,-deadlin", "none,+"])
def test_an_unknown_defence_is_named_with_the_known_ones(text):
    with pytest.raises(ValueError, match="no defence called") as error:
        choice.parse(text)
    assert all(name in str(error.value) for name in choice.NAMES)


@pytest.mark.parametrize("text", ["all,deadline", "all,"])
def test_a_change_begins_with_plus_or_minus(text):
    with pytest.raises(ValueError, match="must begin with"):
        choice.parse(text)


def test_the_seed_names_an_unknown_defence_too(monkeypatch, capsys):
    for role in ("OWNER", "APP", "PROBE"):
        monkeypatch.setenv(f"{role}_PASSWORD", "secret")
    monkeypatch.setattr(
        sys, "argv", ["seed", "--dsn", "", "--schema", "hardened", "--defences", "all,-dedline"]
    )
    with pytest.raises(SystemExit):
        seed.main()
    said = "There is no defence called 'dedline'. Did you mean deadline? Choose from batched_reads, "
    assert said in capsys.readouterr().err


def test_a_setting_must_start_from_all_or_none():
    with pytest.raises(ValueError, match='start with "all" or "none"'):
        choice.parse("deadline")


def test_the_names_are_sorted_and_each_has_its_file():
    assert list(choice.NAMES) == sorted(choice.NAMES)
    for name in choice.NAMES:
        __import__(f"services.defences.{name}")


def test_two_apps_in_one_process_share_neither_choice_nor_state():
    first, second = defended("all"), defended("none")
    with first.app_context():
        assert switch.on("deadline")
        remembered = switch.state("test", list)
        assert switch.state("test", list) is remembered
    with second.app_context():
        assert not switch.on("deadline")
        assert switch.state("test", list) is not remembered


def test_what_an_app_has_instead_is_called_only_where_that_defence_is_off():
    @switch.switchable
    def answer(question):
        """Its own docstring."""
        return f"hardened {question}"

    without = {"lock_order": {answer: lambda question: f"naive {question}"}}
    for defences, said in (("all", "hardened"), ("all,-lock_order", "naive"), ("all,-deadline", "hardened")):
        app = Flask("switched")
        app.config["DEFENCES"] = defences
        switch.init_app(app, without)
        with app.app_context():
            assert answer("yes") == f"{said} yes"
    assert answer.__doc__ == "Its own docstring."


def test_a_name_that_does_not_exist_raises_in_code_too():
    with defended("all").app_context(), pytest.raises(ValueError, match="deadlnie"):
        switch.on("deadlnie")
    with pytest.raises(ValueError, match="deadlnie"):
        switch.init_app(Flask("misspelt"), {"deadlnie": {}})
