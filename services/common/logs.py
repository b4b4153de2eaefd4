"""Structured logs: one JSON object a line on stdout, one line a request, every line with its request's id.

The id comes in by X-Request-Id, or is made here, and goes out again: whoever holds an answer finds its lines.
"""

import re
import time
import uuid

import structlog
from flask import Flask, Response, g, request

log = structlog.get_logger()

REQUEST_ID = re.compile(r"[\w.:/+=-]{1,128}", re.ASCII)


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
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _finish(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    log.info(
        "request",
        method=request.method,
        path=request.path,
        status=response.status_code,
        reason=g.get("reason", ""),
        duration_ms=round((time.monotonic() - g.started_at) * 1000, 1),
    )
    return response
