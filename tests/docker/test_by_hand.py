"""What a person has who has only `docker compose`: both twins side by side, by the line in docs/docker.md."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lab.model import Topology
from lab.paths import ROOT
from lab.runtime.containers.claims import INPUTS_LABEL, remove_outdated
from lab.runtime.containers.engine import client
from lab.runtime.containers.images import Images, base, build_images, identity
from lab.runtime.ports_free import Ports

pytestmark = [pytest.mark.usefixtures("needs_docker"), pytest.mark.timeout(120)]

PROJECT = f"failure-lab-by-hand-{os.getpid()}"
IMAGE = f"failure-lab/service:{PROJECT}"
TWINS = ("naive", "hardened")
BOOKING = {
    "user_id": 1, "room_id": 1, "reference": "by hand",
    "starts_at": "2031-01-01T10:00:00Z", "ends_at": "2031-01-01T11:00:00Z",
}  # fmt: skip
PATIENCE_S = 60.0
TRIES = """
import socket, sys
from concurrent.futures import ThreadPoolExecutor

def tried(address):
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), 10) as connection:
            connection.settimeout(10)
            connection.sendall(b"GET /version HTTP/1.0\\r\\n\\r\\n")
            return "reached" if connection.recv(99) else "closed"
    except OSError:
        return "nothing"

with ThreadPoolExecutor(9) as threads:
    print(*threads.map(tried, sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def surroundings(needs_docker: None) -> dict[str, str]:
    """A shell with other ports than the usual ones, which somebody else may have, and with this machine's images."""
    build_images()
    wanted = Images.wanted(Topology())
    bases = {name: value for name, value in wanted.environment().items() if name != "LAB_LOAD_IMAGE"}
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME") or "DOCKER" in name}
    names = [f"LAB_{twin}{what}PORT" for twin in ("NAIVE", "HARDENED") for what in ("_", "_TOXIPROXY_")]
    ports = Ports()
    found = {name: str(ports.reserve()) for name in names}
    ports.release()
    own = {"LAB_SERVICE_IMAGE": IMAGE, "LAB_TOKEN_KEY": "a key of my own", "COMPOSE_PROJECT_NAME": PROJECT}
    return {**kept, **bases, **found, **own}


def documented() -> list[str]:
    """The line that brings both twins up, as the page has it and the README says it."""
    lines = (ROOT / "docs" / "docker.md").read_text().splitlines()
    line = next(line for line in lines if line.startswith("$ docker compose ")).removeprefix("$ ")
    assert f"`{line}`" in (ROOT / "README.md").read_text()
    return shlex.split(line)


@pytest.fixture(scope="module")
def compose(surroundings: dict[str, str]) -> Iterator[Callable[..., str]]:
    """`docker compose -f compose/compose.yaml …` with the stack up."""

    def begun(command: list[str]) -> str:
        done = subprocess.run(
            command, cwd=ROOT, env=surroundings, capture_output=True, text=True, timeout=90, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def run(*words: str) -> str:
        return begun(["docker", "compose", "-f", "compose/compose.yaml", *words])

    try:
        assert "Pulling" not in begun(documented())
        yield run
    finally:
        run("down", "--volumes", "--timeout", "1")
        subprocess.run(["docker", "image", "rm", IMAGE], capture_output=True, check=False)


@pytest.fixture(scope="module")
def ask(surroundings: dict[str, str], compose: Callable[..., str]) -> Callable[..., Any]:
    """The answer of a twin, as soon as it gives one; None for none."""
    token = compose("exec", "-T", "naive-service", "python", "-m", "services.common.auth").strip()

    def once(twin: str, path: str, body: Any = None) -> Any:
        url = f"http://127.0.0.1:{surroundings[f'LAB_{twin.upper()}_PORT']}{path}"
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Idempotency-Key": "k",
        }
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=5) as response:
            return json.load(response)

    def answer(twin: str, path: str, body: Any = None) -> Any:
        give_up = time.monotonic() + PATIENCE_S
        while True:
            try:
                return once(twin, path, body)
            except (urllib.error.URLError, OSError):
                assert time.monotonic() < give_up
                time.sleep(0.1)

    return answer


def booked(ask: Callable[..., Any], twin: str) -> list[str]:
    bookings = ask(twin, "/users/1/bookings/?limit=100")["items"]
    return [one["starts_at"] for one in bookings if one["reference"] == BOOKING["reference"]]


def test_both_twins_are_up_and_keep_what_was_booked_over_restarts(
    compose: Callable[..., str], ask: Callable[..., Any]
) -> None:
    for twin in TWINS:
        assert ask(twin, "/bookings/", BOOKING)["charge_id"]
    compose("restart", "naive-postgres", "hardened-postgres")
    assert [booked(ask, twin) for twin in TWINS] == [[BOOKING["starts_at"]]] * 2
    compose("down", "--timeout", "1")
    compose("up", "--detach")
    assert [booked(ask, twin) for twin in TWINS] == [[BOOKING["starts_at"]]] * 2


def test_nothing_leads_out_of_a_twins_network_not_even_its_toxiproxy(
    compose: Callable[..., str], surroundings: dict[str, str]
) -> None:
    inside = f"{PROJECT}-hardened-toxiproxy-1"
    settings = client().containers.get(inside).attrs["NetworkSettings"]
    theirs = [one["IPAddress"] for one in settings["Networks"].values()]
    api = f"http://127.0.0.1:{surroundings['LAB_NAIVE_TOXIPROXY_PORT']}/proxies"
    for port, address in enumerate(theirs, start=9001):
        proxy = {"name": str(port), "listen": f"0.0.0.0:{port}", "upstream": f"{address}:8474"}
        urllib.request.urlopen(api, json.dumps(proxy).encode(), timeout=5).close()
    places = [f"{address}:8474" for address in theirs] + ["hardened-toxiproxy:8474"]
    through = [f"toxiproxy:{port}" for port in range(9001, 9001 + len(theirs))]
    said = compose("exec", "-T", "naive-service", "python", "-c", TRIES, *places, *through, "toxiproxy:8474")
    *others, own = said.split()
    assert own == "reached"
    assert set(others) <= {"nothing", "closed"}
    twins = client().networks.list(filters={"label": f"com.docker.compose.project={PROJECT}"})
    assert {network.name: network.attrs["Internal"] for network in twins} == {
        f"{PROJECT}_naive": True, f"{PROJECT}_hardened": True, f"{PROJECT}_door": False,
    }  # fmt: skip


def nameless() -> set[str]:
    """Images of the lab's that have lost their name."""
    of_ours = ("--filter", "dangling=true", "--filter", f"label={INPUTS_LABEL}")
    return set(subprocess.check_output(["docker", "images", "--quiet", *of_ours], text=True).split())


def test_one_build_makes_the_image_of_all_parts_and_leaves_none_without_a_name(
    compose: Callable[..., str],
) -> None:
    before, others = identity(IMAGE), nameless()
    compose("build")
    assert identity(IMAGE) == before
    assert nameless() <= others


def test_what_a_build_by_hand_has_replaced_goes_with_the_next_of_the_lab() -> None:
    tag, others = f"{IMAGE}-again", nameless()
    for n in (1, 2):
        text = f"FROM {base('toxiproxy')}\nLABEL {INPUTS_LABEL}=test number={n}\n"
        build = ["docker", "build", "--tag", tag, "-"]
        subprocess.run(build, input=text, text=True, capture_output=True, check=True)
    assert nameless() - others
    remove_outdated(Images.wanted(Topology()).ours)
    assert nameless() <= others
    assert identity(tag) is None
