"""The docker testbed with everything real: a Compose project per twin, load and probes on its network."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from docker.models.containers import Container

from lab.model import DATABASE, EDGE, PAYMENTS, LabError, LinkState, Toxic, a_link
from lab.runtime.containers.asking import answers
from lab.runtime.containers.engine import client
from lab.runtime.containers.servers import limits_of
from lab.runtime.containers.testbed import (
    DockerTestbed,
    available,
    build_images,
    images_present,
    remove_leftovers,
)
from lab.runtime.ownership.heal import heal, take_down
from lab.runtime.ownership.ledger import RUN_LABEL, holdings
from lab.runtime.ownership.stopped import Stopped, stopped
from lab.workload.booking import BOOKING
from tests.charges import ChargesSuite
from tests.fabricated.evidence import HARDENED, NAIVE, PAIR
from tests.standing import LINKS, SECRETS, SMALL, TOKEN, Heard, a_stack, probe_config
from tests.stores import StoresSuite
from tests.timing import quickest_s, steadily

ROOT = Path(__file__).parents[2]
RUN = "docker-standing"
TWINS = (NAIVE, HARDENED)
PARTS = {"postgres", "payments", "toxiproxy", "service", "seed"}
SLOW = LinkState(
    toxics=(Toxic(type="latency", stream="downstream", attributes={"latency": 100, "jitter": 0}),)
)
RESETS = LinkState(toxics=(Toxic(type="reset_peer", stream="downstream", attributes={"timeout": 0}),))
DOWN = LinkState(enabled=False)
PROBED_S = 0.6
ENDS_S = 30.0
STOPS_S = 6.0

pytestmark = [pytest.mark.usefixtures("needs_docker"), pytest.mark.timeout(300)]

HOLDER = f"""
import sys, time
from pathlib import Path
from lab.model import DATABASE, LinkState, a_link
from lab.runtime.containers.testbed import DockerTestbed
from lab.workload.booking import BOOKING
from tests.fabricated.evidence import PAIR
from tests.standing import Heard, a_stack

state_dir, run, linger = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "linger"
testbed = DockerTestbed(a_stack(run, PAIR[:1], linger=linger), BOOKING, state_dir)
testbed.up(Heard())
testbed.actuator("naive", a_link(DATABASE)).set(LinkState(enabled=False))
print("up", flush=True)
if not linger:
    time.sleep({ENDS_S * 2})
"""

# Its user presses Ctrl-C while it starts.
STARTER = """
import signal, sys
from pathlib import Path
from lab.runtime.containers.testbed import DockerTestbed
from lab.workload.booking import BOOKING
from tests.standing import Heard, a_stack

signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may ignore it
testbed = DockerTestbed(a_stack(sys.argv[2]), BOOKING, Path(sys.argv[1]))
try:
    testbed.up(Heard())
except KeyboardInterrupt:
    testbed.down()
"""


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def testbed(state_dir: Path, needs_docker: None) -> Iterator[DockerTestbed]:
    testbed = DockerTestbed(a_stack(RUN), BOOKING, state_dir)
    try:
        testbed.up(Heard())
        yield testbed
    finally:
        testbed.down()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A twin's part of a run folder."""
    folder = tmp_path / "run" / NAIVE
    folder.mkdir(parents=True)
    return folder


def status(url: str, token: str = "") -> int:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(request, timeout=5) as response:
        return int(response.status)


def well(url: str, token: str = "") -> bool:
    """Whether the answer is 200, which it may not be from a hardened twin whose deadline has passed."""
    with suppress(urllib.error.HTTPError):
        return status(url, token) == 200
    return False


def containers(run: str) -> list[Container]:
    return list(
        client().containers.list(all=True, ignore_removed=True, filters={"label": f"{RUN_LABEL}={run}"})
    )


def volumes(run: str) -> set[str]:
    """The volumes of the containers of `run`: they carry no label, and go with their containers."""
    mounts = [mount for container in containers(run) for mount in container.attrs["Mounts"]]
    return {mount["Name"] for mount in mounts if mount["Type"] == "volume"}


def all_volumes() -> set[str]:
    return {volume.name for volume in client().volumes.list()}


def left_of(run: str) -> list[str]:
    networks = client().networks.list(filters={"label": f"{RUN_LABEL}={run}"})
    return [str(thing.name) for thing in (*containers(run), *networks)]


def becomes_true(condition: Callable[[], bool]) -> bool:
    give_up = time.monotonic() + ENDS_S
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.1)
    return True


def probe_all_links(testbed: DockerTestbed, folder: Path) -> dict[str, list[dict[str, Any]]]:
    """What probes inside the naive twin's network find, by link."""
    targets = testbed.targets(NAIVE)
    probes = [probe_config(link, targets) for link in LINKS]
    config = {
        "twin": NAIVE, "t0": "../t0.json", "ready": "observe.ready.json", "until_s": PROBED_S, "probes": probes,
        "probes_output": "probes.jsonl",
        "metrics": [{"member": "1", "url": f"http://{targets['service/1']}/metrics"}],
        "metrics_interval_s": 1.0, "metrics_output": "metrics.jsonl",
    }  # fmt: skip
    child = testbed.spawn(NAIVE, "loadtests.observe", config, folder, "observe")
    assert becomes_true((folder / "observe.ready.json").exists)
    (folder.parent / "t0.json").write_text(json.dumps({"t0": time.monotonic() + 0.1}))
    assert child.wait(ENDS_S) == 0, (folder / "logs" / "observe.log").read_text()
    child.stop()
    samples = [json.loads(line) for line in (folder / "probes.jsonl").read_text().splitlines()]
    return {link: [sample for sample in samples if sample["target"] == f"link/{link}"] for link in LINKS}


@pytest.mark.parametrize("twin", TWINS)
def test_a_twin_answers_people_at_its_published_edge(testbed: DockerTestbed, twin: str) -> None:
    edge = testbed.published(twin)["edge"]

    assert edge.startswith("http://127.0.0.1:")
    assert becomes_true(lambda: well(f"{edge}/readyz"))
    assert becomes_true(lambda: well(f"{edge}/users/1/bookings/", token=TOKEN))


def test_resets_refusals_and_delays_arrive_inside_the_network_as_they_are(
    testbed: DockerTestbed, folder: Path
) -> None:
    faults = {EDGE: RESETS, DATABASE: DOWN, PAYMENTS: SLOW}
    for name, fault in faults.items():
        assert testbed.actuator(NAIVE, a_link(name)).set(fault) == fault
    try:
        seen = probe_all_links(testbed, folder)
    finally:
        for name in faults:
            testbed.actuator(NAIVE, a_link(name)).set(LinkState())

    assert {sample["error"] for sample in seen[EDGE]} == {"reset"}
    assert {sample["error"] for sample in seen[DATABASE]} == {"refused"}
    assert {sample["error"] for sample in seen[PAYMENTS]} == {""}
    assert min(sample["first_byte_ms"] for sample in seen[PAYMENTS]) >= 100


def test_a_healed_link_passes_everything_again(testbed: DockerTestbed, folder: Path) -> None:
    found = probe_all_links(testbed, folder)

    assert {sample["error"] for samples in found.values() for sample in samples} == {""}
    assert min(sample["first_byte_ms"] for sample in found[PAYMENTS]) < 100


def test_a_fault_on_one_twin_does_not_reach_the_other(testbed: DockerTestbed) -> None:
    testbed.actuator(NAIVE, a_link(EDGE)).set(DOWN)
    try:
        assert status(f"{testbed.published(HARDENED)['edge']}/healthz") == 200
        with pytest.raises(ConnectionResetError):  # the userland proxy accepts, then resets
            status(f"{testbed.published(NAIVE)['edge']}/healthz")
    finally:
        testbed.actuator(NAIVE, a_link(EDGE)).set(LinkState())


def test_all_data_is_read_by_a_program_beside_the_twin(testbed: DockerTestbed, folder: Path) -> None:
    targets = testbed.targets(NAIVE)
    direct = {name: address for name, address in targets.items() if name.startswith("direct_")}
    data = {
        **direct, "reader": "loadtests.final_state", "token": TOKEN, "tables": list(BOOKING.tables), "timeout_s": 10,
        "before": "initial.json", "end": "../end.json", "after": "final.json",
    }  # fmt: skip
    config = {"twin": NAIVE, "data": data, "t0": "../t0.json", "ready": "observe.ready.json", "until_s": 0}
    config |= {"probes": [], "probes_output": "none.jsonl", "metrics": [], "metrics_output": "nothing.jsonl"}
    (folder.parent / "t0.json").write_text(json.dumps({"t0": time.monotonic()}))
    (folder.parent / "end.json").write_text(json.dumps({"end": time.monotonic()}))
    child = testbed.spawn(NAIVE, "loadtests.observe", config, folder, "observe")

    assert child.wait(ENDS_S) == 0, (folder / "logs" / "observe.log").read_text()
    assert not child.running()
    child.stop()
    child.stop()
    for name in ("initial.json", "final.json"):
        assert len(json.loads((folder / name).read_text())["bookings"]) == SMALL["bookings"]
    assert (folder / "final.json").stat().st_uid == os.getuid()


def test_a_program_that_does_not_end_is_named_and_can_be_stopped(
    testbed: DockerTestbed, folder: Path
) -> None:
    # Nobody gives the start.
    config = {"twin": NAIVE, "t0": "../t0.json", "ready": "observe.ready.json", "probes": [], "metrics": []}
    child = testbed.spawn(NAIVE, "loadtests.observe", config, folder, "waiting")

    with pytest.raises(LabError, match=r"naive-waiting did not end within 0\.5 s; see .*waiting\.log"):
        child.wait(0.5)
    assert child.running()
    child.stop()
    assert not child.running()


def test_cpu_time_of_the_service_grows_with_its_work_and_is_told_at_once(testbed: DockerTestbed) -> None:
    # Of the twin whose links no other test here breaks.
    before = testbed.cpu_s(HARDENED)
    for _ in range(20):
        status(f"{testbed.published(HARDENED)['edge']}/users/?include=bookings", token=TOKEN)
    after = testbed.cpu_s(HARDENED)

    assert quickest_s(lambda: testbed.cpu_s(HARDENED)) < 0.1
    assert before is not None
    assert after is not None
    assert after > before


@pytest.mark.parametrize("twin", TWINS)
def test_no_container_has_more_than_it_needs(testbed: DockerTestbed, twin: str) -> None:
    mine = [container for container in containers(RUN) if container.labels["failure-lab.twin"] == twin]
    assert {container.labels["com.docker.compose.service"] for container in mine} == PARTS

    for container in mine:
        host = container.attrs["HostConfig"]
        assert container.attrs["Config"]["User"].split(":")[0] not in ("", "0", "root")
        assert host["ReadonlyRootfs"]
        assert not host["Privileged"]
        assert host["CapDrop"] == ["ALL"]
        assert "no-new-privileges:true" in host["SecurityOpt"]
        assert host["NanoCpus"] > 0
        assert host["Memory"] == host["MemorySwap"] > 0
        assert host["LogConfig"] == {"Type": "local", "Config": {"max-file": "3", "max-size": "20m"}}
        assert [mount for mount in container.attrs["Mounts"] if "docker.sock" in mount["Source"]] == []
        bindings = [one for many in (host["PortBindings"] or {}).values() for one in many]
        assert {binding["HostIp"] for binding in bindings} <= {"127.0.0.1"}


def test_no_setting_of_the_users_reaches_a_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    """Docker's own configuration and a .env file where the lab is started: both are read by Docker and by Compose."""
    theirs = tmp_path / "docker"
    theirs.mkdir()
    proxies = {"default": {"httpProxy": "http://evil", "noProxy": "nobody"}}
    plugins = [str(Path.home() / ".docker" / "cli-plugins")]
    (theirs / "config.json").write_text(json.dumps({"proxies": proxies, "cliPluginsExtraDirs": plugins}))
    (tmp_path / ".env").write_text("CPUS=0.5\nSERVICE_MEMORY=77m\nCOMPOSE_PROJECT_NAME=evil\n")
    (tmp_path / "compose.override.yaml").write_text("services: {service: {environment: {DEADLINE_S: 30}}}\n")
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "DOCKER_CONFIG": str(theirs),
        "SERVICE_MEMORY": "88m",
        "COMPOSE_PROFILES": "load",
    }.items():
        monkeypatch.setenv(name, value)
    client.cache_clear()
    testbed = DockerTestbed(a_stack("docker-hostile", PAIR[:1]), BOOKING, tmp_path / "state")
    try:
        testbed.up(Heard())
        child = testbed.spawn(
            NAIVE, "loadtests.observe", {"t0": "t0.json", "ready": "r.json"}, folder, "observe"
        )
        found = {container.name: container.attrs for container in containers("docker-hostile")}
        child.stop()
    finally:
        testbed.down()
        client.cache_clear()
    service = found["failure-lab-docker-hostile-naive-service-1"]
    assert service["HostConfig"]["Memory"] == 512 * 1024 * 1024
    assert service["HostConfig"]["NanoCpus"] == 1_000_000_000
    variables = {
        line.partition("=")[0].upper() for attrs in found.values() for line in attrs["Config"]["Env"]
    }
    assert len(found) == len(PARTS) + 1
    assert not variables & {"HTTP_PROXY", "NO_PROXY", "DEADLINE_S"}


@pytest.mark.parametrize("way", [DATABASE, f"direct_{DATABASE}"])
def test_every_role_of_the_database_shows_its_password(testbed: DockerTestbed, way: str) -> None:
    """From this machine, all of whose users reach the networks of its containers."""
    address = testbed.targets(NAIVE)[way]
    for role, password in {"lab": SECRETS.owner, "app": SECRETS.app, "probe": SECRETS.probe}.items():
        for wrong in ("", role, "lab-password"):
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(f"postgresql://{role}:{wrong}@{address}/lab", connect_timeout=5)
        psycopg.connect(f"postgresql://{role}:{password}@{address}/lab", connect_timeout=5).close()


def test_the_line_for_psql_leads_into_the_database(testbed: DockerTestbed) -> None:
    line = testbed.published(NAIVE)["psql"].replace(" -it ", " ")
    asked = f"{line} -tAc 'SELECT count(*) FROM bookings'"
    assert subprocess.check_output(asked, shell=True, text=True).strip() == str(SMALL["bookings"])


def test_no_secret_is_in_the_facts_or_on_a_command_line(testbed: DockerTestbed) -> None:
    commands = [one.attrs["Config"]["Cmd"] for one in containers(RUN)]
    running = [one.top()["Processes"] for one in containers(RUN) if one.status == "running"]
    told = json.dumps([dict(testbed.facts()), commands, running])
    assert not [name for name, secret in vars(SECRETS).items() if secret in told]


def test_all_proxies_are_as_planned_until_somebody_else_changes_one(testbed: DockerTestbed) -> None:
    proxies = testbed.proxies(HARDENED)
    assert proxies.read() == proxies.planned
    link = testbed.actuator(HARDENED, a_link(PAYMENTS))
    link.set(SLOW)
    assert proxies.read() != proxies.planned
    link.set(LinkState())
    assert proxies.read() == proxies.planned


def test_both_twins_are_held_to_the_same_limits(testbed: DockerTestbed) -> None:
    limits = {twin: limits_of(testbed._twins[twin].containers) for twin in TWINS}

    assert limits[NAIVE] == limits[HARDENED] == testbed.facts()["limits"]


def test_the_undo_of_every_link_is_on_disk_before_any_fault(testbed: DockerTestbed, state_dir: Path) -> None:
    (run,) = holdings(state_dir)
    apis = {testbed.published(twin)["toxiproxy"] for twin in TWINS}

    assert {tuple(undo.details.values()) for undo in run.undos} == {
        (api, link) for api in apis for link in LINKS
    }


def test_collect_brings_the_logs_of_all_parts(testbed: DockerTestbed, tmp_path: Path) -> None:
    testbed.collect(HARDENED, tmp_path)

    assert {f"{part}.log" for part in PARTS} == {log.name for log in (tmp_path / "logs").iterdir()}
    assert "gunicorn" in (tmp_path / "logs" / "service.log").read_text()


def test_facts_name_the_engine_and_the_versions(testbed: DockerTestbed) -> None:
    facts = testbed.facts()

    assert (facts["runtime"], facts["engine"]) == ("docker", "toxiproxy")
    assert facts["toxiproxy"].startswith("2.12")
    assert facts["postgres"].startswith("18")
    assert {"python", "gunicorn", "flask", "sqlalchemy", "psycopg", "locust", "docker", "compose"} <= set(
        facts
    )


def test_an_engine_that_stands_is_available_and_images_once_built_are_there(needs_docker: None) -> None:
    build_images()

    assert available() is None
    assert images_present()


def test_half_a_start_is_one_clear_sentence_and_down_leaves_nothing(tmp_path: Path) -> None:
    testbed = DockerTestbed(a_stack("docker-half", sizes={**SMALL, "users": -1}), BOOKING, tmp_path)

    with pytest.raises(LabError, match=r"The (naive|hardened) twin cannot be started\. .*seed"):
        testbed.up(Heard())
    testbed.collect(NAIVE, tmp_path)
    assert (tmp_path / "logs" / "seed.log").stat().st_size > 0
    testbed.down()
    testbed.down()

    assert left_of("docker-half") == []
    assert holdings(tmp_path) == []


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts another process that holds a naive twin whose database link is down."""
    held: list[subprocess.Popen[str]] = []

    def hold(run: str, how: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", HOLDER, str(tmp_path), run, how]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        held.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        return process

    yield hold
    for process in held:
        process.kill()
        process.communicate()
    heal(tmp_path)
    take_down(tmp_path)


def test_after_kill_9_of_the_lab_nothing_is_left(holder: Any, tmp_path: Path) -> None:
    process = holder("docker-killed", "hold")
    assert left_of("docker-killed")
    kept = volumes("docker-killed")
    assert len(kept) == 2  # PostgreSQL's data, and the charges

    process.send_signal(signal.SIGKILL)
    process.wait()
    heal(tmp_path)

    assert becomes_true(lambda: holdings(tmp_path) == [])
    assert left_of("docker-killed") == []
    assert not kept & all_volumes()


def test_what_was_left_up_on_purpose_stays_until_it_is_taken_down(holder: Any, tmp_path: Path) -> None:
    assert holder("docker-linger", "linger").wait(ENDS_S) == 0
    kept = volumes("docker-linger")
    assert heal(tmp_path) == ["healed link database: down"]
    assert heal(tmp_path) == []
    (run,) = holdings(tmp_path)
    assert stopped(run) == []
    service, payments = (
        client().containers.get(f"failure-lab-docker-linger-naive-{part}-1")
        for part in ("service", "payments")
    )
    service.kill()
    payments.pause()
    assert stopped(run) == [
        Stopped(name=str(payments.name), how="paused", healable=True),
        Stopped(name=str(service.name), how="dead", healable=True),
    ]
    assert set(heal(tmp_path)) == {
        f"continued container {payments.name}",
        f"started container {service.name} again",
    }
    assert stopped(run) == []
    assert run.published is not None
    edge = run.published[NAIVE]["edge"]
    assert becomes_true(lambda: answers(f"{edge}/healthz"))

    said = take_down(tmp_path)

    assert left_of("docker-linger") == []
    assert not kept & all_volumes()
    assert "removed container failure-lab-docker-linger-naive-service-1" in said


def test_leftovers_are_found_by_their_label_alone() -> None:
    image = build_images().toxiproxy
    client().containers.create(image, name="failure-lab-by-label", labels={RUN_LABEL: "docker-label"})

    assert remove_leftovers("docker-label") == ["removed container failure-lab-by-label"]
    assert remove_leftovers("docker-label") == []


class TestDockerStores(StoresSuite):
    """On the stack that stands."""


class TestDockerCharges(ChargesSuite):
    """On the stack that stands."""


def composing(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):  # another program that it had started
        return any(child.name() == "docker" for child in psutil.Process(pid).children())
    return False


@pytest.mark.parametrize("when", ["begins", "creates"])
def test_a_start_that_is_interrupted_ends_at_once_and_leaves_nothing(tmp_path: Path, when: str) -> None:
    """When Compose begins to run, and when it has created something."""
    numbers = count()

    def interrupted() -> None:
        run = f"docker-{when}-{next(numbers)}"
        command = [sys.executable, "-c", STARTER, str(tmp_path), run]
        with subprocess.Popen(command, cwd=ROOT) as starter:
            assert becomes_true(lambda: composing(starter.pid) if when == "begins" else bool(left_of(run)))
            starter.send_signal(signal.SIGINT)
            began_at = time.monotonic()
            assert starter.wait(ENDS_S) == 0
        took_s = time.monotonic() - began_at
        time.sleep(2)  # for what the engine may still have been asked for
        assert left_of(run) == []
        assert holdings(tmp_path) == []
        assert took_s < STOPS_S

    steadily(interrupted)
