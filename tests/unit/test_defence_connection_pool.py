"""On SQLite in memory with a psycopg-like connection around it: what counts here is what the pool does."""

import socket

import psycopg
import pytest
import sqlalchemy as sa

from services.defences import connection_pool
from tests.defended import defended


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


@pytest.fixture
def world(monkeypatch):
    """(engine with the pool's options, log of connects and pings, what a ping answers)."""
    log, alive, made = [], [True], []

    def connect():
        log.append("connect")
        made.append(Connection())
        return made[-1]

    monkeypatch.setattr(connection_pool, "IDLE_S", 10.0)
    with defended("none,+connection_pool").app_context():
        engine = sa.create_engine(
            "postgresql+psycopg://",
            creator=connect,
            _initialize=False,
            **connection_pool.options(),
        )
        connection_pool.watch(engine)
        monkeypatch.setattr(engine.dialect, "on_connect", lambda: None)
        monkeypatch.setattr(engine.dialect, "do_ping", lambda connection: log.append("ping") or alive[0])
        yield engine, log, alive
    for connection in made:
        connection.close()


def test_connections_are_kept_and_the_last_one_used_comes_first(world):
    engine, log, _ = world
    one, two = engine.raw_connection(), engine.raw_connection()
    warm = two.dbapi_connection
    one.close()
    two.close()
    assert engine.raw_connection().dbapi_connection is warm
    assert log == ["connect", "connect"]


def test_a_connection_in_steady_use_is_not_pinged(world):
    engine, log, _ = world
    for _ in range(5):
        engine.raw_connection().close()
    assert log == ["connect"]


def test_one_that_was_idle_for_long_is_pinged(world, monkeypatch):
    engine, log, _ = world
    engine.raw_connection().close()
    monkeypatch.setattr(connection_pool, "IDLE_S", -1.0)
    engine.raw_connection()
    assert log == ["connect", "ping"]


def test_one_that_the_server_has_closed_is_replaced_before_anybody_uses_it(world):
    engine, log, alive = world
    held = engine.raw_connection()
    held.dbapi_connection.far.close()  # the end of stream makes the idle socket readable
    held.close()
    alive[0] = False
    assert not engine.raw_connection().dbapi_connection.closed
    assert log == ["connect", "ping", "connect"]


def test_the_pool_is_bounded_and_so_is_the_wait_for_it(world, monkeypatch):
    engine, log, _ = world
    monkeypatch.setattr(engine.pool, "_timeout", 0.01)
    held = [engine.raw_connection() for _ in range(connection_pool.SIZE)]
    with pytest.raises(sa.exc.TimeoutError):
        engine.raw_connection()
    assert len(log) == len(held)


def test_warmed_up_it_need_not_grow_later(world):
    engine, log, _ = world
    connection_pool.warm_up(engine)
    held = [engine.raw_connection() for _ in range(connection_pool.SIZE)]
    assert log == ["connect"] * len(held)


def test_what_cannot_be_had_at_the_start_is_no_reason_not_to_start():
    def refuse():
        raise psycopg.OperationalError("connection refused")

    with defended("none,+connection_pool").app_context():
        engine = sa.create_engine("postgresql+psycopg://", creator=refuse, **connection_pool.options())
        connection_pool.warm_up(engine)
        assert engine.pool.checkedout() == 0


def test_off_the_pool_is_as_sqlalchemy_makes_it():
    with defended("all,-connection_pool").app_context():
        assert connection_pool.options().keys() == {"poolclass"}
        assert issubclass(connection_pool.options()["poolclass"], sa.QueuePool)
