"""Structured logs: one JSON object per line on stdout, one line per request, and the request's id in every line.

The id comes from X-Request-Id, or is made here, and is returned: anybody with an answer can find its log lines. With
traceparent (W3C Trace Context) the lines also name the trace. `identity` passes both on to other services. Whatever
a client sends is quoted as JSON and limited in length, so no header can forge a line of its own.
"""

import re
import time
import uuid

import structlog
from flask import Flask, Response, g, request

from services.common import metrics

log = structlog.get_logger()

REQUEST_ID = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)
TRACE_PARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
PATH_LENGTH_MAX = 256


def init_app(app: Flask) -> None:
    """Configure structlog for this process and log each request of `app`."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(),
    )
    app.before_request(_start)
    app.after_request(_finish)


def _start() -> None:
    g.started_at = time.monotonic()
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
    trace = TRACE_PARENT.fullmatch(request.headers.get("traceparent", ""))
    g.trace_parent = trace[0] if trace else ""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(
        request_id=g.request_id, **({"trace_id": trace[1]} if trace else {})
    )


def identity() -> dict[str, str]:
    """The headers by which another service knows this request."""
    trace = {"traceparent": g.trace_parent} if g.trace_parent else {}
    return {"X-Request-Id": g.request_id} | trace


def _finish(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    log.info(
        "request",
        method=metrics.method(),
        path=request.path[:PATH_LENGTH_MAX],
        status=response.status_code,
        reason=g.get("reason", ""),
        duration_ms=round((time.monotonic() - g.started_at) * 1000, 1),
    )
    return response
