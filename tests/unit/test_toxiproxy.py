"""The client and the link, against an embedded proxy in this process."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from lab.model import LabError, LinkState, Toxic
from lab.runtime.ownership.heal import heal
from lab.runtime.ownership.ledger import holdings
from lab.runtime.toxiproxy import client as toxiproxy
from lab.runtime.toxiproxy.client import LinkActuator, create_proxy
from lab.runtime.toxiproxy.embedded.api import Api
from lab.runtime.toxiproxy.embedded.server import serve_api
from lab.runtime.toxiproxy.rules import checked
from lab.runtime.toxiproxy.tampering import found_at
from tests.forged import forged_ledger

SLOW = Toxic(type="latency", stream="downstream", attributes={"latency": 100, "jitter": 0})
SLOWER = Toxic(type="latency", stream="downstream", attributes={"latency": 200, "jitter": 0})
HOLE = Toxic(type="timeout", stream="upstream", attributes={"timeout": 0})
HEALTHY = LinkState()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The API of an embedded proxy in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> int:
        return serve_api(Api(), "127.0.0.1", 0).server_port

    yield f"http://127.0.0.1:{asyncio.run_coroutine_threadsafe(start(), loop).result(5)}"
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)
    loop.close()


@pytest.fixture
def link(url: str) -> Iterator[LinkActuator]:
    proxy = create_proxy(url, "database", listen="127.0.0.1:0", upstream="127.0.0.1:1")
    yield LinkActuator(url, "database")
    proxy.destroy()


def calls(link: LinkActuator, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A log of what `link` asks of its server from now on: method and last word of the path."""
    log: list[str] = []
    consumer = link._server._consumer
    real = consumer._call

    def logged(method: str, path: str, **options: object) -> object:
        log.append(f"{method} {path.rpartition('/')[2]}")
        return real(method, path, **options)

    monkeypatch.setattr(consumer, "_call", logged)
    return log


@pytest.mark.parametrize(
    "state",
    [
        HEALTHY,
        LinkState(toxics=(SLOW,)),
        LinkState(toxics=(SLOW, HOLE)),
        LinkState(toxics=(HOLE, SLOW, SLOW)),
        LinkState(enabled=False),
        LinkState(enabled=False, toxics=(SLOW,)),
        LinkState(toxics=(Toxic(type="noop", stream="upstream", attributes={}, toxicity=0.25),)),
    ],
)
def test_the_echo_equals_what_was_asked_from_any_state_to_any_other(
    link: LinkActuator, state: LinkState
) -> None:
    for start in (HEALTHY, LinkState(toxics=(SLOWER,)), LinkState(enabled=False, toxics=(HOLE, SLOW))):
        link.set(start)
        assert link.set(state) == state
        assert link.get() == state


def test_a_toxic_that_changes_is_replaced_and_one_that_stays_is_not_touched(
    link: LinkActuator, monkeypatch: pytest.MonkeyPatch
) -> None:
    link.set(LinkState(toxics=(HOLE, SLOW)))
    log = calls(link, monkeypatch)
    link.set(LinkState(toxics=(HOLE, SLOWER)))
    assert log == ["DELETE lab-01-latency-downstream", "POST toxics", "GET database"]


def test_no_toxic_is_removed_before_a_later_one(link: LinkActuator, monkeypatch: pytest.MonkeyPatch) -> None:
    link.set(LinkState(toxics=(SLOW, HOLE)))
    log = calls(link, monkeypatch)
    link.set(LinkState(toxics=(SLOWER, HOLE)))
    gone = ["DELETE lab-01-timeout-upstream", "DELETE lab-00-latency-downstream"]
    assert log == [*gone, "POST toxics", "POST toxics", "GET database"]


def test_a_link_goes_down_before_its_toxics_change_and_up_after(
    link: LinkActuator, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = calls(link, monkeypatch)
    link.set(LinkState(enabled=False, toxics=(SLOW,)))
    assert log == ["GET database", "PATCH database", "POST toxics", "GET database"]
    log.clear()
    link.set(HEALTHY)
    assert log == ["DELETE lab-00-latency-downstream", "PATCH database", "GET database"]


def test_a_toxic_that_somebody_else_added_is_seen_and_removed(link: LinkActuator, url: str) -> None:
    toxiproxy.Toxiproxy(url).get_proxy("database").add("by-hand", HOLE)
    assert link.get() == LinkState(toxics=(HOLE,))
    assert link.set(HEALTHY) == HEALTHY


@pytest.mark.parametrize(
    "start", [HEALTHY, LinkState(toxics=(SLOW,)), LinkState(enabled=False, toxics=(SLOW, HOLE))]
)
@pytest.mark.parametrize("by_hand", [HEALTHY, LinkState(toxics=(SLOWER,)), LinkState(enabled=False)])
@pytest.mark.parametrize("wanted", [HEALTHY, LinkState(toxics=(SLOW,)), LinkState(enabled=False)])
def test_what_somebody_else_changed_since_the_last_look_is_found_out(
    link: LinkActuator, url: str, start: LinkState, by_hand: LinkState, wanted: LinkState
) -> None:
    link.set(start)
    LinkActuator(url, link.name).set(by_hand)
    assert link.set(wanted) == wanted
    assert link.get() == wanted


def test_two_servers_in_one_process_keep_apart(link: LinkActuator) -> None:
    """The package keeps one address per process; a second object would redirect the first."""
    with pytest.raises(LabError):
        LinkActuator("http://127.0.0.1:1", "database").get()
    assert link.get() == HEALTHY


def test_a_name_that_is_not_there_is_missing(url: str) -> None:
    with pytest.raises(toxiproxy.MissingError, match="404"):
        LinkActuator(url, "nothing").set(HEALTHY)


def test_a_name_that_is_taken_exists(link: LinkActuator, url: str) -> None:
    with pytest.raises(toxiproxy.ExistsError, match="409"):
        create_proxy(url, link.name, listen="127.0.0.1:0", upstream="127.0.0.1:1")


def test_a_proxy_without_an_upstream_is_rejected(url: str) -> None:
    with pytest.raises(toxiproxy.RejectedError, match="400"):
        create_proxy(url, "homeless", listen="127.0.0.1:0", upstream="")


def test_a_port_in_use_is_an_error_with_its_reason(link: LinkActuator, url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(toxiproxy.ToxiproxyError, match="500"):
            create_proxy(url, "second", listen=listen, upstream="127.0.0.1:1")


def test_a_server_that_does_not_answer_in_time_cannot_be_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toxiproxy, "TIMEOUT_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        link = LinkActuator(f"http://127.0.0.1:{mute.getsockname()[1]}", "database")
        with pytest.raises(toxiproxy.ToxiproxyError, match="cannot be trusted any more"):
            link.get()


def test_a_server_that_is_gone_cannot_be_reached() -> None:
    with pytest.raises(toxiproxy.ToxiproxyError, match="cannot be reached"):
        LinkActuator("http://127.0.0.1:1", "database").get()


@contextmanager
def somebody_else(body: bytes) -> Iterator[str]:
    """The address of a program that has the same answer for whatever is asked."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


HALF = b'{"name": "a", "listen": "", "upstream": "", "enabled": true, "toxics": %s}'
BODIES = [b"[]", b"7", b"null", b"<html>", b"\xff", b"[" * 100_000, b'{"a": []}', b'{"a": {"name": "a"}}']
BODIES += [b'{"a": %s}' % (HALF % toxics) for toxics in (b"null", b"[7]", b'{"b": 1}')]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_another_program_at_the_port_of_a_server_is_no_toxiproxy(body: bytes) -> None:
    with somebody_else(body) as url:
        server = toxiproxy.Toxiproxy(url)
        asked = [
            server.version,
            server.proxies,
            lambda: server.get_proxy("database"),
            lambda: list(found_at(url)),
        ]
        for ask in asked:
            with pytest.raises(toxiproxy.ToxiproxyError, match="is not Toxiproxy"):
                ask()


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_another_program_at_the_port_of_a_dead_server_stops_no_healing(body: bytes, tmp_path: Path) -> None:
    with somebody_else(body) as url:
        details = {"url": url, "proxy": "database"}
        forged_ledger(tmp_path, "run-dead", {"record": "undo", "how": "toxiproxy", "details": details})
        assert heal(tmp_path) == []
        assert holdings(tmp_path) == []


def test_a_server_says_its_version_and_resets(link: LinkActuator, url: str) -> None:
    link.set(LinkState(enabled=False, toxics=(SLOW,)))
    server = toxiproxy.Toxiproxy(url)
    assert server.version().startswith("2.12")
    assert server.reset()
    assert server.proxies()["database"].state == HEALTHY


@pytest.mark.parametrize(
    ("type_", "attributes", "complaint"),
    [
        ("lag", {}, "no toxic 'lag'"),
        ("latency", {"latancy": 100, "jitter": 0}, "takes jitter, latency, not jitter, latancy"),
        ("latency", {"latency": 100}, "takes jitter, latency, not latency"),
        ("latency", {"latency": -1, "jitter": 0}, "whole numbers"),
        ("latency", {"latency": 1.5, "jitter": 0}, "whole numbers"),
        ("latency", {"latency": True, "jitter": 0}, "whole numbers"),
        ("latency", {"latency": 10, "jitter": 11}, "jitter of at most its latency"),
        ("slicer", {"average_size": 0, "size_variation": 0, "delay": 0}, "average_size of 1 or more"),
        ("slicer", {"average_size": 64, "size_variation": 64, "delay": 0}, "smaller size_variation"),
        ("noop", {"latency": 1}, "takes no attributes"),
    ],
)
def test_what_toxiproxy_would_misunderstand_or_die_of_is_not_sent(
    link: LinkActuator, type_: str, attributes: dict[str, int], complaint: str
) -> None:
    with pytest.raises(LabError, match=complaint):
        link.set(LinkState(toxics=(Toxic(type=type_, stream="downstream", attributes=attributes),)))
    assert link.get() == HEALTHY


@pytest.mark.parametrize(
    "toxic",
    [
        Toxic(type="timeout", stream="sideways", attributes={"timeout": 0}),
        Toxic(type="timeout", stream="upstream", attributes={"timeout": 0}, toxicity=7),
        Toxic(type="reset_peer", stream="upstream", attributes={"timeout": 0}, toxicity=0.5),
    ],
)
def test_a_stream_or_toxicity_that_would_surprise_is_not_sent(toxic: Toxic) -> None:
    with pytest.raises(LabError):
        checked(toxic)
