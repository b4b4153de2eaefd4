"""Authentication: a signed bearer token guards all routes except those that machines probe.

The key, random for each run, is the setting TOKEN_KEY. Whoever has it can check tokens without asking a server, and
make them: `TOKEN_KEY=… python -m services.common.auth` prints an operator's token, with `--user 7` that of user 7.
"""

import argparse
import os
from dataclasses import dataclass
from typing import Any

from flask import Flask, current_app, g, request
from itsdangerous import BadData, URLSafeSerializer

from services.common.problems import Problem

OPEN_PATHS = ("/healthz", "/readyz", "/metrics")
SALT = "bearer"


@dataclass(frozen=True, kw_only=True)
class Caller:
    """A user, or an operator, who may act for all users."""

    user_id: int | None = None
    operator: bool = False

    def may_act_for(self, user_id: int) -> bool:
        return self.operator or self.user_id == user_id


def token(key: str, **caller: Any) -> str:
    """A token for a Caller with these fields."""
    return str(URLSafeSerializer(key, salt=SALT).dumps(caller))


def init_app(app: Flask) -> None:
    """Require of every request a token signed with the app's setting TOKEN_KEY, and put its Caller into `g`."""
    app.extensions["tokens"] = URLSafeSerializer(app.config["TOKEN_KEY"], salt=SALT)
    app.before_request(_identify)


def _identify() -> None:
    if request.path in OPEN_PATHS:
        return
    # Not request.authorization: Werkzeug raises on a Basic header that is not ASCII.
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    genuine = current_app.extensions["tokens"].loads
    try:
        g.caller = Caller(**genuine(given if scheme.lower() == "bearer" else ""))
    except (BadData, TypeError):
        raise Problem(
            401, "send the header Authorization: Bearer TOKEN", headers={"WWW-Authenticate": "Bearer"}
        ) from None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m services.common.auth", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--user", type=int, help="the user's id; without it the token is an operator's")
    chosen = parser.parse_args().user
    caller = {"operator": True} if chosen is None else {"user_id": chosen}
    print(token(os.environ["TOKEN_KEY"], **caller))  # noqa: T201
