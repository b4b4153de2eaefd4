"""Errors as problem documents (RFC 9457): every answer that is not a success has the same shape in both twins.

What a client most needs after an error is `effect`: "none" means that nothing was done, "unknown" that something may
have been. An unexpected exception says neither, since nobody has thought about what it leaves behind.
"""

from collections.abc import Callable
from http import HTTPStatus

import structlog
from flask import Flask, Response, current_app, g, jsonify
from werkzeug.exceptions import HTTPException

log = structlog.get_logger()


class Problem(Exception):
    """Raise it to answer with this status and problem document. `reason` is one word, for programs and metrics."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        reason: str = "",
        effect: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.effect = status, detail, effect
        self.reason = reason or HTTPStatus(status).name.lower()
        self.headers = headers or {}

    def response(self) -> Response:
        """The problem document as an answer."""
        g.reason = self.reason
        document = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "request_id": g.get("request_id", ""),
        }
        effect = {"effect": self.effect} if self.effect else {}
        answer = jsonify(document | effect | current_app.extensions["problem_members"](self))
        answer.status_code, answer.content_type = self.status, "application/problem+json"
        answer.headers.update(self.headers)
        return answer


def not_found(what: str) -> Problem:
    """The path names something that does not exist."""
    return Problem(404, f"there is no {what}")


def conflict(detail: str, reason: str = "") -> Problem:
    """A valid request that conflicts with the current state."""
    return Problem(409, detail, reason=reason)


def unprocessable(detail: str, reason: str = "") -> Problem:
    """The body or the query is invalid, or the body names something that does not exist."""
    return Problem(422, detail, reason=reason)


def nothing_more(_: Problem) -> dict[str, str]:
    """No additional members in a problem document."""
    return {}


def init_app(app: Flask, members: Callable[[Problem], dict[str, str]] = nothing_more) -> None:
    """Answer every error of `app` with a problem document; `members` returns its additional members."""
    app.extensions["problem_members"] = members
    app.register_error_handler(Problem, Problem.response)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, unexpected)


def _http_error(error: HTTPException) -> Response:
    """What Flask and Werkzeug themselves refuse: no such route, wrong method, a body that is not JSON."""
    headers = {name: value for name, value in error.get_headers() if name != "Content-Type"}
    return Problem(error.code or 500, error.description or "", headers=headers).response()


def unexpected(error: Exception) -> Response:
    """A bug, or a failure that nobody has thought of: the log has the traceback, the answer promises nothing."""
    log.error("unhandled", exc_info=error)
    return Problem(500, "an unexpected error, see the log", reason=type(error).__name__).response()
