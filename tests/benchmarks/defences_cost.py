"""What each defence costs while nothing is broken: python -P -m pytest tests/benchmarks/defences_cost.py

Writes docs/defences.json, of which `python -m services.defences` makes a table. Two twins that differ in one thing
answer the same requests in this process, each request one right after the other, each twin on a database of its own.
Of an operation the median of its differences counts, so that a disturbance of the machine does not, and the operations
add up by their weights in the load. Takes seven minutes. Nothing else should run on the machine meanwhile.
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
from lab.workload import Intent
from lab.workload.booking import BOOKING
from services import seed
from services.defences import choice
from tests.integration.conftest import settings
from tests.roles import PASSWORDS, owner_of
from tests.served import served
from tests.twins import HARDENED, HEADERS, KEY, NAIVE, UNDEFENDED

pytest_plugins = ("tests.integration.conftest",)

DATA = Path(__file__).parents[2] / "docs" / "defences.json"
MIXES, WARM_UP_MIXES, SEED = 16, 2, 1  # how often each twin answers the whole load in a comparison
RESAMPLES, SHARE = 500, 0.99  # of the bootstrap, and of its sums that are told as the spread
# The load of the control, but for its report, which is one request in a hundred.
MIX = {op: int(weight) for op, weight in find("s00-control").scenario.load.mix.items() if weight >= 1}


class Side:
    """One of the two twins that are compared. Both get the same requests."""

    def __init__(self, app) -> None:
        self._client, self._random, self._asked = app.test_client(), Random(SEED), 0

    def arrivals(self, mixes: int) -> list:
        """The load, repeated, in random order."""
        ops = [op for op, weight in MIX.items() for _ in range(weight * mixes)]
        self._random.shuffle(ops)
        return [self._arrival(op) for op in ops]

    def _arrival(self, op: str):
        self._asked += 1
        intent = Intent(i=self._asked, at_s=0.0, op=op, sizes=BOOKING.sizes, random=self._random)
        return BOOKING.operations[op](intent)

    def ask(self, arrival) -> dict[str, float]:
        """CPU of this process and time of the request, in milliseconds."""
        cpu, began = time.process_time(), time.perf_counter()
        self._ask(arrival)
        took, spent = time.perf_counter() - began, time.process_time() - cpu
        return {"cpu_ms": spent * 1000, "time_ms": took * 1000}

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
        """How many round trips `side` makes for a request, once its plans are prepared and its caches full."""
        for arrival in side.arrivals(WARM_UP_MIXES):
            side.ask(arrival)
        arrivals = side.arrivals(WARM_UP_MIXES)
        with TemporaryFile() as file:
            traced = [connection for connection in self._open if not connection.closed]
            for connection in traced:
                connection.pgconn.trace(file.fileno())
            for arrival in arrivals:
                side.ask(arrival)
            for connection in traced:
                connection.pgconn.untrace()
            file.seek(0)
            return file.read().count(b"ReadyForQuery") / len(arrivals)

    def close(self) -> None:
        event.remove(Pool, "connect", self._connected)


@pytest.fixture
def compare(server, tmp_path):
    """How much more the twin `other` costs than the twin `base`; each is given with its defences."""
    owners = [database(server, name) for name in ("cost_base", "cost_other")]
    counter = RoundTrips()
    with served("services.dependencies.payments:create_app()", tmp_path / "log", TOKEN_KEY=KEY) as payments:
        url = f"http://127.0.0.1:{payments.port}"

        def compare(base, other) -> dict:
            with made(owners[0], url, *base) as one, made(owners[1], url, *other) as two:
                trips = [counter.a_request(side) for side in (one, two)]
                return difference(one, two, trips)

        yield compare
    counter.close()


def database(server: int, name: str) -> str:
    """The owner's URL of a new database."""
    with psycopg.connect(owner_of(server), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return owner_of(server, name)


@contextmanager
def made(owner: str, payments: str, twin: str, defences: str):
    """A twin on fresh data."""
    seed.load(dsn=owner, schema=twin, defences=choice.parse(defences), passwords=PASSWORDS, **BOOKING.sizes)
    with mock.patch.dict(os.environ, settings(owner, payments, defences)):
        app = importlib.import_module(f"services.{twin}.app").create_app()
    yield Side(app)
    app.extensions["engine"].dispose()
    app.extensions["payments"].close()


def difference(base: Side, other: Side, trips: list[float]) -> dict:
    pairs = []
    both = zip(base.arrivals(MIXES), other.arrivals(MIXES), strict=True)
    for number, (one, two) in enumerate(
        both
    ):  # who begins changes, so that whoever is second has no advantage
        if number % 2:
            of_base, of_other = base.ask(one), other.ask(two)
        else:
            of_other, of_base = other.ask(two), base.ask(one)
        pairs.append((one.op, of_base, of_other))
    return {
        "round_trips": {"base": round(trips[0], 2), "other": round(trips[1], 2)},
        **{name: added(pairs, name) for name in ("cpu_ms", "time_ms")},
    }


def added(pairs: list, name: str) -> dict[str, float]:
    """What `other` adds to a request of the load, with its bootstrap interval, and the levels of both."""
    of = {op: [(one[name], two[name]) for done, one, two in pairs if done == op] for op in MIX}
    more = {op: [two - one for one, two in values] for op, values in of.items()}
    random = Random(SEED)
    sums = sorted(
        weighted({op: random.choices(values, k=len(values)) for op, values in more.items()})
        for _ in range(RESAMPLES)
    )
    cut = int(RESAMPLES * (1 - SHARE) / 2)
    told = {"low": sums[cut], "added": weighted(more), "high": sums[-1 - cut]}
    for place, side in enumerate(("base", "other")):
        told[side] = weighted({op: [pair[place] for pair in values] for op, values in of.items()})
    return {key: round(value, 3) for key, value in told.items()}


def weighted(by_op: dict[str, list[float]]) -> float:
    """The medians of the operations, by their weights in the load."""
    return sum(median(by_op[op]) * weight for op, weight in MIX.items()) / sum(MIX.values())


@pytest.mark.timeout(900)
def test_what_each_defence_costs(compare, capfd):
    logging.disable(logging.CRITICAL)
    began = time.monotonic()
    found = {
        "commit": provenance.commit(),
        "day": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": dict(provenance.machine()),
        "share": SHARE,
        "requests": MIXES * sum(MIX.values()),
        "twins": compare(NAIVE, HARDENED),
        "nothing": {"alone": compare(UNDEFENDED, UNDEFENDED), "among": compare(HARDENED, HARDENED)},
        "defences": {
            name: {
                "alone": compare(UNDEFENDED, ("hardened", f"none,+{name}")),
                "among": compare(("hardened", f"all,-{name}"), HARDENED),
            }
            for name in choice.NAMES
        },
    }
    DATA.write_text(json.dumps(found, indent=1) + "\n")
    with capfd.disabled():
        print(f"\n{DATA} after {time.monotonic() - began:.0f} s")
