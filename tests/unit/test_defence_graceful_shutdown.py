import signal

import pytest

from services.defences import graceful_shutdown
from services.defences.graceful_shutdown import Drain, draining
from tests.defended import defended


@pytest.fixture
def world(monkeypatch):
    """(calls of the server's handler, registered at exit, alarms set), with the process's own handlers kept."""
    stops, at_exit, alarms = [], [], []
    monkeypatch.setattr(graceful_shutdown.atexit, "register", at_exit.append)
    monkeypatch.setattr(graceful_shutdown.signal, "setitimer", lambda _, seconds: alarms.append(seconds))
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGALRM)}
    signal.signal(signal.SIGTERM, lambda number, frame: stops.append(number))
    yield stops, at_exit, alarms
    for number, handler in before.items():
        signal.signal(number, handler)


def test_readiness_goes_off_at_the_signal_and_the_server_stops_a_lead_time_later(world):
    stops, at_exit, alarms = world
    app = defended("none,+graceful_shutdown")
    graceful_shutdown.init_app(app, close=print)
    with app.app_context():
        assert not draining()
        signal.raise_signal(signal.SIGTERM)
        assert draining()
        assert (stops, alarms, at_exit) == ([], [graceful_shutdown.LEAD_S], [print])
        signal.raise_signal(signal.SIGALRM)
        assert stops == [signal.SIGTERM]


def test_being_told_twice_neither_hurries_nor_delays_it(world):
    stops, at_exit, alarms = world
    graceful_shutdown.init_app(defended("none,+graceful_shutdown"), close=print)
    for _ in range(3):
        signal.raise_signal(signal.SIGTERM)
    assert (stops, len(alarms), len(at_exit)) == ([], 1, 1)


def test_without_a_server_nothing_is_installed(world):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    graceful_shutdown.init_app(defended("none,+graceful_shutdown"), close=print)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_off_the_server_stops_at_once(world):
    stops, _, _ = world
    app = defended("all,-graceful_shutdown")
    graceful_shutdown.init_app(app, close=print)
    assert not isinstance(signal.getsignal(signal.SIGTERM), Drain)
    signal.raise_signal(signal.SIGTERM)
    assert stops == [signal.SIGTERM]
    with app.app_context():
        assert not draining()
