"""The sweeper: a thread in each worker that finishes what requests have left behind, on a connection of its own.

Nothing waits for it, and it takes next to nothing from requests: no connection of their pool, one call at a time.
Several can sweep at once, since each takes only rows that no other has locked. What fails is tried again next turn.
"""

import random
import threading
import uuid
from collections.abc import Callable, Mapping

import sqlalchemy as sa
import structlog
from flask import Flask, g

from services.defences import deadline, server_timeouts
from services.defences.switch import on

log = structlog.get_logger()

PACE_S = (0.5, 1.5)  # random, so that the workers do not sweep in step
JOB_S = 5.0  # at most, for all waits of one job in one turn

Job = Callable[[sa.Connection], int]


def init_app(app: Flask, jobs: Mapping[str, Job]) -> None:
    """Give `app` a sweeper for the jobs of the defences that are on. If there are any, each worker starts it."""
    with app.app_context():
        wanted = tuple(job for defence, job in jobs.items() if on(defence))
    app.extensions["sweeper"] = Sweeper(app, wanted)
    app.extensions["background"] = (app.extensions["sweeper"].start,) if wanted else ()


class Sweeper:
    """The jobs of one app. `turn` does them once, in the caller's thread; `start` repeats that in its own thread."""

    def __init__(self, app: Flask, jobs: tuple[Job, ...]) -> None:
        self._app, self._jobs = app, jobs
        with app.app_context():
            args = server_timeouts.connect_args()
            url = app.config["DATABASE_URL"]
            self._engine = sa.create_engine(url, pool_size=1, max_overflow=0, connect_args=args)
            deadline.watch(self._engine)

    def turn(self) -> int:
        """Do every job once; returns how much there was to do. The last failure of a job is raised at the end."""
        done, failed = 0, None
        for job in self._jobs:
            try:
                done += self._do(job)
            except Exception as error:  # noqa: BLE001  whatever it was, the other jobs must be done
                failed = error
        if failed:
            raise failed
        return done

    def _do(self, job: Job) -> int:
        with self._app.app_context():
            g.request_id, g.trace_parent = f"sweeper-{uuid.uuid4().hex}", ""
            with deadline.at_most(JOB_S), self._engine.connect() as connection:
                try:
                    return job(connection)
                except sa.exc.DBAPIError:
                    # It may lead to a server that has been demoted: the next turn opens another.
                    connection.invalidate()
                    raise

    def start(self) -> None:
        threading.Thread(target=self._keep_sweeping, name="sweeper", daemon=True).start()

    def close(self) -> None:
        self._engine.dispose()

    def _keep_sweeping(self) -> None:
        pause = threading.Event()
        while not pause.wait(random.uniform(*PACE_S)):
            try:
                done = self.turn()
            except Exception as error:  # noqa: BLE001  a sweeper that dies sweeps no more
                log.warning("sweep_failed", error=repr(error))
            else:
                if done:
                    log.info("swept", count=done)
