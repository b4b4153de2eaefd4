"""The Locust file: one user that walks the schedule and waits for no answer.

Locust's own users are closed loops: they ask again only when they have been answered, and go quiet while the service
hangs. So Locust is only the shell (process, console, web page for debugging); the load is the schedule.
"""

from __future__ import annotations

import os
import traceback

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

    player: Player | None = None

    @task
    def walk(self) -> None:
        """Once, then quit: after an error Locust would go on without users, or play the schedule again."""
        try:
            self.player = Player(read_config(os.environ[CONFIG]), self._tell)
            if self.player.play():
                self.environment.process_exit_code = 0
        except Exception:  # noqa: BLE001 - the log and the exit code tell it
            traceback.print_exc()
        gevent.spawn(self.environment.runner.quit)
        raise StopUser

    def on_stop(self) -> None:
        if self.player:
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
    """A failed request is a finding, not an error: the exit code says whether all planned requests are recorded."""
    environment.process_exit_code = 1
