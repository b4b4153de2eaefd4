"""The local testbed with everything real: PostgreSQL, Toxiproxy, payments and both services, as processes."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from lab.model import DATABASE, EDGE, PAYMENTS, LabError, LinkState, Toxic, a_link
from lab.runtime.cores import available
from lab.runtime.local import in_memory
from lab.runtime.local import testbed as local
from lab.runtime.local.parts import installing
from lab.runtime.local.testbed import LocalTestbed
from lab.runtime.ownership.heal import heal, take_down
from lab.runtime.ownership.ledger import RUN_MARK, holdings, read
from lab.runtime.ownership.undoing import undo_faults
from lab.runtime.toxiproxy.tampering import found_at
from lab.workload.booking import BOOKING
from tests.charges import ChargesSuite
from tests.fabricated.evidence import HARDENED, NAIVE, PAIR
from tests.forged import forged_ledger
from tests.standing import IN_MEMORY, LINKS, SECRETS, SMALL, TOKEN, Heard, a_stack, folders_of
from tests.stores import StoresSuite

ROOT = Path(__file__).parents[2]
TWINS = (NAIVE, HARDENED)
SLOW = LinkState(
    toxics=(Toxic(type="latency", stream="downstream", attributes={"latency": 100, "jitter": 0}),)
)
ENDS_S = 30.0
SEGMENTS = Path("/proc/sysvipc/shm")

pytestmark = [pytest.mark.usefixtures("needs_local"), pytest.mark.timeout(120)]

HOLDER = f"""
import json, sys, time
from pathlib import Path
from lab.model import LinkState, Toxic, a_link
from lab.runtime.local.testbed import LocalTestbed
from lab.workload.booking import BOOKING
from tests.standing import LINKS, Heard, a_stack

state_dir, run, linger = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "linger"
testbed = LocalTestbed(a_stack(run, linger=linger), BOOKING, state_dir)
testbed.up(Heard())
for link in LINKS:
    testbed.actuator("naive", a_link(link)).set(LinkState(toxics=(
        Toxic(type="latency", stream="downstream", attributes={{"latency": 100, "jitter": 0}}),)))
print(json.dumps({{twin: dict(testbed.published(twin)) for twin in ("naive", "hardened")}}), flush=True)
if not linger:
    time.sleep({ENDS_S * 6})
"""


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="module")
def testbed(state_dir: Path, needs_local: None) -> Iterator[LocalTestbed]:
    testbed = LocalTestbed(a_stack("run-standing"), BOOKING, state_dir)
    try:
        testbed.up(Heard())
        yield testbed
    finally:
        testbed.down()


def get(address: str, path: str, token: str = "") -> int:
    host, _, port = address.removeprefix("http://").partition(":")
    with closing(http.client.HTTPConnection(host, int(port), timeout=ENDS_S)) as connection:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        return connection.getresponse().status


def processes_of(run: str, name: str = "") -> list[psutil.Process]:
    """Every process that carries the mark of `run`, and whose name begins so, zombies and this one aside."""
    found = []
    for process in psutil.process_iter():
        try:
            ours = process.environ().get(RUN_MARK) == run and process.name().startswith(name)
            if ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def memory_of(processes: list[psutil.Process]) -> list[str]:
    """The System V shared memory that these made, dead or alive."""
    pids = {str(process.pid) for process in processes}
    rows = [line.split() for line in SEGMENTS.read_text().splitlines()[1:]]
    return [row[1] for row in rows if row[4] in pids]


def becomes_true(condition: Callable[[], bool]) -> bool:
    give_up = time.monotonic() + ENDS_S
    while not condition():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.parametrize("twin", TWINS)
def test_every_part_of_a_twin_answers_through_its_proxy_and_past_it(testbed: LocalTestbed, twin: str) -> None:
    targets = testbed.targets(twin)

    assert becomes_true(lambda: get(targets["edge"], "/readyz") == 200)  # it has a deadline
    assert get(targets["direct_edge"], "/healthz") == 200
    assert get(targets["payments"], "/healthz") == get(targets["direct_payments"], "/healthz") == 200
    assert becomes_true(lambda: get(targets["edge"], "/users/1/bookings/", token=TOKEN) == 200)
    with psycopg.connect(targets["direct_dsn"]) as connection:
        assert connection.execute("SELECT count(*) FROM bookings").fetchone() == (SMALL["bookings"],)


@pytest.mark.parametrize("way", [DATABASE, f"direct_{DATABASE}"])
def test_every_role_of_the_database_shows_its_password(testbed: LocalTestbed, way: str) -> None:
    address = testbed.targets(NAIVE)[way]
    passwords = {installing.SUPERUSER: SECRETS.owner, "app": SECRETS.app, "probe": SECRETS.probe}

    for role, password in passwords.items():
        for wrong in ("", role, "wrong", installing.installation().password):
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(f"postgresql://{role}:{wrong}@{address}/lab")
        with psycopg.connect(f"postgresql://{role}:{password}@{address}/lab") as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError, match="no pg_hba"):
        psycopg.connect(f"postgresql://pg_monitor:x@{address}/lab")


def test_the_line_for_psql_leads_into_the_database_and_shows_no_password(testbed: LocalTestbed) -> None:
    line = testbed.published(NAIVE)["psql"]
    path = f"{installing.find_binaries()}:{os.environ['PATH']}"
    asked = f"{line} -tAc 'SELECT count(*) FROM bookings'"
    assert subprocess.check_output(asked, shell=True, text=True, env={"PATH": path}).strip() == str(
        SMALL["bookings"]
    )
    assert SECRETS.owner not in line.partition(" psql ")[2]


def test_a_link_that_is_down_cuts_its_own_twin_only_and_comes_back(testbed: LocalTestbed) -> None:
    link = testbed.actuator(NAIVE, a_link(EDGE))

    assert link.set(LinkState(enabled=False)) == LinkState(enabled=False)
    with pytest.raises(ConnectionRefusedError):
        get(testbed.targets(NAIVE)[EDGE], "/healthz")
    assert get(testbed.targets(HARDENED)[EDGE], "/healthz") == 200
    assert link.set(LinkState()) == LinkState()
    assert get(testbed.targets(NAIVE)[EDGE], "/healthz") == 200


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a port be held")
def test_the_port_of_a_link_that_is_down_stays_ours(testbed: LocalTestbed) -> None:
    link = testbed.actuator(HARDENED, a_link(PAYMENTS))
    host, port = testbed.targets(HARDENED)[PAYMENTS].split(":")
    link.set(LinkState(enabled=False))
    try:
        with socket.socket() as other_lab, pytest.raises(OSError, match="in use"):
            other_lab.bind((host, int(port)))
    finally:
        link.set(LinkState())


def test_the_undo_of_every_link_is_on_disk_before_any_fault(testbed: LocalTestbed, state_dir: Path) -> None:
    (run,) = holdings(state_dir)
    apis = {testbed.published(twin)["toxiproxy"] for twin in TWINS}

    assert {tuple(undo.details.values()) for undo in run.undos} == {
        (api, link) for api in apis for link in LINKS
    }


def test_all_that_listens_does_so_on_loopback_and_below_the_ephemeral_ports(testbed: LocalTestbed) -> None:
    listening = set()
    for process in processes_of("run-standing"):
        with suppress(psutil.NoSuchProcess):  # a session of PostgreSQL that has just ended
            listening |= {
                found.laddr for found in process.net_connections("inet") if found.status == psutil.CONN_LISTEN
            }

    assert len(listening) == len(TWINS) * (3 + 1 + len(LINKS))  # three servers, Toxiproxy's API, its proxies
    assert {address.ip for address in listening} == {"127.0.0.1"}
    assert max(address.port for address in listening) < 32_768


@pytest.mark.skipif(not hasattr(os, "SCHED_IDLE"), reason="the classes of the scheduler are Linux's")
def test_the_system_under_test_gives_way_to_load_and_proxies(testbed: LocalTestbed, state_dir: Path) -> None:
    gives_way = {
        thing.details["name"].split()[-1]: os.sched_getscheduler(int(thing.key)) == os.SCHED_IDLE
        for thing in read(state_dir / "owned" / "run-standing.jsonl").owned
        if thing.kind == "process"
    }

    assert gives_way == {
        "guardian": False,
        "toxiproxy": False,
        "postgres": True,
        "payments": True,
        "service": True,
    }


@pytest.mark.skipif(not IN_MEMORY.is_dir(), reason="this system has no folder in memory")
def test_gunicorn_never_waits_for_a_disk_to_count_or_to_show_that_it_lives(testbed: LocalTestbed) -> None:
    pythons = processes_of("run-standing", "python")
    servers = [process for process in pythons if "gunicorn" in process.cmdline()]
    maps = [m.path for server in servers for m in server.memory_maps(grouped=False) if m.perms == "rw-s"]
    opened = [str(link.readlink()) for s in servers for link in Path(f"/proc/{s.pid}/fd").iterdir()]
    counted = {path for path in maps if path.endswith(".db")}
    beating = {path for path in opened if "wgunicorn-" in path}

    assert len(servers) == len(TWINS) * (3 + 2), "a master with two workers, and one with one"
    for written in (counted, beating):
        assert len(written) >= len(TWINS) * 3
        assert [path for path in written if not in_memory.is_in_memory(Path(path).parent)] == []


def test_where_there_is_no_room_in_memory_a_stack_does_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_memory, "NEEDED_BYTES", 1 << 60)
    testbed = LocalTestbed(a_stack("run-no-room", PAIR[:1]), BOOKING, tmp_path)
    try:
        testbed.up(Heard())
        assert get(testbed.targets(NAIVE)["direct_edge"], "/metrics") == 200
        assert [folder.parent for folder in folders_of("run-no-room")] == [Path(tempfile.gettempdir())]
    finally:
        testbed.down()
    assert folders_of("run-no-room") == []


def test_postgres_is_not_run_by_root(testbed: LocalTestbed) -> None:
    owners = set()
    for process in processes_of("run-standing", "postgres"):
        with suppress(psutil.NoSuchProcess):  # a session that has just ended
            owners.add(process.username())

    assert owners
    assert "root" not in owners


def test_cpu_time_of_the_service_grows_with_its_work(testbed: LocalTestbed) -> None:
    before = testbed.cpu_s(NAIVE)
    for _ in range(30):
        get(testbed.targets(NAIVE)[EDGE], "/users/?include=bookings", token=TOKEN)

    assert before is not None
    assert (testbed.cpu_s(NAIVE) or 0) > before


def test_a_spawned_program_finds_its_configuration_and_leaves_a_log(
    testbed: LocalTestbed, tmp_path: Path
) -> None:
    child = testbed.spawn(NAIVE, "json.tool", {"answer": 42}, tmp_path, "tool")

    assert child.wait(ENDS_S) == 0
    assert json.loads((tmp_path / "logs" / "tool.log").read_text()) == {"answer": 42}


def test_collect_brings_the_logs_of_all_parts(testbed: LocalTestbed, tmp_path: Path) -> None:
    testbed.collect(HARDENED, tmp_path)

    assert {"postgres.log", "payments.log", "service.log", "toxiproxy.log", "seed.log"} <= {
        log.name for log in (tmp_path / "logs").iterdir()
    }


def test_facts_name_the_engine_and_the_versions(testbed: LocalTestbed) -> None:
    facts = testbed.facts()

    assert facts["engine"]
    assert facts["postgres"].split(".")[0].isdecimal()
    assert {"python", "gunicorn", "flask", "sqlalchemy", "psycopg", "locust", "limits"} <= set(facts)


def test_each_twin_runs_on_its_own_cores(testbed: LocalTestbed) -> None:
    cores = testbed.facts()["cores"]
    if not cores:
        pytest.skip("this system pins no process to a core")
    read = {twin: {server.cores for server in testbed.servers(twin).values()} for twin in TWINS}

    assert read == {twin: {cores[twin]} for twin in TWINS}
    assert len(available()) < len(TWINS) or cores[NAIVE] != cores[HARDENED]


def test_down_leaves_no_process_no_folder_and_no_ledger(tmp_path: Path) -> None:
    testbed = LocalTestbed(a_stack("run-down"), BOOKING, tmp_path)
    testbed.up(Heard())
    testbed.spawn(NAIVE, "http.server", {}, tmp_path, "hanging")
    assert processes_of("run-down")

    testbed.down()
    testbed.down()

    assert processes_of("run-down") == []
    assert folders_of("run-down") == []
    assert holdings(tmp_path) == []


def test_a_toxiproxy_that_was_killed_is_noticed(tmp_path: Path) -> None:
    testbed = LocalTestbed(a_stack("run-without-proxies", PAIR[:1]), BOOKING, tmp_path)
    try:
        testbed.up(Heard())
        testbed.check()
        (server,) = processes_of("run-without-proxies", "toxiproxy")
        server.kill()
        server.wait(ENDS_S)
        with pytest.raises(LabError, match=r"The proxies of the \w+ twin ended mid-run.*logs/toxiproxy\.log"):
            testbed.check()
    finally:
        testbed.down()


@pytest.mark.skipif(not SEGMENTS.exists(), reason="only Linux lists its shared memory")
def test_a_server_that_was_killed_leaves_no_shared_memory(tmp_path: Path) -> None:
    testbed = LocalTestbed(a_stack("run-memory", PAIR[:1]), BOOKING, tmp_path)
    testbed.up(Heard())
    servers = processes_of("run-memory", "postgres")
    try:
        for server in servers:
            with suppress(FileNotFoundError, ProcessLookupError):  # a session that has just ended
                maps = Path(f"/proc/{server.pid}/maps").read_text()
                assert "/dev/shm/PostgreSQL" not in maps, "only in the data folder, which goes with the run"
        assert len(memory_of(servers)) == 1
        kill(servers)
    finally:
        testbed.down()
    assert memory_of(servers) == []


def kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # it has ended with its parent
            process.kill()


def test_half_a_start_is_one_clear_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    testbed = LocalTestbed(a_stack("run-half", sizes={**SMALL, "users": -1}), BOOKING, tmp_path)

    said = r"The (naive|hardened) twin's data could not be loaded: .*\(log: (.*/seed\.log)\)"
    with pytest.raises(LabError, match=said) as failed:
        testbed.up(Heard())
    assert processes_of("run-half", "postgres") == []
    testbed.collect(NAIVE, tmp_path)
    assert (tmp_path / "logs" / "seed.log").stat().st_size > 0
    testbed.down()

    named = re.search(said, str(failed.value))
    assert named
    assert Path(named[2]).stat().st_size > 0, "the log that was named can still be read"
    assert processes_of("run-half") == []
    assert folders_of("run-half") == []
    assert holdings(tmp_path) == []


def test_a_full_disk_is_said_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "DISK_NEEDED_BYTES", 1 << 60)
    testbed = LocalTestbed(a_stack("run-full"), BOOKING, tmp_path)

    with pytest.raises(LabError, match=r"The disk of .* is too full"):
        testbed.up(Heard())
    testbed.down()

    assert folders_of("run-full") == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another user")
def test_a_scratch_folder_that_postgres_cannot_enter_is_one_clear_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (private := tmp_path / "private").mkdir(mode=0o700)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(private))
    testbed = LocalTestbed(a_stack("run-private"), BOOKING, tmp_path)

    with pytest.raises(LabError, match=r"cannot enter .*private\. Set TMPDIR=/tmp"):
        testbed.up(Heard())
    testbed.down()

    assert list(private.iterdir()) == []


@pytest.mark.parametrize("root", [True, False])
def test_a_user_whom_initdb_would_refuse_is_one_clear_sentence(
    root: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(_who: object) -> None:
        raise KeyError

    monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 12_345)
    monkeypatch.setattr(local.pwd, "getpwnam", nobody)
    monkeypatch.setattr(local.pwd, "getpwuid", nobody)
    with pytest.raises(LabError, match=r"is not in /etc/passwd.* Add a line there: \w+:x:\d+:"):
        local.require_name()


def test_a_missing_postgres_is_one_clear_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_POSTGRES", str(tmp_path))

    with pytest.raises(LabError, match="has no initdb"):
        installing.installation()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another user")
def test_binaries_that_the_unprivileged_user_cannot_read_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        tempfile.TemporaryDirectory(dir="/var/tmp") as private,
        tempfile.TemporaryDirectory(dir="/var/tmp") as cache,
    ):
        Path(cache).chmod(0o755)
        package = installing.find_binaries().parents[1]
        subprocess.run(f"cp -R {package} {package}.libs {private}", shell=True, check=True)
        assert stat.S_IMODE(Path(private).stat().st_mode) == 0o700
        monkeypatch.setenv("LAB_POSTGRES", f"{private}/{package.name}/pginstall18/bin")
        monkeypatch.setenv("LAB_CACHE", cache)

        install = installing.installation()

        assert install.bin.is_relative_to(cache)
        assert (install.template / "PG_VERSION").exists()
        assert installing.installation() == install
        assert {part.name for part in Path(cache).iterdir()} == {
            install.template.parent.name,
            install.bin.relative_to(cache).parts[0],
        }


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[Callable[..., tuple[subprocess.Popen[str], dict[str, Any]]]]:
    """Starts another process that holds a testbed with a toxic on every link of the naive twin."""
    held: list[subprocess.Popen[str]] = []

    def hold(run: str, how: str = "hold") -> tuple[subprocess.Popen[str], dict[str, Any]]:
        command = [sys.executable, "-c", HOLDER, str(tmp_path), run, how]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        held.append(process)
        assert process.stdout is not None
        return process, json.loads(process.stdout.readline())

    yield hold
    for process in held:
        process.kill()
        process.communicate()
    heal(tmp_path)
    take_down(tmp_path)


def test_after_kill_9_of_the_lab_its_guardian_ends_all(holder: Any, tmp_path: Path) -> None:
    process, _published = holder("run-guarded")
    process.send_signal(signal.SIGKILL)
    process.wait()

    assert becomes_true(lambda: holdings(tmp_path) == [])
    assert becomes_true(lambda: processes_of("run-guarded") == [])
    assert folders_of("run-guarded") == []


def test_after_kill_9_heal_returns_with_nothing_left(holder: Any, tmp_path: Path) -> None:
    process, _published = holder("run-healed")
    process.send_signal(signal.SIGKILL)
    process.wait()

    heal(tmp_path)

    assert processes_of("run-healed") == []
    assert folders_of("run-healed") == []
    assert holdings(tmp_path) == []


def test_when_the_guardian_is_killed_too_heal_mends_it_all_and_says_so(holder: Any, tmp_path: Path) -> None:
    process, _published = holder("run-orphaned")
    (run,) = holdings(tmp_path)
    (guardian,) = [thing for thing in run.owned if thing.details.get("name") == "guardian"]
    os.kill(int(guardian.key), signal.SIGKILL)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert processes_of("run-orphaned")

    lines = heal(tmp_path)

    assert [line for line in lines if line.startswith("healed link")] == [
        f"healed link {n}: latency" for n in LINKS
    ]
    assert "stopped the naive twin's postgres" in "\n".join(lines)
    assert processes_of("run-orphaned") == []
    assert folders_of("run-orphaned") == []
    assert holdings(tmp_path) == []
    assert heal(tmp_path) == []


def test_a_fault_on_a_proxy_is_undone_by_its_own_run_and_by_no_other(
    testbed: LocalTestbed, state_dir: Path, tmp_path: Path
) -> None:
    link = testbed.actuator(NAIVE, a_link(DATABASE))
    link.set(SLOW)
    details = {"url": testbed.published(NAIVE)["toxiproxy"], "proxy": DATABASE}

    forged_ledger(tmp_path, "run-other", {"record": "undo", "how": "toxiproxy", "details": details})
    assert heal(tmp_path) == []
    assert link.get() == SLOW
    (run,) = holdings(state_dir)
    assert list(undo_faults(run, stays=True)) == ["healed link database: latency"]
    assert link.get() == LinkState()


def test_all_proxies_are_as_planned(testbed: LocalTestbed) -> None:
    for twin in TWINS:
        proxies = testbed.proxies(twin)
        assert proxies.read() == proxies.planned
        assert {*LINKS} < proxies.planned.keys()


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/proxies", {"name": "mine", "listen": "127.0.0.1:0", "upstream": "127.0.0.1:9"}),
        ("/proxies/payments/toxics", {"name": "x", "type": "latency", "attributes": {"latency": 1}}),
        ("/proxies/payments", {"enabled": False}),
        ("/proxies/payments", {"upstream": "127.0.0.1:9"}),
    ],
)
def test_whatever_somebody_else_does_to_a_proxy_shows(
    testbed: LocalTestbed, path: str, body: dict[str, Any]
) -> None:
    proxies, api = testbed.proxies(NAIVE), testbed.published(NAIVE)["toxiproxy"]
    try:
        urllib.request.urlopen(f"{api}{path}", data=json.dumps(body).encode(), timeout=5).close()
        assert proxies.read() != proxies.planned
    finally:
        upstream = {"upstream": proxies.planned[PAYMENTS].upstream, "enabled": True}
        data = json.dumps(upstream).encode()
        urllib.request.urlopen(f"{api}/proxies/{PAYMENTS}", data=data, timeout=5).close()
        with suppress(urllib.error.HTTPError):
            gone = urllib.request.Request(f"{api}/proxies/mine", method="DELETE")
            urllib.request.urlopen(gone, timeout=5).close()
        testbed.actuator(NAIVE, a_link(PAYMENTS)).set(LinkState())
    assert proxies.read() == proxies.planned


def test_a_toxic_made_by_hand_on_a_stack_left_up_is_seen_and_healed(holder: Any, tmp_path: Path) -> None:
    process, published = holder("run-by-hand", "linger")
    assert process.wait(ENDS_S) == 0
    heal(tmp_path)
    api = published[HARDENED]["toxiproxy"]
    misspelt = {"name": "slow_databse", "type": "latency", "stream": "upstream", "attributes": {"latency": 9}}
    data = json.dumps(misspelt).encode()
    urllib.request.urlopen(f"{api}/proxies/{DATABASE}/toxics", data=data, timeout=5).close()

    assert list(found_at(api)) == ["database: latency (upstream)"]
    assert list(found_at(published[NAIVE]["toxiproxy"])) == []
    assert heal(tmp_path) == ["healed link database: latency"]
    assert list(found_at(api)) == []


def test_a_stack_left_up_outlives_its_command_and_is_taken_down_by_name(holder: Any, tmp_path: Path) -> None:
    process, published = holder("run-lingering", "linger")
    assert process.wait(ENDS_S) == 0

    assert heal(tmp_path) == [f"healed link {link}: latency" for link in LINKS]
    assert heal(tmp_path) == []
    (run,) = holdings(tmp_path)
    assert run.standing
    assert run.published == published
    assert becomes_true(lambda: get(published[HARDENED]["edge"], "/readyz") == 200)

    assert take_down(tmp_path)
    assert processes_of("run-lingering") == []
    assert folders_of("run-lingering") == []
    assert holdings(tmp_path) == []


def test_a_stack_left_up_that_died_is_healed_away(holder: Any, tmp_path: Path) -> None:
    process, _published = holder("run-rebooted", "linger")
    process.wait(ENDS_S)
    killed = processes_of("run-rebooted")
    kill(killed)

    assert becomes_true(lambda: not any(run.standing for run in holdings(tmp_path)))
    assert len(memory_of(killed)) == len(TWINS)
    assert [line for line in heal(tmp_path) if line.startswith("removed")]
    assert memory_of(killed) == []
    assert folders_of("run-rebooted") == []


class TestLocalStores(StoresSuite):
    """On the stack that stands."""


class TestLocalCharges(ChargesSuite):
    """On the stack that stands."""
