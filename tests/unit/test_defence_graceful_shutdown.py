import signal

import pytest

from services.defences import graceful_shutdown
from services.defences.graceful_shutdown import Drain, draining
from tests.defended import defended


@pytest.fixture
def world(monkeypatch):
    """(calls of the server's handler, registered at exit, timers started), with the process's own handler kept."""
    stops, at_exit, timers = [], [], []

    class Timer:
        def __init__(self, delay_s, function, arguments):
            self.delay_s, self.function = delay_s, function

        def start(self):
            timers.append(self.delay_s)

    monkeypatch.setattr(graceful_shutdown.threading, "Timer", Timer)
    monkeypatch.setattr(graceful_shutdown.atexit, "register", at_exit.append)
    before = signal.signal(signal.SIGTERM, lambda number, frame: stops.append(number))
    yield stops, at_exit, timers
    signal.signal(signal.SIGTERM, before)


def test_the_first_signal_turns_readiness_off_and_the_second_stops_the_server(world):
    stops, at_exit, timers = world
    app = defended("none,+graceful_shutdown")
    graceful_shutdown.init_app(app, close=print)
    with app.app_context():
        assert not draining()
        signal.raise_signal(signal.SIGTERM)
        assert draining()
        assert (stops, timers, at_exit) == ([], [graceful_shutdown.LEAD_S], [print])
        signal.raise_signal(signal.SIGTERM)
        assert stops == [signal.SIGTERM]


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
