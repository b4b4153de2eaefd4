"""Input validation: what comes from outside is checked at the door for type, range, size, depth and time of arrival.

Guards everything behind the door. A NUL byte, half a surrogate pair, a number beyond 32 bits or JSON nested 100,000
deep is the client's bug, but comes out as our 500; and an instant that PostgreSQL can store but Python cannot read back
breaks every list that shows it. A body has BODY_BYTES_MAX bytes at most, or clients could fill the worker's memory. It
must arrive by the request's deadline, or a slow sender could keep a thread for as long as it likes.
Costs tens of microseconds per request, one more thread per worker, and a second place, beside the database, that says
what a field may be.
Hurts alone when it is stricter than the contract: then it refuses valid requests. And it begins after the headers: a
client that sends those slowly must be stopped by a load balancer in front of the service.
Awaits S12: malformed requests, none of which may end in a 500.
"""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any

from flask import Flask, request
from gunicorn.http.errors import ParseException
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
)
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from services.common.problems import Problem, not_found, unprocessable
from services.defences.deadline import left_s
from services.defences.switch import on, state

BODY_BYTES_MAX = 16 * 1024  # the longest body in the contract, with every letter escaped, has about 14,000
LOOKS_EVERY_S = 0.1
LEAVES_AFTER_S = 5.0
DETAIL_LENGTH_MAX = 200
ID_MAX = 2**31 - 1
FIRST_DAY, DAY_AFTER_LAST = date(2000, 1, 1), date(2200, 1, 1)
FIRST_INSTANT, INSTANT_AFTER_LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
RFC_3339 = r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)"


class Strict(BaseModel):
    """A JSON object with exactly these members, and no conversion of types."""

    model_config = ConfigDict(strict=True, extra="forbid")


class Lax(BaseModel):
    """A query string: every value is text, and unknown names are ignored."""

    model_config = ConfigDict(extra="ignore")


def looking_like(pattern: str) -> BeforeValidator:
    """Stricter than pydantic, which accepts seconds since 1970 as a time, and blanks and underscores in a number."""

    def check(value: Any) -> Any:
        if not isinstance(value, str) or not re.fullmatch(pattern, value, re.ASCII):
            raise ValueError(f"must look like {pattern}")
        return value

    return BeforeValidator(check)


Id = Annotated[int, Field(ge=1, le=ID_MAX)]
Cents = Annotated[int, Field(ge=1, le=ID_MAX)]
Text = Annotated[str, Field(pattern=r"^[^\x00]*$")]
Number = Annotated[int, looking_like(r"\d{1,10}")]
Day = Annotated[date, Field(ge=FIRST_DAY, lt=DAY_AFTER_LAST), looking_like(r"\d{4}-\d\d-\d\d")]
Instant = Annotated[
    AwareDatetime,
    Field(ge=FIRST_INSTANT, lt=INSTANT_AFTER_LAST, strict=False),  # JSON has no type for it
    looking_like(RFC_3339),
    AfterValidator(lambda instant: instant.astimezone(UTC)),
]


def init_app(app: Flask) -> None:
    """Limit the body of every request of `app`, and check its path.

    Call this before anything that may refuse a request: the server waits for the rest of a body that nobody has read.
    """
    with app.app_context():
        if on("input_validation"):
            app.config["MAX_CONTENT_LENGTH"] = BODY_BYTES_MAX
            app.before_request(_await_body)
            app.before_request(_check_path)


def body(model: type[Strict]) -> dict[str, Any]:
    """The request's JSON body, validated by `model`; 400 if it is not JSON, 422 if it is invalid."""
    if not request.is_json:
        raise UnsupportedMediaType("send the header Content-Type: application/json")
    try:
        return model.model_validate_json(request.get_data()).model_dump()
    except ValidationError as error:
        raise _refusal(error) from None


def query(model: type[Lax]) -> dict[str, Any]:
    """The request's query string, validated by `model`; 422 if it is invalid."""
    try:
        return model.model_validate(request.args.to_dict()).model_dump()
    except ValidationError as error:
        raise _refusal(error) from None


def _refusal(error: ValidationError) -> Problem:
    """The first error, with the name of its field."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        return Problem(400, first["msg"])
    place = ".".join(map(str, first["loc"])) or "the body"
    return unprocessable(f"{place}: {first['msg']}"[:DETAIL_LENGTH_MAX])


def _check_path() -> None:
    """An id that no row can have is not found."""
    for value in (request.view_args or {}).values():
        if isinstance(value, int) and not 1 <= value <= ID_MAX:
            raise not_found("such thing")


def _await_body() -> None:
    """Read the body, if there is one, by the deadline at the latest."""
    length = request.content_length
    if not length and "Transfer-Encoding" not in request.headers:
        return
    with state("input_validation", Watchdog).watching(request.environ.get("gunicorn.socket")) as sender:
        try:
            read = len(request.get_data())
        except ParseException as error:
            raise Problem(
                400, f"the body is not valid chunked encoding: {error}"[:DETAIL_LENGTH_MAX]
            ) from None
        except RequestEntityTooLarge:
            sender.stays = True  # after the answer the server reads on, byte by byte
            raise
        sender.stays = not length and read >= BODY_BYTES_MAX  # Werkzeug stops there without an error
    if sender.late and read < (length or BODY_BYTES_MAX):
        raise Problem(408, "the body did not arrive in time", headers={"Connection": "close"})
    if length and read < length:
        raise Problem(400, "the body ended early", headers={"Connection": "close"})
    if sender.stays:
        raise RequestEntityTooLarge


@dataclass(eq=False)
class Sender:
    """A client that is sending a body, and until when it may; one that `stays` may go on sending after its answer."""

    connection: socket.socket | None
    ends_at: float
    late: bool = False
    stays: bool = False


class Watchdog:
    """Cuts off senders whose time is up. A socket timeout would not: every byte restarts it.

    One thread for all, since a thread for each costs more than all other checks; it ends when it has nothing to do.
    """

    def __init__(self) -> None:
        self._senders: set[Sender] = set()
        self._lock = threading.Lock()
        self._running = False

    @contextmanager
    def watching(self, connection: socket.socket | None) -> Iterator[Sender]:
        """Let the block read from `connection` until the request's deadline."""
        sender = Sender(connection, time.monotonic() + left_s())
        with self._lock:
            self._senders.add(sender)
            if not self._running:
                threading.Thread(target=self._run, name="slow senders", daemon=True).start()
                self._running = True
        try:
            yield sender
        finally:
            if not sender.stays:
                with self._lock:
                    self._senders.discard(sender)

    def _run(self) -> None:
        idle_since = time.monotonic()
        while True:
            time.sleep(LOOKS_EVERY_S)
            now = time.monotonic()
            with self._lock:
                if self._senders:
                    idle_since = now
                elif now - idle_since > LEAVES_AFTER_S:
                    self._running = False
                    return
                for sender in [sender for sender in self._senders if now > sender.ends_at]:
                    sender.late = True
                    self._senders.discard(sender)
                    _end(sender.connection)


def _end(connection: socket.socket | None) -> None:
    """Stop receiving; what has arrived can still be read, and the answer can still be sent."""
    if connection is not None:
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RD)
