"""The real Toxiproxy and the embedded proxy behave alike: API, toxics, live connections.

Every claim is made of both engines. Times have generous bounds: at least what was asked (no proxy is early), and at
most several times that, since the machine is shared. What is tried `steadily` takes no notice of a machine that stood
still.
"""

from __future__ import annotations

import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from lab.model import LinkState, Toxic
from lab.runtime.toxiproxy import server as toxiproxy_server
from lab.runtime.toxiproxy.client import LinkActuator
from lab.runtime.toxiproxy.server import EMBEDDED, Birthmark, Engine
from tests.integration.proxy_bench import (
    LOOPBACK,
    ApiClient,
    Proxied,
    Stopwatch,
    echoed,
    ending,
    eventually,
    proxied,
    quickest_ms,
    read,
    silent,
)
from tests.timing import steadily

pytestmark = pytest.mark.alone

ROOT = Path(__file__).parents[2]
EARLY_MS = 2  # clocks of two processes round differently


def free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="module", params=["real", "embedded"])
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param == "real":
        request.getfixturevalue("needs_local")
        return toxiproxy_server.find()
    return toxiproxy_server.find({"LAB_TOXIPROXY": EMBEDDED})


@pytest.fixture(scope="module")
def api(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiClient]:
    """A server of the engine, certainly ours."""
    mark, client = Birthmark.of("test"), ApiClient(free_port())
    configuration = mark.write(tmp_path_factory.mktemp("engine"))
    server = subprocess.Popen(engine.command(LOOPBACK, client.port, configuration), cwd=ROOT)
    try:
        assert eventually(lambda: mark.seen_at(f"http://{LOOPBACK}:{client.port}"))
        yield client
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture
def proxy(api: ApiClient) -> Iterator[Proxied]:
    with proxied(api) as bench:
        yield bench


# The API


def test_the_version_tells_the_engine(api: ApiClient, engine: Engine) -> None:
    status, answer = api.call("GET", "/version")
    assert status == 200
    assert answer["version"].startswith("2.12")
    assert ("embedded" in answer["version"]) == (engine.name == EMBEDDED)


def test_a_birthmark_of_another_server_is_not_seen(api: ApiClient, tmp_path: Path) -> None:
    assert not Birthmark.of("test").seen_at(f"http://{LOOPBACK}:{api.port}")


def test_proxies_are_listed_by_name(proxy: Proxied) -> None:
    status, listed = proxy.api.call("GET", "/proxies")
    assert status == 200
    assert listed[proxy.name] == proxy.api.call("GET", f"/proxies/{proxy.name}")[1]
    assert listed[proxy.name] == {
        "name": proxy.name,
        "listen": f"{LOOPBACK}:{proxy.port}",
        "upstream": f"{LOOPBACK}:{proxy.upstream.port}",
        "enabled": True,
        "Logger": {},
        "toxics": [],
    }


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"upstream": "127.0.0.1:1"}, 400),
        ({"name": "nameless"}, 400),
        ("{", 400),
        ("[]", 400),
        ({"name": "taken-port", "upstream": "127.0.0.1:1", "listen": "{taken}"}, 500),
    ],
)
def test_a_wrong_proxy_is_refused(proxy: Proxied, body: object, status: int) -> None:
    if isinstance(body, dict) and "listen" in body:
        body = body | {"listen": f"{LOOPBACK}:{proxy.port}"}
    answered, error = proxy.api.call("POST", "/proxies", body)
    assert answered == status
    assert error["status"] == status
    assert error["error"]


def test_a_proxy_name_can_be_used_once(proxy: Proxied) -> None:
    again = {"name": proxy.name, "listen": f"{LOOPBACK}:0", "upstream": "127.0.0.1:1"}
    assert proxy.api.call("POST", "/proxies", again)[0] == 409


def test_a_deleted_proxy_is_gone_with_its_connections(proxy: Proxied) -> None:
    client = proxy.connect_and_settle()
    assert proxy.api.call("DELETE", f"/proxies/{proxy.name}") == (204, None)
    assert ending(client) == "eof"
    for method, path in (("GET", ""), ("DELETE", ""), ("PATCH", ""), ("GET", "/toxics"), ("POST", "/toxics")):
        assert proxy.api.call(method, f"/proxies/{proxy.name}{path}", {})[0] == 404
    with pytest.raises(ConnectionRefusedError):
        proxy.connect()


@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_a_proxy_can_be_pointed_elsewhere(proxy: Proxied, method: str) -> None:
    """Its connections are closed, its toxics stay."""
    proxy.add("latency", latency=100)
    client = proxy.connect()
    status, answer = proxy.api.call(method, f"/proxies/{proxy.name}", {"upstream": f"{LOOPBACK}:1"})
    assert (status, answer["upstream"], len(answer["toxics"])) == (200, f"{LOOPBACK}:1", 1)
    assert ending(client) == "eof"


def test_a_toxic_has_defaults(proxy: Proxied) -> None:
    made = proxy.api.call("POST", f"/proxies/{proxy.name}/toxics", {"type": "latency"})
    toxic = {
        "name": "latency_downstream",
        "type": "latency",
        "stream": "downstream",
        "toxicity": 1,
        "attributes": {"latency": 0, "jitter": 0},
    }
    assert made == (200, toxic)
    assert proxy.api.call("GET", f"/proxies/{proxy.name}/toxics") == (200, [toxic])
    assert proxy.api.call("GET", f"/proxies/{proxy.name}/toxics/latency_downstream") == (200, toxic)


@pytest.mark.parametrize(
    ("type_", "attributes"),
    [
        ("noop", {}),
        ("latency", {"latency": 0, "jitter": 0}),
        ("bandwidth", {"rate": 0}),
        ("slow_close", {"delay": 0}),
        ("timeout", {"timeout": 0}),
        ("reset_peer", {"timeout": 0}),
        ("slicer", {"average_size": 0, "size_variation": 0, "delay": 0}),
        ("limit_data", {"bytes": 0}),
    ],
)
def test_every_type_of_toxic_echoes_all_its_attributes(
    proxy: Proxied, type_: str, attributes: dict[str, int]
) -> None:
    status, toxic = proxy.api.call("POST", f"/proxies/{proxy.name}/toxics", {"type": type_})
    assert (status, toxic["attributes"]) == (200, attributes)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"type": "lag"}, 400),
        ({"type": "latency", "stream": "sideways"}, 400),
        ({"type": "latency", "attributes": {"latency": 1.5}}, 400),
        ({"type": "latency", "attributes": {"latency": "100"}}, 400),
        ({"type": "latency", "toxicity": "1"}, 400),
        ("{", 400),
        ({"type": "timeout", "name": "taken", "stream": "upstream"}, 409),
    ],
)
def test_a_wrong_toxic_is_refused(proxy: Proxied, body: object, status: int) -> None:
    proxy.api.call("POST", f"/proxies/{proxy.name}/toxics", {"type": "noop", "name": "taken"})
    answered, error = proxy.api.call("POST", f"/proxies/{proxy.name}/toxics", body)
    assert (answered, error["status"]) == (status, status)
    assert len(proxy.api.call("GET", f"/proxies/{proxy.name}/toxics")[1]) == 1


@pytest.mark.parametrize(
    ("asked", "made"),
    [
        ({"latancy": 100}, {"latency": 0, "jitter": 0}),
        ({"latency": -5}, {"latency": -5, "jitter": 0}),
        ({"LATENCY": 7}, {"latency": 7, "jitter": 0}),
    ],
)
def test_attributes_are_hardly_validated(proxy: Proxied, asked: dict[str, int], made: dict[str, int]) -> None:
    """Which is why the lab compares the echo."""
    body = {"type": "latency", "attributes": asked, "toxicity": 7}
    status, toxic = proxy.api.call("POST", f"/proxies/{proxy.name}/toxics", body)
    assert (status, toxic["attributes"], toxic["toxicity"]) == (200, made, 7)


@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_a_toxic_is_changed_in_part(proxy: Proxied, method: str) -> None:
    toxic = proxy.add("latency", latency=100, jitter=10)
    asked = {"attributes": {"latency": 200}, "name": "other", "type": "timeout", "stream": "upstream"}
    status, changed = proxy.api.call(method, toxic, asked)
    assert (status, changed["attributes"]) == (200, {"latency": 200, "jitter": 10})
    assert (changed["name"], changed["type"]) == (toxic.rpartition("/")[2], "latency")
    assert (changed["stream"], changed["toxicity"]) == ("downstream", 1)


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
def test_a_toxic_that_is_not_there_is_not_found(proxy: Proxied, method: str) -> None:
    status, error = proxy.api.call(method, f"/proxies/{proxy.name}/toxics/nothing", {})
    assert (status, error["status"]) == (404, 404)


def test_toxics_are_listed_upstream_first(proxy: Proxied) -> None:
    for stream in ("downstream", "upstream"):
        proxy.add("noop", stream)
    toxics = proxy.api.call("GET", f"/proxies/{proxy.name}/toxics")[1]
    assert [toxic["stream"] for toxic in toxics] == ["upstream", "downstream"]


def test_a_reset_enables_every_proxy_and_removes_every_toxic(proxy: Proxied) -> None:
    proxy.add("timeout")
    proxy.enable(False)
    assert proxy.api.call("POST", "/reset") == (204, None)
    shown = proxy.api.call("GET", f"/proxies/{proxy.name}")[1]
    assert (shown["enabled"], shown["toxics"]) == (True, [])
    assert echoed(proxy.connect(), b"healed") == b"healed"


def test_populate_leaves_a_proxy_with_the_same_addresses_untouched(proxy: Proxied) -> None:
    proxy.add("latency", latency=100)
    proxy.enable(False)
    before = proxy.api.call("GET", f"/proxies/{proxy.name}")[1]
    asked = {key: before[key] for key in ("name", "listen", "upstream")} | {"enabled": True}
    assert proxy.api.call("POST", "/populate", [asked]) == (201, {"proxies": [before]})


def test_populate_replaces_a_proxy_with_another_upstream(proxy: Proxied) -> None:
    proxy.add("latency", latency=100)
    asked = {"name": proxy.name, "listen": f"{LOOPBACK}:{proxy.port}", "upstream": f"{LOOPBACK}:1"}
    status, answer = proxy.api.call("POST", "/populate", [asked])
    assert (status, answer["proxies"][0]["upstream"], answer["proxies"][0]["toxics"]) == (
        201,
        f"{LOOPBACK}:1",
        [],
    )


def test_a_browser_is_kept_out(api: ApiClient) -> None:
    assert api.call("GET", "/proxies", **{"User-Agent": "Mozilla/5.0"})[0] == 403


@pytest.mark.parametrize("path", ["/metrics", "/nothing", "/"])
def test_there_is_nothing_else(api: ApiClient, path: str) -> None:
    assert api.call("GET", path)[0] == 404


# Up and down, and what a proxy does to connections without a toxic


def test_a_healthy_proxy_passes_everything_both_ways(proxy: Proxied) -> None:
    client, message = proxy.connect(), bytes(range(256)) * 4000
    threading.Thread(target=client.sendall, args=(message,), daemon=True).start()
    assert read(client, len(message)) == message
    assert proxy.upstream.received == message


def test_down_refuses_and_closes_and_up_works_at_once(proxy: Proxied) -> None:
    toxic = proxy.add("noop")
    client = proxy.connect_and_settle()
    proxy.enable(False)
    assert ending(client) == "eof"
    with pytest.raises(ConnectionRefusedError):
        proxy.connect()
    assert proxy.api.call("GET", toxic)[0] == 200
    proxy.enable(True)
    assert echoed(proxy.connect(), b"again") == b"again"


def test_down_twice_and_up_twice_change_nothing(proxy: Proxied) -> None:
    for enabled in (False, False, True):
        proxy.enable(enabled)
    client = proxy.connect_and_settle()
    proxy.enable(True)
    assert echoed(client, b"still here") == b"still here"


def test_where_the_upstream_refuses_the_client_connects_and_meets_an_end(proxy: Proxied) -> None:
    proxy.api.call("PATCH", f"/proxies/{proxy.name}", {"upstream": f"{LOOPBACK}:1"})
    assert ending(proxy.connect()) == "eof"


def test_a_half_close_becomes_a_full_one(proxy: Proxied) -> None:
    proxy.upstream.answering = False
    client = proxy.connect()
    client.sendall(b"asked")
    client.shutdown(socket.SHUT_WR)
    assert ending(client) == "eof"
    assert eventually(lambda: proxy.upstream.received == b"asked")


def test_a_client_that_leaves_is_seen_upstream(proxy: Proxied) -> None:
    client = proxy.connect_and_settle()
    client.close()
    assert eventually(lambda: proxy.upstream.connections[0].fileno() == -1)


# Toxics


@pytest.mark.parametrize(
    ("streams", "least_ms"), [(["downstream"], 100), (["upstream"], 100), (["upstream", "downstream"], 200)]
)
def test_latency_delays_each_direction_that_has_it(proxy: Proxied, streams: list[str], least_ms: int) -> None:
    for stream in streams:
        proxy.add("latency", stream, latency=100)
    assert quickest_ms(proxy.connect) < 50  # the handshake is not delayed
    client = proxy.connect()
    assert least_ms - EARLY_MS <= quickest_ms(lambda: echoed(client, b"x")) < least_ms + 50


def test_latencies_in_a_row_add_up(proxy: Proxied) -> None:
    for _ in range(2):
        proxy.add("latency", latency=80)
    client = proxy.connect()
    assert 160 - EARLY_MS <= quickest_ms(lambda: echoed(client, b"x")) < 220


def test_latency_counts_from_the_arrival_of_each_chunk(proxy: Proxied) -> None:
    """Ten chunks in flight at once are each late by 200 ms, not by 2 s."""
    proxy.add("latency", latency=200)

    def exchanged() -> None:
        client, watch = proxy.connect(), Stopwatch()
        for _ in range(10):
            client.sendall(b"x")
            time.sleep(0.02)
        assert read(client, 10) == b"x" * 10
        assert 180 + 200 - EARLY_MS <= watch.ms < 1000

    steadily(exchanged)


def test_latency_does_not_limit_the_rate(proxy: Proxied) -> None:
    proxy.add("latency", latency=100)

    def exchanged() -> None:
        client, message, watch = proxy.connect(), bytes(2_000_000), Stopwatch()
        threading.Thread(target=client.sendall, args=(message,), daemon=True).start()
        assert len(read(client, len(message))) == len(message)
        assert 100 - EARLY_MS <= watch.ms < 1000

    steadily(exchanged)


def test_jitter_varies_the_delay_within_its_bounds(proxy: Proxied) -> None:
    proxy.add("latency", latency=50, jitter=40)
    client, took = proxy.connect_and_settle(), []
    for _ in range(20):
        watch = Stopwatch()
        echoed(client, b"x")
        took.append(watch.ms)
    assert 10 - EARLY_MS <= min(took) < 50
    assert max(took) - min(took) > 15


def test_a_toxic_reaches_a_live_connection_and_leaves_it(proxy: Proxied) -> None:
    client = proxy.connect_and_settle()
    toxic = proxy.add("latency", latency=150)
    watch = Stopwatch()
    assert echoed(client, b"slow") == b"slow"
    assert watch.ms >= 150 - EARLY_MS
    proxy.remove(toxic)
    assert quickest_ms(lambda: echoed(client, b"fast")) < 100


@pytest.mark.parametrize("change", ["remove", "patch", "add behind"])
def test_a_change_lets_go_of_what_latency_holds(proxy: Proxied, change: str) -> None:
    toxic = proxy.add("latency", latency=40_000)
    client, watch = proxy.connect(), Stopwatch()
    client.sendall(b"held")
    assert silent(client)
    if change == "remove":
        proxy.remove(toxic)
    elif change == "patch":
        proxy.patch(toxic, attributes={"latency": 45_000})
    else:
        proxy.add("noop")
    assert read(client, 4) == b"held"
    assert watch.ms < 20_000


def test_everything_queued_comes_out_in_order_when_latency_goes(proxy: Proxied) -> None:
    toxic = proxy.add("latency", latency=40_000)
    client, message = proxy.connect(), b"".join(b"%04d" % n for n in range(50))
    for start in range(0, len(message), 4):
        client.sendall(message[start : start + 4])
        time.sleep(0.002)
    assert silent(client, 0.1)
    proxy.remove(toxic)
    assert read(client, len(message)) == message


def test_toxics_come_and_go_in_mid_stream_without_losing_or_swapping_a_byte(proxy: Proxied) -> None:
    client, message = proxy.connect(), b"".join(b"%06d" % n for n in range(50_000))
    threading.Thread(target=client.sendall, args=(message,), daemon=True).start()
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(read(client, len(message))), daemon=True)
    reader.start()
    for _ in range(10):
        toxics = [
            proxy.add("latency", latency=5),
            proxy.add("slicer", "upstream", average_size=1000, size_variation=100),
            proxy.add("bandwidth", rate=5000),
        ]
        for toxic in toxics:
            proxy.remove(toxic)
    reader.join(60)
    assert got == [message]


def test_bandwidth_is_per_connection(proxy: Proxied) -> None:
    proxy.add("bandwidth", rate=200)

    def fetched() -> None:
        took = []

        def fetch() -> None:
            client, watch = proxy.connect(), Stopwatch()
            client.sendall(bytes(100_000))
            assert len(read(client, 100_000)) == 100_000
            took.append(watch.ms)

        fetchers = [threading.Thread(target=fetch, daemon=True) for _ in range(4)]
        for fetcher in fetchers:
            fetcher.start()
        for fetcher in fetchers:
            fetcher.join(30)
        assert len(took) == 4
        assert min(took) >= 400
        assert max(took) < 1500

    steadily(fetched)


def test_bandwidth_delays_a_small_message_by_its_size(proxy: Proxied) -> None:
    proxy.add("bandwidth", "upstream", rate=10)
    client = proxy.connect()
    assert 150 - 15 <= quickest_ms(lambda: echoed(client, bytes(1500))) < 250


def test_bandwidth_0_stalls_with_back_pressure_and_loses_nothing(proxy: Proxied) -> None:
    toxic = proxy.add("bandwidth", "upstream", rate=0)
    client, message = proxy.connect(), bytes(20_000_000)
    sender = threading.Thread(target=client.sendall, args=(message,), daemon=True)
    sender.start()
    sender.join(0.5)
    assert sender.is_alive()  # it could not send all
    assert not proxy.upstream.received
    proxy.remove(toxic)
    assert len(read(client, len(message))) == len(message)
    assert echoed(client, b"alive") == b"alive"


def test_slow_close_delays_the_end_and_nothing_else(proxy: Proxied) -> None:
    proxy.add("slow_close", delay=400)

    def ended() -> None:
        client = proxy.connect()
        assert quickest_ms(lambda: echoed(client, b"data")) < 200
        watch = Stopwatch()
        proxy.upstream.connections[-1].shutdown(socket.SHUT_RDWR)
        assert ending(client) == "eof"
        assert 400 - EARLY_MS <= watch.ms < 1500

    steadily(ended)


def test_timeout_downstream_lets_the_request_through_and_swallows_the_answer(proxy: Proxied) -> None:
    """The lost acknowledgement: the work was done, and the client hears nothing, not even an end."""
    proxy.add("timeout", timeout=0)
    client = proxy.connect()
    client.sendall(b"do it")
    assert eventually(lambda: proxy.upstream.received == b"do it")
    assert silent(client)


def test_timeout_upstream_swallows_the_request(proxy: Proxied) -> None:
    proxy.add("timeout", "upstream", timeout=0)
    client = proxy.connect()
    client.sendall(bytes(5_000_000))  # and never blocks who sends it
    assert silent(client)
    assert not proxy.upstream.received


@pytest.mark.parametrize("stream", ["upstream", "downstream"])
def test_what_timeout_swallowed_never_arrives(proxy: Proxied, stream: str) -> None:
    client = proxy.connect_and_settle()
    toxic = proxy.add("timeout", stream, timeout=0)
    client.sendall(b"lost")
    assert silent(client)
    proxy.remove(toxic)
    assert read(client, 4) == b""
    assert proxy.upstream.received == (b"lost" if stream == "downstream" else b"")


@pytest.mark.parametrize("stream", ["upstream", "downstream"])
@pytest.mark.parametrize("toxicity", [0, 1])
def test_when_timeout_goes_every_connection_is_closed(proxy: Proxied, stream: str, toxicity: int) -> None:
    """Even those that the draw had spared; new ones work."""
    client = proxy.connect_and_settle()
    proxy.remove(proxy.add("timeout", stream, toxicity, timeout=0))
    assert ending(client) == "eof"
    assert echoed(proxy.connect(), b"healed") == b"healed"


def test_timeout_closes_after_so_long_without_data(proxy: Proxied) -> None:
    """The timer starts anew at every chunk: it is an idle time."""
    proxy.add("timeout", "upstream", timeout=400)

    def ended() -> None:
        client, watch = proxy.connect(), Stopwatch()
        for _ in range(4):
            time.sleep(0.2)
            client.sendall(b"x")
        assert ending(client) == "eof"
        assert 800 + 400 - 100 <= watch.ms < 3000

    steadily(ended)


def test_a_client_that_leaves_a_black_hole_is_seen_upstream(proxy: Proxied) -> None:
    client = proxy.connect_and_settle()
    proxy.add("timeout", timeout=0)
    client.close()
    assert eventually(lambda: proxy.upstream.connections[0].fileno() == -1)


@pytest.mark.parametrize(("stream", "seen"), [("downstream", b"work"), ("upstream", b"")])
def test_reset_peer_resets_a_connection_after_its_first_chunk(
    proxy: Proxied, stream: str, seen: bytes
) -> None:
    proxy.add("reset_peer", stream, timeout=200)

    def ended() -> None:
        proxy.upstream.received.clear()
        client, watch = proxy.connect(), Stopwatch()
        client.sendall(b"work")
        assert ending(client) == "reset"
        assert 200 - EARLY_MS <= watch.ms < 1500
        assert proxy.upstream.received == seen

    steadily(ended)


def test_reset_peer_leaves_a_silent_connection_alone(proxy: Proxied) -> None:
    proxy.add("reset_peer", timeout=0)
    assert silent(proxy.connect())


def test_reset_peer_closes_an_older_connection_without_a_reset(proxy: Proxied) -> None:
    client = proxy.connect_and_settle()
    proxy.add("reset_peer", timeout=0)
    client.sendall(b"work")
    assert ending(client) == "eof"


def test_reset_peer_that_goes_leaves_no_connection_with_a_hole(proxy: Proxied) -> None:
    toxic = proxy.add("reset_peer", timeout=300)
    client = proxy.connect()
    client.sendall(b"work")
    assert eventually(lambda: proxy.upstream.received == b"work")
    time.sleep(0.1)
    proxy.remove(toxic)
    assert ending(client) == "reset"


def test_a_link_heals_at_once_from_a_latency_that_holds_data_for_a_connection_just_reset(
    proxy: Proxied,
) -> None:
    """Without the order in which the lab removes toxics, the real server hangs in one of the first rounds."""
    late = Toxic(type="latency", stream="downstream", attributes={"latency": 20, "jitter": 0})
    reset = Toxic(type="reset_peer", stream="downstream", attributes={"timeout": 0})
    link = LinkActuator(f"http://{LOOPBACK}:{proxy.api.port}", proxy.name)
    with chattered(proxy, threads=12):
        for _ in range(10):
            link.set(LinkState(toxics=(late,)))
            time.sleep(0.3)
            link.set(LinkState(toxics=(late, reset)))
            time.sleep(0.07)
            assert link.set(LinkState()) == LinkState()


@contextmanager
def chattered(proxy: Proxied, threads: int) -> Iterator[None]:
    """In the block connections come and go, each with several chunks on the way at any time."""
    over = threading.Event()

    def chatter() -> None:
        while not over.wait(0.003):
            with suppress(OSError), socket.create_connection((LOOPBACK, proxy.port), timeout=2) as client:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for _ in range(20):
                    for _ in range(4):
                        client.sendall(b"work" * 75)
                        time.sleep(0.003)
                    if len(read(client, 1200)) < 1200:
                        break

    pool = [threading.Thread(target=chatter) for _ in range(threads)]
    for thread in pool:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in pool:
            thread.join(10)


@pytest.mark.parametrize(("limit", "passed"), [(100, 100), (0, 0), (180, 180)])
def test_limit_data_passes_exactly_so_much_and_closes(proxy: Proxied, limit: int, passed: int) -> None:
    proxy.add("limit_data", bytes=limit)
    client = proxy.connect()
    got = echoed(client, b"a" * 90) if limit else b""
    client.sendall(b"b" * 90)
    got += read(client, 90)
    assert len(got) == passed
    assert ending(client) == "eof"


def test_limit_data_counts_on_after_a_change(proxy: Proxied) -> None:
    toxic = proxy.add("limit_data", bytes=100)
    client = proxy.connect()
    echoed(client, b"a" * 60)
    proxy.patch(toxic, attributes={"bytes": 80})
    client.sendall(b"b" * 60)
    assert read(client, 60) == b"b" * 20


def test_limit_data_is_for_each_connection(proxy: Proxied) -> None:
    proxy.add("limit_data", bytes=100)
    for _ in range(3):
        client = proxy.connect()
        client.sendall(bytes(150))
        assert len(read(client, 150)) == 100


def test_slicer_sends_the_same_bytes_in_slices(proxy: Proxied) -> None:
    proxy.add("slicer", average_size=64, size_variation=16, delay=20_000)

    def sliced() -> None:
        """Whoever reads late finds several slices in one."""
        client, message, slices = proxy.connect(), bytes(range(256)) * 4, []
        watch = Stopwatch()
        client.sendall(message)
        while sum(map(len, slices)) < len(message):
            slices.append(client.recv(65536))
        assert b"".join(slices) == message
        assert len(slices) >= 5
        assert watch.ms >= 160  # 1024 / (64 + 16) slices and more, 20 ms each

    steadily(sliced)


def test_noop_passes_everything(proxy: Proxied) -> None:
    proxy.add("noop")
    client = proxy.connect()
    assert echoed(client, b"x" * 1000) == b"x" * 1000
    assert quickest_ms(lambda: echoed(client, b"x")) < 50


def test_toxicity_is_drawn_for_each_connection(proxy: Proxied) -> None:
    proxy.add("limit_data", toxicity=0.5, bytes=0)
    spared = sum(echoed(proxy.connect(), b"x") == b"x" for _ in range(60))
    assert 10 <= spared <= 50  # 1 in 10 million draws lies outside


def test_data_in_a_delay_still_arrives_when_the_server_has_closed(proxy: Proxied) -> None:
    proxy.add("latency", latency=200)
    client = proxy.connect()
    client.sendall(b"last words")
    assert eventually(lambda: proxy.upstream.received == b"last words")
    time.sleep(0.05)
    proxy.upstream.connections[0].shutdown(socket.SHUT_RDWR)
    assert read(client, 100) == b"last words"
