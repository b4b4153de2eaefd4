"""What each defence costs while nothing is broken: python -P -m pytest tests/benchmarks/defences_cost.py

Writes docs/defences.json, of which `python -m services.defences` makes a table. Two twins that differ in one thing
answer the same requests in turn, block by block, in this process, each on a database of its own; what is kept are the
differences between their blocks. Takes some seven minutes. Nothing else should run on the machine meanwhile.
"""

import importlib
import json
import logging
import os
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryFile
from unittest import mock

import psycopg
import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

from lab import provenance
from lab.catalogue import find
from lab.runtime.local.parts import postgres
from lab.workload import Intent
from lab.workload.booking import BOOKING
from services import seed
from services.defences import switch
from tests.integration.conftest import settings
from tests.served import served
from tests.twins import HARDENED, HEADERS, NAIVE, UNDEFENDED

pytest_plugins = ("tests.integration.conftest",)

DATA = Path(__file__).parents[2] / "docs" / "defences.json"
BLOCKS, MIXES, SEED = 12, 2, 1  # blocks of each twin in a comparison, mixes in a block
# The load of the control, but for its report, which is one request in a hundred.
MIX = {op: int(weight) for op, weight in find("s00-control").scenario.load.mix.items() if weight >= 1}


class Side:
    """One of the two twins that are compared. Both are asked the same."""

    def __init__(self, app) -> None:
        self._client, self._random, self._asked = app.test_client(), Random(SEED), 0

    def block(self) -> dict[str, float]:
        """CPU of this process and median time of a request, in milliseconds."""
        ops = [op for op, weight in MIX.items() for _ in range(weight * MIXES)]
        self._random.shuffle(ops)
        arrivals = [self._arrival(op) for op in ops]
        took, cpu = [], time.process_time()
        for arrival in arrivals:
            began = time.perf_counter()
            self._ask(arrival)
            took.append(time.perf_counter() - began)
        spent = time.process_time() - cpu
        return {"cpu_ms": spent / len(took) * 1000, "p50_ms": median(took) * 1000}

    def _arrival(self, op: str):
        self._asked += 1
        intent = Intent(i=self._asked, at_s=0.0, op=op, sizes=BOOKING.sizes, random=self._random)
        return BOOKING.operations[op](intent)

    def _ask(self, arrival) -> None:
        headers = HEADERS | ({"Idempotency-Key": arrival.key} if arrival.key else {})
        answer = self._client.open(arrival.path, method=arrival.method, json=arrival.body, headers=headers)
        assert answer.status_code in (200, 201), (arrival, answer.text)


class RoundTrips:
    """Counts round trips on connections of SQLAlchemy's pools: PostgreSQL ends each by saying that it is ready."""

    def __init__(self) -> None:
        self._open: list[psycopg.Connection] = []
        event.listen(Pool, "connect", self._connected)

    def _connected(self, connection, _record) -> None:
        self._open.append(connection)

    def a_request(self, side: Side) -> float:
        """How many `side` makes for a request, once its plans are prepared and its caches full."""
        side.block()
        with TemporaryFile() as file:
            traced = [connection for connection in self._open if not connection.closed]
            for connection in traced:
                connection.pgconn.trace(file.fileno())
            side.block()
            for connection in traced:
                connection.pgconn.untrace()
            file.seek(0)
            return file.read().count(b"ReadyForQuery") / (MIXES * sum(MIX.values()))

    def close(self) -> None:
        event.remove(Pool, "connect", self._connected)


@pytest.fixture
def compare(server, tmp_path):
    """What the twin `other` does more than the twin `base`; a twin comes with its defences."""
    owners = [database(server, name) for name in ("cost_base", "cost_other")]
    counter = RoundTrips()
    with served("services.dependencies.payments:create_app()", tmp_path / "log") as payments:
        url = f"http://127.0.0.1:{payments.port}"

        def compare(base, other) -> dict:
            with made(owners[0], url, *base) as one, made(owners[1], url, *other) as two:
                trips = [counter.a_request(side) for side in (one, two)]
                return difference(one, two, trips)

        yield compare
    counter.close()


def database(server: int, name: str) -> str:
    """The owner's URL of a new database."""
    with psycopg.connect(postgres.dsn(server), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return postgres.dsn(server).removesuffix(postgres.DATABASE) + name


@contextmanager
def made(owner: str, payments: str, twin: str, defences: str):
    """A twin on fresh data."""
    seed.load(dsn=owner, schema=twin, defences=switch.parse(defences), **BOOKING.sizes)
    with mock.patch.dict(os.environ, settings(owner, payments, defences)):
        app = importlib.import_module(f"services.{twin}.app").create_app()
    yield Side(app)
    app.extensions["engine"].dispose()
    app.extensions["payments"].close()


def difference(base: Side, other: Side, trips: list[float]) -> dict:
    blocks = []
    for number in range(BLOCKS):  # who begins changes, so that a machine that gets slower favours nobody
        order = (base, other) if number % 2 else (other, base)
        found = {side: side.block() for side in order}
        blocks.append((found[base], found[other]))
    return {
        "round_trips": {"base": round(trips[0], 2), "other": round(trips[1], 2)},
        **{name: added(blocks, name) for name in ("cpu_ms", "p50_ms")},
    }


def added(blocks: list[tuple[dict, dict]], name: str) -> dict[str, float]:
    """The median of the differences, and what lies between the second smallest and the second largest of them."""
    more = sorted(other[name] - base[name] for base, other in blocks)
    told = {"low": more[1], "added": median(more), "high": more[-2]}
    told |= {
        "base": median(base[name] for base, _ in blocks),
        "other": median(other[name] for _, other in blocks),
    }
    return {key: round(value, 3) for key, value in told.items()}


@pytest.mark.timeout(900)
def test_what_each_defence_costs(compare, capfd):
    logging.disable(logging.CRITICAL)
    began = time.monotonic()
    found = {
        "commit": provenance.commit(),
        "day": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": dict(provenance.machine()),
        "blocks": BLOCKS,
        "requests": BLOCKS * MIXES * sum(MIX.values()),
        "twins": compare(NAIVE, HARDENED),
        "nothing": {"alone": compare(UNDEFENDED, UNDEFENDED), "among": compare(HARDENED, HARDENED)},
        "defences": {
            name: {
                "alone": compare(UNDEFENDED, ("hardened", f"none,+{name}")),
                "among": compare(("hardened", f"all,-{name}"), HARDENED),
            }
            for name in switch.NAMES
        },
    }
    DATA.write_text(json.dumps(found, indent=1) + "\n")
    with capfd.disabled():
        print(f"\n{DATA} after {time.monotonic() - began:.0f} s")
