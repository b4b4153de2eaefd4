"""Plays a schedule against a twin: each arrival at its instant, whatever became of the earlier ones.

The schedule is read while it is played, and records are flushed every second, so a run's memory hardly grows.
Latency counts from the intended instant: a request that had to wait for the generator is as late as one that waited
for the service.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import gevent
import psutil
from gevent.pool import Group

from loadtests.client import Client, Exchange
from loadtests.handshake import await_t0, be_punctual, write_json
from loadtests.oracle import is_wrong, rejects_planted_wrong
from loadtests.records import (
    REUSED,
    TELLS_WHEN,
    WRONG,
    Failure,
    Outcome,
    Records,
    is_settled,
    outcome,
)
from loadtests.waiting import make_waiter

SAMPLE_S = 1.0


class Answer(NamedTuple):
    """What later requests need of an answer: the id of what was made, and its version; "" for none."""

    id: str
    etag: str


class Player:
    """One twin's load. `told` is called for each request (name, seconds, problem or None), for Locust's statistics."""

    def __init__(self, config: dict[str, Any], told: Callable[[str, float, str | None], None]) -> None:
        self._config = config
        self._told = told
        self._client = Client(config["target"], config["token"], config["tokens"], config["max_in_flight"])
        self._records = Records(config["twin"], config["requests"], config["history"])
        self._history_ops = frozenset(config["history_ops"])
        self._ops: dict[str, int] = {}
        self._oracle: dict[str, bool] = {}  # whether it saw what was planted in a right answer, by operation
        self._settled: set[int] = set()  # answered requests that have a planned retry
        # What later requests need of an answer, by the request that was answered.
        self._answers: dict[int, Answer] = {}
        self._in_flight = Group()
        self._process = psutil.Process()
        self._cpu_before_s = 0.0
        self._summary: dict[str, Any] = {
            "twin": config["twin"], "planned": 0, "cap_hits": 0, "cpu_share_max": 0.0, "errors": []
        }  # fmt: skip

    def play(self) -> bool:
        """Play the whole schedule, then wait for what is in flight. Returns whether all requests are recorded."""
        self._summary["rss_bytes_start"] = self._process.memory_info().rss
        self._summary["priority"] = be_punctual()
        t0 = await_t0(self._config["ready"], self._config["t0"])
        self._cpu_before_s = time.process_time()
        self._summary["started_at"] = t0
        gevent.spawn(self._sample)
        waiter = make_waiter()
        for arrival in self._schedule():
            intended = t0 + arrival["at_s"]
            waiter.until(intended)
            self._dispatch(arrival, intended)
        self._in_flight.join(timeout=self._config["drain_s"])
        self.stop()
        return bool(self._records.count == self._summary["planned"])

    def stop(self) -> None:
        """Cut off what is in flight (recorded as aborted) and write everything known to disk. Safe to call twice."""
        gevent.sleep(0)  # let greenlets that were just spawned start, else they would not be recorded
        self._in_flight.kill(block=True, timeout=2)
        self._records.flush()
        self._summary |= {
            "ops": list(self._ops),
            "recorded": self._records.count,
            "oracle": self._oracle,
            "cpu_s": time.process_time() - self._cpu_before_s,
            "rss_bytes_end": self._process.memory_info().rss,
        }
        write_json(self._config["summary"], self._summary)

    def _schedule(self) -> Iterator[dict[str, Any]]:
        with Path(self._config["schedule"]).open() as lines:
            for line in lines:
                yield json.loads(line)

    def _dispatch(self, arrival: dict[str, Any], intended: float) -> None:
        self._summary["planned"] += 1
        self._ops.setdefault(arrival["op"], len(self._ops))
        if not self._is_needed(arrival):
            self._records.not_needed(arrival["i"], self._ops[arrival["op"]], intended, time.monotonic())
        elif len(self._in_flight) >= self._config["max_in_flight"]:
            self._summary["cap_hits"] += 1
            now = time.monotonic()
            self._record(arrival, intended, Exchange(started=now, end=now, failure=Failure.SHED))
        else:
            self._in_flight.spawn(self._one, arrival, intended)

    def _is_needed(self, arrival: dict[str, Any]) -> bool:
        """Whether to send it: no for a retry of an answered request, and for a read of a write that did not succeed."""
        if arrival.get("repeats") in self._settled:
            self._settled.remove(arrival["repeats"])
            return False
        if "reads" not in arrival:
            return True
        answer = self._answers.pop(arrival["reads"], None)
        if answer is not None:
            arrival["path"] = arrival["path"].replace("{id}", answer.id)
            if arrival["method"] != "GET":
                arrival["seen"] = answer.etag
        return answer is not None

    def _one(self, arrival: dict[str, Any], intended: float) -> None:
        request_id = f"{self._config['twin']}-{arrival['i']}"
        timeout_s = self._config["client_timeout_s"]
        patience_s = min(arrival.get("patience_s", timeout_s), timeout_s)
        exchange = self._client.send(arrival, request_id, intended + patience_s)
        if "patience_s" in arrival and is_settled(exchange.status, exchange.failure):
            self._settled.add(arrival["i"])
        self._record(arrival, intended, exchange)

    def _record(self, arrival: dict[str, Any], intended: float, exchange: Exchange) -> None:
        if exchange.own_error and exchange.own_error not in self._summary["errors"]:
            self._summary["errors"].append(exchange.own_error)
        op, expect = arrival["op"], arrival.get("expect")
        in_history = op in self._history_ops
        answered = exchange.answered() if in_history or expect or exchange.status >= 500 else None
        result = outcome(arrival["method"], exchange.status, exchange.failure, answered)
        wrong = result is Outcome.OK and is_wrong(expect, answered)
        if "read_back" in arrival and result is Outcome.OK:
            made = quote(str(answered.get("id") if isinstance(answered, dict) else None))
            self._answers[arrival["i"]] = Answer(made, exchange.etag)
        if (
            expect is not None
            and not self._oracle.setdefault(op, False)
            and result is Outcome.OK
            and not wrong
        ):
            self._oracle[op] = rejects_planted_wrong(expect, answered)
        flags = REUSED * exchange.reused | WRONG * wrong | TELLS_WHEN * exchange.tells_when
        self._records.request(
            arrival["i"], self._ops[op], exchange.status, exchange.failure, result, flags,
            intended, exchange.started, exchange.sent, exchange.end,
        )  # fmt: skip
        if in_history:
            self._records.operation(
                i=arrival["i"],
                op=op,
                outcome=result,
                status=exchange.status,
                end=exchange.end,
                answered=answered,
            )
        problem = (
            exchange.failure.name
            if exchange.failure
            else str(exchange.status)
            if exchange.status >= 400
            else None
        )
        self._told(op, exchange.end - intended, problem)

    def _sample(self) -> None:
        """Every second: note our own share of a core, and flush the records for the live panel."""
        wall, cpu = time.monotonic(), time.process_time()
        while True:
            gevent.sleep(SAMPLE_S)
            wall_now, cpu_now = time.monotonic(), time.process_time()
            share = (cpu_now - cpu) / (wall_now - wall)
            self._summary["cpu_share_max"] = max(self._summary["cpu_share_max"], round(share, 4))
            wall, cpu = wall_now, cpu_now
            self._records.flush()
