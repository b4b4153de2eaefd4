"""Every exception of requests and urllib3, every status and every body has its rule; the servers here are real."""

import inspect
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import requests
import urllib3

from services.defences import http_failures
from services.defences.http_failures import (
    BROKEN,
    BUSY,
    CUT_OFF,
    DECLINED,
    EXCEPTIONS,
    FAILING,
    OUR_BUG,
    REFUSING,
    RETRY_AFTER_MAX_S,
    SILENT,
    UNREACHABLE,
    UNREADABLE,
    document,
    retry_after_s,
    rule_of,
    rule_of_status,
)
from tests.defended import silent_server


def exception_classes() -> Iterator[type[Exception]]:
    """All that requests and urllib3 define, warnings apart."""
    for module in (requests.exceptions, urllib3.exceptions):
        for _, kind in inspect.getmembers(module, inspect.isclass):
            ours = kind.__module__.split(".")[0] in ("requests", "urllib3")
            if ours and issubclass(kind, Exception) and not issubclass(kind, Warning):
                yield kind


@pytest.mark.parametrize("kind", sorted(set(exception_classes()), key=str), ids=str)
def test_each_exception_class_has_a_rule_of_its_own(kind):
    assert kind in EXCEPTIONS


def test_no_rule_is_for_a_class_that_there_is_no_more():
    assert set(EXCEPTIONS) == set(exception_classes())


@pytest.mark.parametrize("status", [*range(100, 105), *range(202, 227), *range(300, 309), *range(400, 600)])
def test_each_status_has_a_rule_that_never_calls_a_refusal_done_nor_an_outage_refused(status):
    rule = rule_of_status(status)
    assert rule.reason
    assert rule.may_be_done == (not 400 <= status < 500)
    assert rule.outage == (not 400 <= status < 500)


@pytest.mark.parametrize(
    ("status", "rule"),
    [
        (202, UNREADABLE),
        (302, BROKEN),
        (307, BROKEN),
        (400, REFUSING),
        (402, DECLINED),
        (404, REFUSING),
        (409, REFUSING),
        (422, REFUSING),
        (408, BUSY),
        (429, BUSY),
        (500, FAILING),
        (503, FAILING),
        (501, BROKEN),
    ],
)
def test_a_status_has_the_rule_that_its_meaning_asks_for(status, rule):
    assert rule_of_status(status) is rule


BRIEF_S, PATIENT_S = 0.2, 20.0  # a time-out for who is silent on purpose, and for who answers
HTML = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"
JSON = b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n%s"
CHUNKED = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"


def answered(text: bytes) -> bytes:
    return JSON % (len(text), text)


def status(line: str, *more: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {line}", "Content-Length: 0", *more, "", ""]).encode()


@pytest.mark.parametrize(
    ("answer", "closes", "rule"),
    [
        pytest.param(b"", True, CUT_OFF, id="no answer"),
        pytest.param(b"HTTP/1.1 201 Cre", True, UNREADABLE, id="cut in the status line"),
        pytest.param(b"garbage\r\n\r\n", True, CUT_OFF, id="no HTTP"),
        pytest.param(CHUNKED + b'5\r\n{"id"', True, CUT_OFF, id="cut in a chunk"),
        pytest.param(CHUNKED + b"zz\r\n", True, CUT_OFF, id="no chunk"),
        pytest.param(JSON % (100, b'{"id":'), True, CUT_OFF, id="cut in the body"),
        pytest.param(JSON % (100, b'{"id":'), False, SILENT, id="stalled in the body"),
        pytest.param(b"HTTP/1.1 201 Created\r\n", False, SILENT, id="stalled in the headers"),
        pytest.param(b"", False, SILENT, id="silence"),
        pytest.param(HTML, False, UNREADABLE, id="a page of HTML"),
        pytest.param(answered(b""), False, UNREADABLE, id="an empty body"),
        pytest.param(answered(b"[]"), False, UNREADABLE, id="a list"),
        pytest.param(answered(b"null"), False, UNREADABLE, id="null"),
        pytest.param(answered(b"{}"), False, UNREADABLE, id="no id"),
        pytest.param(answered(b'{"id": 7}'), False, UNREADABLE, id="an id of a wrong type"),
        pytest.param(answered(b'{"id": "ch_1'), False, UNREADABLE, id="half an object"),
        pytest.param(answered(b'{"id": "ch_\\u0000"}'), False, UNREADABLE, id="an id with a NUL"),
        pytest.param(answered(b'{"id": "\\ud800"}'), False, UNREADABLE, id="half a surrogate pair for an id"),
        pytest.param(answered(b'"\xff\xfe"'), False, UNREADABLE, id="no UTF-8"),
        pytest.param(answered(b"[" * 50_000), False, UNREADABLE, id="nested too deep"),
        pytest.param(answered(b"9" * 5_000), False, UNREADABLE, id="a number of 5,000 digits"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
            False,
            UNREADABLE,
            id="no gzip",
        ),
        pytest.param(status("204 No Content"), False, UNREADABLE, id="no content"),
        pytest.param(status("302 Found", "Location: /elsewhere"), False, BROKEN, id="a redirect"),
        pytest.param(status("302 Found"), False, BROKEN, id="a redirect to nowhere"),
        pytest.param(status("402 Payment Required"), False, DECLINED, id="declined"),
        pytest.param(status("429 Too Many Requests", "Retry-After: 1"), False, BUSY, id="too many"),
        pytest.param(status("503 Service Unavailable"), False, FAILING, id="failing"),
    ],
)
def test_each_way_to_answer_badly_has_its_rule(answer, closes, rule):
    how = {"timeout": BRIEF_S if rule is SILENT else PATIENT_S, "allow_redirects": False}
    with silent_server(answer, closes=closes) as port, pytest.raises(requests.RequestException) as caught:
        document(requests.post(f"http://127.0.0.1:{port}/", **how), {"id": str})
    assert rule_of(caught.value) is rule


def test_a_good_answer_is_its_document():
    with silent_server(answered(b'{"id": "ch_1", "more": 1}')) as port:
        answer = requests.post(f"http://127.0.0.1:{port}/", timeout=PATIENT_S)
    assert document(answer, {"id": str}) == {"id": "ch_1", "more": 1}


def test_a_connection_that_is_refused_had_certainly_no_effect():
    with silent_server() as port:
        pass
    with pytest.raises(requests.RequestException) as caught:
        requests.post(f"http://127.0.0.1:{port}/", timeout=PATIENT_S)
    assert rule_of(caught.value) is UNREACHABLE


def test_a_name_that_there_is_not_had_certainly_no_effect(monkeypatch):
    def no_such_name(*_, **__):
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", no_such_name)
    with pytest.raises(requests.RequestException) as caught:
        requests.post("http://payments.invalid/", timeout=1)
    assert rule_of(caught.value) is UNREACHABLE


@pytest.mark.parametrize("url", ["payments/charges", "ftp://payments/", "http://", "http://[::1/"])
def test_an_address_that_is_none_is_our_own_bug(url):
    with pytest.raises(requests.RequestException) as caught:
        requests.post(url, timeout=1)
    assert rule_of(caught.value) is OUR_BUG


@pytest.mark.parametrize("error", [ValueError(), KeyError("id"), OSError(), ssl.SSLError()])
def test_what_does_not_come_from_a_call_has_no_rule(error):
    assert rule_of(error) is None


def carrying(retry_after: str) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = 429
    response.headers["Retry-After"] = retry_after
    return requests.HTTPError(response=response)


NO_DATE = "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2", 2),
        ("0", 0),
        ("", 0),
        ("-1", 0),
        ("soon", 0),
        ("²", 0),
        (NO_DATE, 0),
        ("9" * 400, RETRY_AFTER_MAX_S),
    ],
)
def test_retry_after_is_read_in_seconds_and_nonsense_is_ignored(text, seconds):
    assert retry_after_s(carrying(text)) == seconds
    assert retry_after_s(requests.ConnectionError()) == 0


@pytest.mark.parametrize(("offset_s", "least", "most"), [(60, 50, 60), (-60, 0, 0)])
def test_retry_after_is_read_as_a_date(offset_s, least, most):
    at = format_datetime(datetime.now(UTC) + timedelta(seconds=offset_s), usegmt=True)
    assert least <= retry_after_s(carrying(at)) <= most


def test_every_rule_with_an_effect_in_doubt_is_about_the_other_side():
    rules = {rule for rule in vars(http_failures).values() if isinstance(rule, http_failures.Rule)}
    assert len({rule.reason for rule in rules}) == len(rules)
    assert not any(rule.may_be_done for rule in rules if not rule.reason)
