"""The twins in this process, on a real PostgreSQL and a real payments company."""

import importlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import psycopg
import pytest
from werkzeug.serving import make_server

from lab.runtime.local.parts import installing, postgres
from lab.runtime.local.processes import Processes
from lab.runtime.ownership.ledger import Ledger
from lab.runtime.ports_free import LOOPBACK, Ports
from lab.runtime.toxiproxy.server import Birthmark, find
from services import seed
from services.defences import choice, connection_pool, deadline, http_retry, saga, server_timeouts
from services.dependencies import payments
from tests.defended import PATIENT_S
from tests.integration.links import Link
from tests.integration.proxy_bench import ApiClient, eventually
from tests.roles import PASSWORDS, admit, as_service, owner_of
from tests.served import served
from tests.standing import IN_MEMORY
from tests.twins import KEY, SIZES

SERVER_TIMEOUTS_S = {  # as the product has them
    "lock_timeout": server_timeouts.LOCK_MS / 1000,
    "statement_timeout": server_timeouts.STATEMENT_MS / 1000,
    "idle_in_transaction_session_timeout": 2.0,
}


@pytest.fixture(scope="session")
def server(needs_local):
    """The port of a PostgreSQL for these tests."""
    folder = Path(tempfile.mkdtemp(prefix="lab-tests-", dir=IN_MEMORY if IN_MEMORY.is_dir() else None))
    folder.chmod(0o755)
    data = folder / "data"
    ports, processes = Ports(), Processes("the test", folder / "logs", Ledger(folder, "test"))
    try:
        port = ports.reserve()
        install = installing.installation()
        postgres.await_ready(postgres.start(install, data, port, processes), data)
        admit(install, port)
        yield port
    finally:
        processes.stop()
        ports.release()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def owner(server):
    """The owner's URL of a database for twins. To save time, deadlocks are found after 0.1 s, and a login is cheap."""
    name = "twins"
    with psycopg.connect(owner_of(server), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        connection.execute(f"ALTER DATABASE {name} SET deadlock_timeout = '100ms'")
        connection.execute(f"ALTER DATABASE {name} SET scram_iterations = 1")
    return owner_of(server, name)


@pytest.fixture
def payments_url():
    """A payments company with empty books, as the database is empty: bookings are numbered from the start again."""
    with mock.patch.dict(os.environ, TOKEN_KEY=KEY):
        server = make_server(LOOPBACK, 0, payments.create_app(), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://{LOOPBACK}:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="session")
def toxiproxy(needs_local, tmp_path_factory):
    """A real Toxiproxy, certainly ours."""
    mark, ports = Birthmark.of("test"), Ports()
    port = ports.reserve()
    command = find().command(LOOPBACK, port, mark.write(tmp_path_factory.mktemp("toxiproxy")))
    server = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    try:
        assert eventually(lambda: mark.seen_at(f"http://{LOOPBACK}:{port}"))
        yield ApiClient(port)
    finally:
        server.terminate()
        server.wait(10)
        ports.release()


@pytest.fixture
def link(toxiproxy, server):
    """The link from a twin to its database, which can be broken."""
    with Link.through(toxiproxy, server) as link:
        yield link


def settings(owner: str, payments_url: str, defences: str) -> dict[str, str]:
    """The environment of a twin."""
    return {
        "DATABASE_URL": as_service(owner),
        "PAYMENTS_URL": payments_url,
        "TOKEN_KEY": KEY,
        "DEFENCES": defences,
    }


@pytest.fixture
def deadline_s() -> float:
    """The budget of a request: far more than it needs, since a busy machine must not decide what a twin answers."""
    return PATIENT_S


@pytest.fixture
def patient_payments(monkeypatch):
    """Each call of payments has time enough, too: a first one that a busy machine delays is not made again."""
    monkeypatch.setattr(http_retry, "FIRST_TRY_S", PATIENT_S / 2)
    monkeypatch.setattr(saga, "REFUND_S", PATIENT_S)


@pytest.fixture
def make(owner, payments_url, deadline_s):
    """Makes a twin with its defences, on fresh data."""
    apps = []

    def make(twin: str, defences: str, database: int | None = None, payments: str = payments_url):
        """`database` is the port at which the twin reaches its database, if not the server's own."""
        seed.load(dsn=owner, schema=twin, defences=choice.parse(defences), passwords=PASSWORDS, **SIZES)
        environment = settings(owner, payments, defences)
        if database:
            environment["DATABASE_URL"] = re.sub(r":\d+/", f":{database}/", environment["DATABASE_URL"])
        with mock.patch.dict(os.environ, environment), patience(deadline_s):
            os.environ.pop("PROMETHEUS_MULTIPROC_DIR", None)
            apps.append(importlib.import_module(f"services.{twin}.app").create_app())
        apps[-1].config["DEADLINE_S"] = deadline_s
        return apps[-1]

    yield make
    for app in apps:
        app.extensions["engine"].dispose()
        app.extensions["payments"].close()
        if "sweeper" in app.extensions:
            app.extensions["sweeper"].close()


@contextmanager
def patience(deadline_s: float) -> Iterator[None]:
    """In the block, the time-outs of PostgreSQL are as much longer as the deadline is, and a pool can warm up."""
    longer = deadline_s / deadline.DEADLINE_S
    timeouts = {name: f"{1000 * longer * seconds:.0f}ms" for name, seconds in SERVER_TIMEOUTS_S.items()}
    with (
        mock.patch.dict(server_timeouts.SETTINGS, timeouts),
        mock.patch.object(connection_pool, "WARM_UP_S", PATIENT_S),
    ):
        yield


@pytest.fixture
def serve(owner, payments_url, tmp_path):
    """Serves a twin with its defences by gunicorn, on fresh data, for a `with` block."""

    def serve(twin: str, defences: str):
        seed.load(dsn=owner, schema=twin, defences=choice.parse(defences), passwords=PASSWORDS, **SIZES)
        app = f"tests.patient:create_app('{twin}')"
        return served(app, tmp_path / "log", **settings(owner, payments_url, defences))

    return serve
