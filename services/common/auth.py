"""A bearer token guards everything but the routes that machines probe."""

import hmac
from dataclasses import dataclass

from flask import Flask, current_app, g, request

from services.common.problems import Problem

OPEN_PATHS = ("/healthz", "/readyz", "/metrics")


@dataclass(frozen=True, kw_only=True)
class Caller:
    """A user, or an operator, who may act for all users."""

    user_id: int | None = None
    operator: bool = False

    def may_act_for(self, user_id: int) -> bool:
        return self.operator or self.user_id == user_id


def init_app(app: Flask) -> None:
    """Ask every request for the token in the app's setting LAB_TOKEN."""
    app.before_request(_require_token)


def _require_token() -> None:
    if request.path in OPEN_PATHS:
        return
    expected = f"Bearer {current_app.config['LAB_TOKEN']}"
    if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), expected.encode()):
        raise Problem(
            401, "send the header Authorization: Bearer TOKEN", headers={"WWW-Authenticate": "Bearer"}
        )
    g.caller = Caller(operator=True)
