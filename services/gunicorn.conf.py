"""How gunicorn runs both twins and the payments company: the same settings, so that only the code differs."""

import importlib
import os
import time
from pathlib import Path

from prometheus_client import multiprocess

worker_class = "gthread"
workers = 2
threads = 32
backlog = 128
timeout = 30  # seconds without a heartbeat of the worker; a stuck thread does not stop the heartbeat
graceful_timeout = 5
keepalive = 5
accesslog = None  # the twins log each request themselves
worker_tmp_dir = os.environ.get("PROMETHEUS_MULTIPROC_DIR")  # in memory: a heartbeat must not wait for a disk
control_socket_disable = True  # two servers on one machine would share its default path

START_TIMEOUT_S, POLL_S = 90, 0.02


def on_starting(server):
    """Load the code once, for the workers that are forked from here. Each worker makes its own app.

    They start when the file START_AFTER is there, if the setting names one: it shows that there is data.
    """
    importlib.import_module(server.app.app_uri.partition(":")[0])
    if signal := os.environ.get("START_AFTER"):
        await_file(Path(signal))


def await_file(path):
    """Return as soon as `path` exists."""
    give_up = time.monotonic() + START_TIMEOUT_S
    while not path.exists():
        if time.monotonic() > give_up:
            raise TimeoutError(f"{path} did not appear within {START_TIMEOUT_S} s")
        time.sleep(POLL_S)


def post_worker_init(worker):
    """Tell the app how many threads it has to share out, and start what it does in the background."""
    if hasattr(worker.wsgi, "config"):
        worker.wsgi.config["THREADS"] = worker.cfg.threads
    for start in getattr(worker.wsgi, "extensions", {}).get("background", ()):
        start()


def child_exit(server, worker):
    """Take a dead worker's gauges out of /metrics."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.mark_process_dead(worker.pid)
