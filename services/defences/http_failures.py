"""Everything that can go wrong with a call to another service: exceptions of requests and urllib3, status and body.

Each kind of failure has a rule: a reason for people and metrics, whether the other side may have done what it was asked
to do, whether to retry (the call must carry a key), and, for the circuit breaker, whether the service is down.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from requests import exceptions as http
from urllib3 import exceptions as wire


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What a failure means for the caller."""

    reason: str  # "" if our own code is at fault
    may_be_done: bool
    retry: bool
    outage: bool


UNREACHABLE = Rule(reason="dependency_unreachable", may_be_done=False, retry=True, outage=True)
SILENT = Rule(reason="dependency_timeout", may_be_done=True, retry=True, outage=True)
CUT_OFF = Rule(reason="dependency_cut_off", may_be_done=True, retry=True, outage=True)
UNREADABLE = Rule(reason="dependency_unreadable", may_be_done=True, retry=True, outage=True)
FAILING = Rule(reason="dependency_failing", may_be_done=True, retry=True, outage=True)
BROKEN = Rule(reason="dependency_broken", may_be_done=True, retry=False, outage=True)
BUSY = Rule(reason="dependency_busy", may_be_done=False, retry=True, outage=False)
REFUSING = Rule(reason="dependency_refused", may_be_done=False, retry=False, outage=False)
DECLINED = Rule(reason="payment_declined", may_be_done=False, retry=False, outage=False)
OUR_BUG = Rule(reason="", may_be_done=False, retry=False, outage=False)

EXCEPTIONS: dict[type[BaseException], Rule] = {
    # Nothing was sent: the name, the connection, TLS or a proxy failed first.
    **dict.fromkeys(
        (http.ConnectTimeout, http.ProxyError, http.SSLError, wire.NewConnectionError), UNREACHABLE
    ),
    **dict.fromkeys((wire.NameResolutionError, wire.ConnectTimeoutError, wire.ProxyError), UNREACHABLE),
    **dict.fromkeys((wire.SSLError, wire.PoolError, wire.EmptyPoolError, wire.FullPoolError), UNREACHABLE),
    wire.ClosedPoolError: UNREACHABLE,
    # It may have been sent, but no answer came in time.
    **dict.fromkeys((http.Timeout, http.ReadTimeout, wire.TimeoutError, wire.ReadTimeoutError), SILENT),
    # The connection broke before the answer or in the middle of it.
    **dict.fromkeys((http.ConnectionError, http.ChunkedEncodingError, wire.ProtocolError), CUT_OFF),
    **dict.fromkeys((wire.IncompleteRead, wire.InvalidChunkLength, wire.MaxRetryError), CUT_OFF),
    **dict.fromkeys((http.RequestException, http.RetryError, wire.HTTPError, wire.RequestError), CUT_OFF),
    # An answer came, but not as agreed.
    **dict.fromkeys((http.JSONDecodeError, http.ContentDecodingError, wire.DecodeError), UNREADABLE),
    **dict.fromkeys((wire.ResponseNotChunked, wire.BodyNotHttplibCompatible), UNREADABLE),
    **dict.fromkeys((wire.HeaderParsingError, wire.ResponseError), UNREADABLE),
    **dict.fromkeys((http.TooManyRedirects, http.HTTPError, wire.HostChangedError), BROKEN),
    # An impossible request: a bug or a wrong setting of ours, found before anything was sent.
    **dict.fromkeys((http.URLRequired, http.MissingSchema, http.InvalidSchema, http.InvalidURL), OUR_BUG),
    **dict.fromkeys((http.InvalidHeader, http.InvalidProxyURL, http.InvalidJSONError), OUR_BUG),
    **dict.fromkeys((http.StreamConsumedError, http.UnrewindableBodyError), OUR_BUG),
    **dict.fromkeys((wire.LocationValueError, wire.LocationParseError, wire.URLSchemeUnknown), OUR_BUG),
    **dict.fromkeys((wire.ProxySchemeUnknown, wire.ProxySchemeUnsupported, wire.InvalidHeader), OUR_BUG),
    **dict.fromkeys((wire.TimeoutStateError, wire.UnrewindableBodyError), OUR_BUG),
}

STATUSES = {
    402: DECLINED,
    **dict.fromkeys((408, 425, 429), BUSY),
    **dict.fromkeys((500, 502, 503, 504), FAILING),
}

RETRY_AFTER_MAX_S = 24 * 3600.0  # whoever asks for more gets this


class UnexpectedAnswer(requests.RequestException):
    """An answer that is neither a success with the agreed JSON object nor a clear refusal."""


def rule_of(error: BaseException) -> Rule | None:
    """The rule for `error`; None if it does not come from an HTTP call."""
    if isinstance(error, (http.HTTPError, UnexpectedAnswer)) and error.response is not None:
        return rule_of_status(error.response.status_code)
    causes = [error, *_causes(error)]
    if isinstance(error, http.ConnectionError) and any(
        EXCEPTIONS.get(type(c)) is UNREACHABLE for c in causes
    ):
        return UNREACHABLE
    if isinstance(error, http.ConnectionError) and any(EXCEPTIONS.get(type(c)) is SILENT for c in causes):
        return SILENT
    return next((EXCEPTIONS[kind] for kind in type(error).__mro__ if kind in EXCEPTIONS), None)


def rule_of_status(status: int) -> Rule:
    """The rule for an answer with this status that is not the agreed success."""
    if status in STATUSES:
        return STATUSES[status]
    if status < 300:
        return UNREADABLE
    return REFUSING if 400 <= status < 500 else BROKEN


def document(answer: requests.Response, fields: Mapping[str, type]) -> dict[str, Any]:
    """The JSON object of a successful `answer`; raises a RequestException if there is none with these fields."""
    answer.raise_for_status()
    if answer.status_code >= 300:
        raise UnexpectedAnswer("not a success", response=answer)
    try:
        found = answer.json()
    # Not JSON, nested too deeply, or a number with 5,000 digits.
    except (ValueError, RecursionError) as error:
        raise UnexpectedAnswer("not JSON that can be read", response=answer) from error
    agreed = isinstance(found, dict) and all(_agreed(found.get(name), fields[name]) for name in fields)
    if not agreed:
        raise UnexpectedAnswer("not the agreed document", response=answer)
    return found


def _agreed(value: Any, kind: type) -> bool:
    """Whether a field is as agreed. Text is printable ASCII: a NUL or half a surrogate pair could not be stored."""
    storable = not isinstance(value, str) or (value.isascii() and value.isprintable())
    return type(value) is kind and storable


def retry_after_s(error: BaseException) -> float:
    """How long Retry-After asks us to wait, in seconds or as a date; 0 if it does not."""
    answer = getattr(error, "response", None)
    asked = answer.headers.get("Retry-After", "") if answer is not None else ""
    try:
        if asked.isascii() and asked.isdigit():
            wait_s = float(asked)
        else:
            wait_s = (parsedate_to_datetime(asked) - datetime.now(UTC)).total_seconds()
    except (TypeError, ValueError, OverflowError):  # missing or invalid
        return 0.0
    return min(max(0.0, wait_s), RETRY_AFTER_MAX_S)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The errors that requests and urllib3 have wrapped into `error`: as an argument, as `reason` or as the cause."""
    for inner in (*error.args, getattr(error, "reason", None), error.__cause__):
        if isinstance(inner, BaseException):
            yield inner
            yield from _causes(inner)
