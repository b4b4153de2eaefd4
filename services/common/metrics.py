"""Prometheus metrics, with the same names in both twins: the lab scrapes them into the run folder.

With PROMETHEUS_MULTIPROC_DIR set, every worker writes to files there, and any of them answers for all.
"""

import os
import time
from http import HTTPMethod
from typing import Any

from flask import Flask, Response, current_app, g, has_request_context, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy import Engine, event

METHODS = frozenset(HTTPMethod)
BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """All metrics of one app."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str, mode: Any = "livesum") -> Gauge:
            return Gauge(name, text, labels, registry=registry, multiprocess_mode=mode)

        self.requests = counter("http_requests_total", "Answers", "route", "method", "code", "reason")
        self.duration = Histogram(
            "http_request_duration_seconds",
            "Time in the app",
            ("route",),
            registry=registry,
            buckets=BUCKETS_S,
        )
        self.in_flight = gauge("http_requests_in_flight", "Requests in the app now")
        self.statements = counter("sql_statements_total", "SQL statements sent", "route")
        self.pool_in_use = gauge("db_pool_in_use", "Database connections in use")
        self.waiting = gauge("bulkhead_waiting", "Threads that wait for a slot", "name")
        self.breaker = gauge("circuit_breaker_state", "0 closed, 1 half-open, 2 open", "name", mode="livemax")
        self.retries = counter("retries_total", "Attempts after the first", "what")
        self.sheds = counter("sheds_total", "Requests refused to protect the rest", "why")
        self.deadline_misses = counter("deadline_misses_total", "Waits given up at the request's deadline")
        self.worker_starts = counter("worker_starts_total", "Worker processes started")


def current() -> Metrics:
    """The metrics of the current app."""
    return current_app.extensions["metrics"]


def init_app(app: Flask) -> None:
    """Count and time every request of `app`. The app itself has to serve `exposition` as /metrics."""
    metrics = app.extensions["metrics"] = Metrics()
    metrics.worker_starts.inc()
    app.before_request(_start)
    app.after_request(_count)
    app.teardown_request(_finish)


def instrument(engine: Engine, app: Flask) -> None:
    """Count the statements of `engine` by route, and its connections in use."""
    metrics: Metrics = app.extensions["metrics"]

    @event.listens_for(engine, "before_cursor_execute")
    def _(*_: object) -> None:
        metrics.statements.labels(route()).inc()

    @event.listens_for(engine, "checkout")
    def _(connection: Any, record: Any, proxy: Any) -> None:
        record.record_info["in_use"] = True
        metrics.pool_in_use.inc()

    @event.listens_for(engine, "checkin")
    def _(connection: Any, record: Any) -> None:
        # A failed connect is checked in without having been checked out.
        if record.record_info.pop("in_use", False):
            metrics.pool_in_use.dec()


def route() -> str:
    """The URL rule of the current request: few values, whatever clients ask for."""
    return request.url_rule.rule if has_request_context() and request.url_rule else ""


def method() -> str:
    """The method of the current request, or "other": invented methods create no new series."""
    return request.method if request.method in METHODS else "other"


def exposition() -> Response:
    """The view of /metrics: the values of all workers if there are several, else this one's."""
    registry = current().registry
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _start() -> None:
    g.metrics_started_at = time.monotonic()
    current().in_flight.inc()


def _count(response: Response) -> Response:
    metrics = current()
    metrics.requests.labels(route(), method(), str(response.status_code), g.get("reason", "")).inc()
    metrics.duration.labels(route()).observe(time.monotonic() - g.metrics_started_at)
    return response


def _finish(_: BaseException | None) -> None:
    if "metrics_started_at" in g:
        current().in_flight.dec()
