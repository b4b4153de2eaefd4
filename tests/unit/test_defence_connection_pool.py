"""A pool of sockets in place of connections: what counts here is what the pool does with them."""

import fcntl
import resource
import socket
import threading
import time
from types import SimpleNamespace

import psycopg
import pytest
import sqlalchemy as sa

from services.defences import connection_pool, deadline, openers
from services.defences.connection_pool import SIZE, SPARE, NoConnection
from services.defences.unavailable import is_outage
from tests.defended import defended

SOON_S = 20.0  # for what takes an instant on a machine that does not stand still


class Connection:
    """As much of a psycopg connection as the pool looks at."""

    def __init__(self) -> None:
        self.near, self.far = socket.socketpair()
        self.closed = False

    def fileno(self) -> int:
        return self.near.fileno()

    def rollback(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True
        self.near.close()
        self.far.close()


class Server:
    """Lets in whom it wants to, and notes by which thread each connection was opened."""

    def __init__(self) -> None:
        self.away = False
        self.hangs = threading.Event()  # while it is set, nobody is let in or turned away
        self.openers: list[str] = []
        self.made: list[Connection] = []

    def connect(self) -> Connection:
        self.openers.append(threading.current_thread().name)
        while self.hangs.is_set():
            time.sleep(0.005)
        if self.away:
            raise psycopg.OperationalError("connection refused")
        self.made.append(Connection())
        return self.made[-1]


@pytest.fixture
def server():
    server = Server()
    yield server
    for connection in server.made:
        connection.close()


@pytest.fixture
def engine(server, monkeypatch):
    """An engine with the pool's options, warm; an attempt to open a connection never counts as hung."""
    monkeypatch.setattr(connection_pool, "WAIT_S", 0.05)
    monkeypatch.setattr(connection_pool, "WARM_UP_S", SOON_S)
    monkeypatch.setattr(openers, "HUNG_S", 60.0)
    with defended("none,+connection_pool").app_context():
        engine = sa.create_engine(
            "postgresql+psycopg://", creator=server.connect, _initialize=False, **connection_pool.options()
        )
        monkeypatch.setattr(engine.dialect, "on_connect", lambda: None)
        connection_pool.watch(engine)
        connection_pool.warm_up(engine)
        yield engine
        engine.dispose()


def opened(engine: sa.Engine, count: int) -> bool:
    """Whether so many connections are open, soon."""
    return soon(lambda: engine.pool._open == count)


def soon(happened) -> bool:
    ends_at = time.monotonic() + SOON_S
    while not happened() and time.monotonic() < ends_at:
        time.sleep(0.005)
    return bool(happened())


def test_all_connections_are_open_before_anybody_asks(engine, server):
    assert len(server.made) == SIZE
    held = [engine.raw_connection() for _ in range(SIZE)]
    assert len(server.made) == len(held)


def test_connections_are_kept_and_the_last_one_used_comes_first(engine, server):
    one, two = engine.raw_connection(), engine.raw_connection()
    warm = two.dbapi_connection
    one.close()
    two.close()
    assert engine.raw_connection().dbapi_connection is warm
    assert len(server.made) == SIZE


def test_one_to_which_the_server_said_goodbye_is_replaced_before_anybody_uses_it(engine, server):
    held = engine.raw_connection()
    gone = held.dbapi_connection
    held.close()
    gone.far.close()  # the end of stream makes the idle socket readable
    assert not engine.raw_connection().dbapi_connection.closed
    assert gone.closed


def test_one_that_failed_costs_itself_only(engine, server):
    held = engine.raw_connection()
    held.invalidate()
    held.close()
    assert opened(engine, SIZE - 1)
    assert len(server.made) == SIZE


def test_an_old_one_is_dropped_when_it_comes_back(engine):
    held = engine.raw_connection()
    gone = held.dbapi_connection
    held._connection_record.info["ends_at"] = 0
    held.close()
    assert gone.closed
    assert opened(engine, SIZE - 1)


def test_after_an_outage_a_few_are_reopened_to_spare_and_no_request_opens_them(engine, server):
    held = [engine.raw_connection() for _ in range(SIZE)]
    for connection in held:
        connection.invalidate()
        connection.close()
    assert opened(engine, SPARE)
    assert len(server.made) == SIZE + SPARE
    assert set(server.openers) == {"pool"}


def test_each_request_that_waits_has_one_opened_for_it(engine, server, monkeypatch):
    monkeypatch.setattr(connection_pool, "WAIT_S", SOON_S)
    for connection in server.made:
        connection.far.close()
    held = []

    def ask() -> None:
        with engine.pool._app.app_context():
            held.append(engine.raw_connection())

    threads = [threading.Thread(target=ask) for _ in range(SIZE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(held) == SIZE


def test_where_all_are_in_use_the_wait_is_bounded(engine):
    held = [engine.raw_connection() for _ in range(SIZE)]
    with pytest.raises(sa.exc.TimeoutError):
        engine.raw_connection()
    assert len(held) == SIZE


def test_one_who_waits_gets_the_connection_that_comes_back(engine, monkeypatch):
    monkeypatch.setattr(connection_pool, "WAIT_S", SOON_S)
    held = [engine.raw_connection() for _ in range(SIZE)]
    threading.Timer(0.02, held[0].close).start()
    assert not engine.raw_connection().dbapi_connection.closed


def test_where_none_can_be_had_that_is_said_and_one_opener_goes_on_asking(engine, server):
    server.away = True
    for connection in server.made:
        connection.far.close()
    with pytest.raises(NoConnection):
        engine.raw_connection()
    assert soon(lambda: engine.pool._openers.count == 1)
    engine.pool._open_missing()
    assert engine.pool._openers.count == 1
    server.away = False
    assert opened(engine, SPARE)
    assert not engine.raw_connection().dbapi_connection.closed


def test_beside_an_attempt_that_hangs_another_is_made(engine, server, monkeypatch):
    monkeypatch.setattr(openers, "HUNG_S", 0.05)
    server.hangs.set()
    for connection in server.made:
        connection.far.close()
    asked = len(server.openers)
    with pytest.raises(NoConnection):
        engine.raw_connection()
    assert soon(lambda: len(server.openers) >= asked + 2 * SPARE)
    assert engine.pool._openers.count <= 2 * openers.OPENERS_MAX
    server.hangs.clear()
    assert soon(lambda: SPARE <= engine.pool._open <= SIZE and engine.pool._openers.count == 0)


def test_while_no_new_one_can_be_had_an_old_one_is_kept(engine, server):
    server.away = True
    kept, *others = engine.pool._idle
    for record in others:
        record.dbapi_connection.far.close()
    assert soon(lambda: engine.pool._openers.away)
    kept.info["ends_at"] = 0
    engine.pool._drop_unusable()
    assert engine.pool._idle == [kept]


@pytest.mark.parametrize(("patience_s", "away"), [(60.0, None), (0.01, True)])
def test_no_connection_means_that_the_database_is_away_only_when_it_was_waited_for(
    engine, server, monkeypatch, patience_s, away
):
    monkeypatch.setattr(deadline, "PATIENCE_S", patience_s)
    server.away = True
    for connection in server.made:
        connection.far.close()
    with pytest.raises(NoConnection) as caught:
        engine.raw_connection()
    assert is_outage(caught.value) is away


def test_a_thread_that_cannot_start_is_started_at_the_next_look(engine, server, monkeypatch):
    def too_many(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", too_many)
        for connection in server.made:
            connection.far.close()
        with pytest.raises(NoConnection):
            engine.raw_connection()
    assert opened(engine, SPARE)


@pytest.fixture
def patient(monkeypatch):
    """Requests wait for long, and nobody tries a connection that is not trusted."""
    monkeypatch.setattr(connection_pool, "WAIT_S", 60.0)
    monkeypatch.setattr(connection_pool, "TRIAL_S", 60.0)


class Waiting(threading.Thread):
    """A request that waits for a connection, and keeps it."""

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__(daemon=True)
        self._engine, self.connection = engine, None
        before = len(engine.pool._waiting)
        self.start()
        soon(lambda: len(engine.pool._waiting) > before or self.connection)

    def run(self) -> None:
        with self._engine.pool._app.app_context():
            self.connection = self._engine.raw_connection()


def test_of_those_who_wait_the_newest_goes_first(engine, patient):
    held = [engine.raw_connection() for _ in range(SIZE)]
    waiting = [Waiting(engine) for _ in range(3)]
    for served in range(1, 4):
        held[served].close()
        assert soon(lambda: waiting[-served].connection)  # noqa: B023
        assert [bool(request.connection) for request in waiting].count(True) == served


def test_when_one_broke_the_others_are_kept_until_the_database_answers_somebody(engine, patient):
    engine.pool.distrust()
    waiting = Waiting(engine)
    waiting.join(0.1)
    assert waiting.connection is None
    engine.pool.trust()
    assert soon(lambda: waiting.connection)


def test_a_new_connection_is_an_answer(engine, server, patient):
    server.away = True
    held = engine.raw_connection()
    engine.pool.distrust()
    held.invalidate()
    held.close()
    waiting = Waiting(engine)
    waiting.join(0.1)
    assert (waiting.connection, engine.pool._open) == (None, SIZE - 1)
    server.away = False
    assert soon(lambda: waiting.connection)


def test_who_waits_does_not_look_again_and_again(engine, server, patient, monkeypatch):
    """Also when a trial is due and there is nothing to try: that would take the CPU from whoever opens connections."""
    monkeypatch.setattr(connection_pool, "TRIAL_S", 0.0)
    server.away = True
    for connection in server.made:
        connection.far.close()
    engine.pool.distrust()
    looks, look = [], engine.pool._open_missing
    monkeypatch.setattr(engine.pool, "_open_missing", lambda: looks.append(look()))
    waiting = Waiting(engine)
    before = len(looks)
    time.sleep(0.3)
    assert len(looks) - before < 5 * SIZE
    server.away = False
    assert soon(lambda: waiting.connection)


def test_a_trial_that_breaks_makes_the_others_wait_for_the_next_one_only(engine, patient, monkeypatch):
    held = [engine.raw_connection() for _ in range(SIZE)]
    waiting = Waiting(engine)
    monkeypatch.setattr(connection_pool, "TRIAL_S", 0.05)
    engine.pool.distrust()
    held[0].close()
    assert soon(lambda: waiting.connection)


def test_one_at_a_time_may_try_a_connection_that_is_not_trusted(engine, patient):
    engine.pool.distrust()
    waiting = [Waiting(engine) for _ in range(2)]
    with engine.pool._changed:
        engine.pool._next_trial_at = 0
        engine.pool._changed.notify_all()
    assert soon(lambda: any(request.connection for request in waiting))
    time.sleep(0.1)
    assert [bool(request.connection) for request in waiting].count(True) == 1
    engine.pool.trust()
    assert soon(lambda: all(request.connection for request in waiting))


def test_more_of_them_that_break_do_not_put_off_the_trial(engine, monkeypatch):
    engine.pool.distrust()
    due_at = engine.pool._next_trial_at
    engine.pool.distrust()
    assert engine.pool._next_trial_at == due_at


@pytest.mark.parametrize(
    ("kind", "answered"), [(psycopg.errors.UniqueViolation, True), (deadline.DeadlineExceeded, False)]
)
def test_an_error_is_an_answer_only_if_the_database_sent_it(engine, kind, answered):
    engine.pool.distrust()
    _fail(engine, kind)
    assert engine.pool._trusted is answered


@pytest.mark.parametrize("kind", [psycopg.OperationalError, psycopg.errors.AdminShutdown])
def test_a_session_that_ended_is_a_reason_for_distrust(engine, kind):
    _fail(engine, kind)
    assert not engine.pool._trusted


@pytest.mark.parametrize(
    "kind", [psycopg.errors.QueryCanceled, deadline.NoAnswer, psycopg.errors.UniqueViolation]
)
def test_nothing_else_is(engine, kind):
    _fail(engine, kind)
    assert engine.pool._trusted


def _fail(engine: sa.Engine, kind: type[psycopg.Error]) -> None:
    """As if a statement had failed with `kind`."""
    context = SimpleNamespace(original_exception=kind("as planned"), invalidate_pool_on_disconnect=True)
    for handle in engine.dialect.dispatch.handle_error:
        handle(context)
    assert context.invalidate_pool_on_disconnect is False


def test_what_cannot_be_had_at_the_start_is_no_reason_not_to_start(server, monkeypatch):
    monkeypatch.setattr(connection_pool, "WARM_UP_S", 0.02)
    server.away = True
    with defended("none,+connection_pool").app_context():
        engine = sa.create_engine(
            "postgresql+psycopg://", creator=server.connect, **connection_pool.options()
        )
        connection_pool.warm_up(engine)
        assert engine.pool._open == 0
        engine.dispose()


def test_once_disposed_of_nothing_is_opened_any_more(engine, server):
    pool, made = engine.pool, len(server.made)
    engine.dispose()
    assert all(connection.closed for connection in server.made)
    pool._open_missing()
    assert len(server.made) == made


@pytest.fixture
def many_files():
    """Room for descriptors beyond 1,023."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], 2_000), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_a_connection_is_looked_at_whatever_the_number_of_its_descriptor(engine, many_files):
    connection = Connection()
    with connection.near:
        connection.near = socket.socket(fileno=fcntl.fcntl(connection.near, fcntl.F_DUPFD_CLOEXEC, 1_100))
    record = SimpleNamespace(dbapi_connection=connection, info={"ends_at": time.monotonic() + 60})
    assert connection.fileno() > 1_023
    assert engine.pool._usable(record)
    connection.far.close()
    assert not engine.pool._usable(record)
    connection.close()


def test_off_the_pool_is_as_sqlalchemy_makes_it():
    with defended("all,-connection_pool").app_context():
        assert connection_pool.options().keys() == {"poolclass"}
        assert issubclass(connection_pool.options()["poolclass"], sa.QueuePool)
