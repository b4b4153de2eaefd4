"""The Locust file: one user who walks the schedule and waits for nobody.

Locust's own users are closed loops: they ask again when they have been answered, and go quiet while the
service hangs. So Locust is the shell here (process, console, web page for debugging), and the schedule is
the load.
"""

from __future__ import annotations

import os

import gevent
from locust import User, events, task
from locust.env import Environment
from locust.exception import StopUser

from loadtests.handshake import read_config
from loadtests.player import Player

CONFIG = "LAB_LOAD_CONFIG"


class OpenLoop(User):
    """All clients at once: a greenlet for each arrival."""

    fixed_count = 1
    host = "http://the-schedule-knows"

    def on_start(self) -> None:
        self.player = Player(read_config(os.environ[CONFIG]), self._tell)

    @task
    def walk(self) -> None:
        if self.player.play():
            self.environment.process_exit_code = 0
        gevent.spawn(self.environment.runner.quit)
        raise StopUser

    def on_stop(self) -> None:
        self.player.stop()

    def _tell(self, name: str, seconds: float, problem: str | None) -> None:
        self.environment.events.request.fire(
            request_type="open loop",
            name=name,
            response_time=seconds * 1_000,
            response_length=0,
            exception=RuntimeError(problem) if problem else None,
            context={},
        )


@events.init.add_listener
def fail_until_all_is_recorded(environment: Environment, **_: object) -> None:
    """A request that fails is a finding, no error: the exit code tells whether all that was planned is recorded."""
    environment.process_exit_code = 1
