"""What a saboteur does to a run that is going on. Each act undoes what would outlive the run."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import psutil

from lab.model import LabError
from lab.model.selfcheck import Sabotage
from lab.runtime.programs import ended
from lab.selfcheck.standing import Standing, call
from lab.selfcheck.workshop import Workshop

Act = Callable[[Standing, Sabotage], None]
BEGIN_TIMEOUT_S = 90.0
END_TIMEOUT_S = 1.0
BURN = "import sys, time\nend = time.monotonic() + float(sys.argv[1])\nwhile time.monotonic() < end: pass"
SLOW_TURN_S, SLOW_SHARE = 0.1, 0.8  # a process that is slowed is stopped for this share of each turn
SESSION = ": app "  # in the command line of a session of the service
SABOTAGE = "sabotage"  # the name of a toxic that a saboteur adds


class Saboteur(threading.Thread):
    """Waits for its instant in the run that begins in `workshop`, then acts. `error` says why it could not."""

    def __init__(self, workshop: Workshop, sabotage: Sabotage) -> None:
        super().__init__(name="saboteur", daemon=True)
        self._workshop = workshop
        self._sabotage = sabotage
        self._over = threading.Event()
        self.error = "The run ended before anything was done."

    def stop(self) -> None:
        """Its run has ended: stop waiting, and leave the next run alone."""
        self._over.set()
        self.join(END_TIMEOUT_S)

    def run(self) -> None:
        try:
            run = Standing.awaited(self._workshop, BEGIN_TIMEOUT_S, self._over)
            run.wait_for(self._sabotage.phase, self._sabotage.after_s, self._over)
            ACTS[self._sabotage.act](run, self._sabotage)
            self.error = ""
        except (LabError, OSError, psutil.Error) as error:
            self.error = f"{self._sabotage.act} was not possible: {error}"


def toxics_removed(run: Standing, how: Sabotage) -> None:
    for toxic in _toxics(run, how.of):
        call("DELETE", f"{run.proxies()}/proxies/{how.of}/toxics/{toxic['name']}")


def toxics_removed_for_a_while(run: Standing, how: Sabotage) -> None:
    """Remove the toxic and put it back later, as if nothing had happened."""
    there = _toxics(run, how.of)
    toxics_removed(run, how)
    time.sleep(how.for_s)
    for toxic in there:
        call("POST", f"{run.proxies()}/proxies/{how.of}/toxics", toxic)


def toxics_doubled(run: Standing, how: Sabotage) -> None:
    for toxic in _toxics(run, how.of):
        call("POST", f"{run.proxies()}/proxies/{how.of}/toxics", {**toxic, "name": SABOTAGE})


def toxics_moved(run: Standing, how: Sabotage) -> None:
    """Move the toxic from the link `of` to that of the payments company."""
    there = _toxics(run, how.of)
    toxics_removed(run, how)
    for toxic in there:
        call("POST", f"{run.proxies()}/proxies/payments/toxics", toxic)


def toxic_added(run: Standing, how: Sabotage) -> None:
    toxic = {"name": SABOTAGE, "type": "latency", "stream": "downstream", "attributes": {"latency": how.ms}}
    call("POST", f"{run.proxies()}/proxies/{how.of}/toxics", toxic)


def toxic_added_for_a_while(run: Standing, how: Sabotage) -> None:
    toxic_added(run, how)
    time.sleep(how.for_s)
    call("DELETE", f"{run.proxies()}/proxies/{how.of}/toxics/{SABOTAGE}")


def stopped(run: Standing, how: Sabotage) -> None:
    """Stop all processes of `of` with SIGSTOP, and continue them later."""
    with _stopped(run.family(how.of)):
        time.sleep(how.for_s)


def slowed(run: Standing, how: Sabotage) -> None:
    """Stop the last process of `of` (a worker) again and again."""
    victim, end = run.family(how.of)[-1:], time.monotonic() + how.for_s
    while time.monotonic() < end:
        with _stopped(victim):
            time.sleep(SLOW_TURN_S * SLOW_SHARE)
        time.sleep(SLOW_TURN_S * (1 - SLOW_SHARE))


def pinned(run: Standing, how: Sabotage) -> None:
    """Make all processes of `of` share one core, the last that they may use."""
    for process in run.family(how.of):
        for thread in process.threads():
            with suppress(OSError):
                os.sched_setaffinity(thread.id, {max(os.sched_getaffinity(thread.id))})


def killed(run: Standing, how: Sabotage) -> None:
    """The last process of `of`: a worker if it has any, else the program itself."""
    run.family(how.of)[-1].kill()


def sessions_ended(run: Standing, how: Sabotage) -> None:
    """End every session of the service in `of`, a PostgreSQL, as pg_terminate_backend does."""
    for process in run.family(how.of):
        if SESSION in " ".join(process.cmdline()):
            process.terminate()


def cpu_burned(_run: Standing, how: Sabotage) -> None:
    """Burn CPU with somebody else's program on each core."""
    command = [sys.executable, "-I", "-c", BURN, str(how.for_s)]
    burners = [
        threading.Thread(target=ended, args=(command,), kwargs={"timeout_s": how.for_s + 30})
        for _ in range(psutil.cpu_count() or 1)
    ]
    for burner in burners:
        burner.start()
    for burner in burners:
        burner.join()


def _toxics(run: Standing, link: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = call("GET", f"{run.proxies()}/proxies/{link}")["toxics"]
    if not found:
        raise LabError(f"there is no toxic on {link}.")
    return found


@contextmanager
def _stopped(family: Sequence[psutil.Process]) -> Iterator[None]:
    try:
        for process in family:
            process.send_signal(signal.SIGSTOP)
        yield
    finally:
        for process in family:
            with suppress(psutil.Error):
                process.send_signal(signal.SIGCONT)


ACTS: Mapping[str, Act] = {
    act.__name__: act
    for act in (
        toxics_removed,
        toxics_removed_for_a_while,
        toxics_doubled,
        toxics_moved,
        toxic_added,
        toxic_added_for_a_while,
        stopped,
        slowed,
        pinned,
        killed,
        sessions_ended,
        cpu_burned,
    )
}
