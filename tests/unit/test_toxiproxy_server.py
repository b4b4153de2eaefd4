"""Where the engine comes from. The compiler is a fake: a script that "builds" a script."""

import fcntl
import json
import os
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.model import LabError
from lab.runtime.toxiproxy import build as toxiproxy_build
from lab.runtime.toxiproxy import server as toxiproxy_server
from lab.runtime.toxiproxy.server import EMBEDDED, TOXIPROXY, Birthmark
from tests.no_entry import forbid

# The log lies beside the compiler: a build keeps no variable that it does not know.
FAKE_GO = """#!/bin/sh
echo built >>"$(dirname "$0")/log"
while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\\necho toxiproxy-server version 2.12.0\\n' >"$2"
chmod +x "$2"
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """A machine with a cache and an otherwise empty PATH, but for sh and its like."""
    (tmp_path / "bin").mkdir()
    return {
        "PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin",
        "LAB_CACHE": str(tmp_path / "cache"),
    }


def program(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def says(version: str) -> str:
    return f"#!/bin/sh\necho toxiproxy-server version {version}\n"


@pytest.fixture(autouse=True)
def no_installers(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test downloads a compiler."""

    def offline(*_: object) -> Path:
        raise LabError("no network")

    monkeypatch.setattr(toxiproxy_build, "_install_go", offline)


def builds(environ: dict[str, str]) -> int:
    log = Path(environ["PATH"].split(":")[0]) / "log"
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_the_word_embedded_asks_for_the_embedded_proxy(environ: dict[str, str]) -> None:
    engine = toxiproxy_server.find(environ | {"LAB_TOXIPROXY": EMBEDDED})
    assert (engine.name, engine.reason) == (EMBEDDED, "LAB_TOXIPROXY asks for it")


def test_a_named_server_is_taken_whatever_its_version(environ: dict[str, str], tmp_path: Path) -> None:
    mine = program(tmp_path / "mine", says("2.9.0"))
    engine = toxiproxy_server.find(environ | {"LAB_TOXIPROXY": str(mine)})
    assert (engine.name, engine.version, engine.argv) == (TOXIPROXY, "2.9.0", (str(mine),))


@pytest.mark.parametrize("text", ["#!/bin/sh\necho hello\n", "#!/bin/sh\nexit 1\n", "no program"])
def test_a_named_server_that_is_none_is_an_error(environ: dict[str, str], tmp_path: Path, text: str) -> None:
    with pytest.raises(LabError, match="not a Toxiproxy server"):
        toxiproxy_server.find(environ | {"LAB_TOXIPROXY": str(program(tmp_path / "mine", text))})


def test_a_server_of_the_series_on_path_is_taken(environ: dict[str, str], tmp_path: Path) -> None:
    program(tmp_path / "bin" / "toxiproxy-server", says("2.12.7"))
    assert toxiproxy_server.find(environ).reason == "found on PATH"


def test_an_older_server_on_path_is_passed_over_and_a_fresh_one_built(
    environ: dict[str, str], tmp_path: Path
) -> None:
    program(tmp_path / "bin" / "toxiproxy-server", says("2.9.0"))
    program(tmp_path / "bin" / "go", FAKE_GO)
    engine = toxiproxy_server.find(environ)
    assert (engine.name, engine.version) == (TOXIPROXY, "2.12.0")
    assert engine.argv == (str(toxiproxy_build.cached(environ)),)


def test_it_is_built_once(environ: dict[str, str], tmp_path: Path) -> None:
    program(tmp_path / "bin" / "go", FAKE_GO)
    first = toxiproxy_server.find(environ)
    assert toxiproxy_server.find(environ) == first
    assert builds(environ) == 1


def test_a_damaged_cache_is_built_again(environ: dict[str, str], tmp_path: Path) -> None:
    program(tmp_path / "bin" / "go", FAKE_GO)
    toxiproxy_server.find(environ)
    toxiproxy_build.cached(environ).write_text("half a file")
    assert toxiproxy_server.find(environ).name == TOXIPROXY
    assert builds(environ) == 2


def test_where_it_cannot_be_built_the_embedded_proxy_steps_in_and_says_why(
    environ: dict[str, str], tmp_path: Path
) -> None:
    program(tmp_path / "bin" / "go", "#!/bin/sh\necho 'dial: no route to host' >&2\nexit 1\n")
    engine = toxiproxy_server.find(environ)
    assert engine.name == EMBEDDED
    assert "no route to host" in engine.reason
    assert not toxiproxy_build.cached(environ).exists()


def test_a_failed_build_is_not_tried_again_at_once_but_after_a_while(
    environ: dict[str, str], tmp_path: Path
) -> None:
    program(tmp_path / "bin" / "go", '#!/bin/sh\necho built >>"$(dirname "$0")/log"\nexit 1\n')
    reasons = [toxiproxy_server.find(environ).reason for _ in range(2)]
    assert reasons[0] == reasons[1]
    assert builds(environ) == 1
    os.utime(toxiproxy_build.failure(environ), (0, 0))
    toxiproxy_server.find(environ)
    assert builds(environ) == 2


def test_a_cache_that_cannot_be_written_is_no_reason_to_stop(environ: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert toxiproxy_server.find(environ | {"LAB_CACHE": str(tmp_path / "file" / "cache")}).name == EMBEDDED


def test_looking_builds_nothing(environ: dict[str, str], tmp_path: Path) -> None:
    program(tmp_path / "bin" / "go", FAKE_GO)
    assert toxiproxy_server.look(environ) is None
    assert builds(environ) == 0


def test_a_command_names_address_and_birthmark_and_keeps_the_log_short(
    environ: dict[str, str], tmp_path: Path
) -> None:
    mark = Birthmark.of("test")
    path = mark.write(tmp_path)
    command = toxiproxy_server.find(environ | {"LAB_TOXIPROXY": EMBEDDED}).command("127.0.0.1", 8474, path)
    assert "LOG_LEVEL=error" in command
    assert command[-6:] == ["--host", "127.0.0.1", "--port", "8474", "--config", str(path)]


def test_where_nobody_answers_no_birthmark_is_seen() -> None:
    assert not Birthmark.of("test").seen_at("http://127.0.0.1:1")


@contextmanager
def answering(said: bytes) -> Iterator[str]:
    """The address of a program that answers the first question with `said`, whatever it was."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection = server.accept()[0]
            with connection:
                connection.recv(65_536)
                connection.sendall(said)

        answerer = threading.Thread(target=answer)
        answerer.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        answerer.join()


MARK = Birthmark(name="birthmark-test-0123")
OURS = {"name": MARK.name, "listen": MARK.listen, "upstream": MARK.upstream, "enabled": False, "toxics": []}


def ok(body: str) -> bytes:
    return f"HTTP/1.0 200 OK\r\n\r\n{body}".encode()


def test_a_birthmark_is_seen_at_the_server_that_has_it() -> None:
    with answering(ok(json.dumps(OURS))) as url:
        assert MARK.seen_at(url)


@pytest.mark.parametrize(
    "said",
    [
        ok("Welcome!"),
        ok(""),
        ok("[]"),
        ok("[" * 4_096),
        ok(json.dumps({})),
        ok(json.dumps({**OURS, "name": "database"})),
        ok(json.dumps({**OURS, "enabled": True})),
        b"HTTP/1.0 404 Not Found\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf",
        b"HTTP/1.0 200 OK\r\n" + b"X: y\r\n" * 200,
        b"",
    ],
)
def test_what_answers_anything_else_is_not_ours(said: bytes) -> None:
    with answering(said) as url:
        assert not MARK.seen_at(url)


def test_a_relative_path_is_told_from_where_the_user_stands(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path / "mine", says("2.12.0"))
    monkeypatch.chdir(tmp_path)
    engine = toxiproxy_server.find(environ | {"LAB_TOXIPROXY": "./mine"})
    assert engine.argv == (str(tmp_path / "mine"),)


@pytest.mark.parametrize(
    ("shell", "kept_in"),
    [
        ({"LAB_CACHE": "here"}, "{here}/here"),
        ({"XDG_CACHE_HOME": "{here}/caches"}, "{here}/caches/failure-lab"),
        ({"XDG_CACHE_HOME": "relative"}, "{home}/.cache/failure-lab"),
        ({"XDG_CACHE_HOME": "/proc/caches"}, "{venv}/cache"),
    ],
)
def test_what_is_built_is_kept_where_it_can_be(
    shell: dict[str, str], kept_in: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(toxiproxy_build.os, "access", lambda path, _mode: str(path) != "/proc")
    places = {"here": tmp_path, "home": tmp_path / "home", "venv": toxiproxy_build.ROOT / ".venv"}
    told = {name: value.format(**places) for name, value in shell.items()}
    assert str(toxiproxy_build.cache(told)) == kept_in.format(**places)


def test_a_user_without_home_and_name_keeps_it_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    def nameless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(toxiproxy_build.Path, "home", nameless)
    assert toxiproxy_build.cache({}) == toxiproxy_build.ROOT / ".venv" / "cache"


def test_a_home_that_may_not_be_entered_is_no_place_to_keep_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    forbid(tmp_path, monkeypatch)
    monkeypatch.setattr(os, "access", lambda path, _mode: path != tmp_path)
    assert toxiproxy_build.cache({}) == toxiproxy_build.ROOT / ".venv" / "cache"


def test_what_a_killed_build_left_is_removed_by_the_next(environ: dict[str, str], tmp_path: Path) -> None:
    left = toxiproxy_build.cached(environ).parent / "building-dead" / "wheel"
    left.mkdir(parents=True)
    program(tmp_path / "bin" / "go", FAKE_GO)
    toxiproxy_server.find(environ)
    assert not left.parent.exists()


def test_the_build_of_another_clone_is_waited_for_but_not_for_ever(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(toxiproxy_build, "WAIT_TIMEOUT_S", 0.3, raising=False)
    folder = toxiproxy_build.cached(environ).parent
    folder.mkdir(parents=True)
    with (folder / "lock").open("w") as held:  # as by one that is suspended
        fcntl.flock(held, fcntl.LOCK_EX)
        engine = toxiproxy_server.find(environ)
    assert engine.name == EMBEDDED
    assert "another build has not ended within 0.3 s" in engine.reason
    assert "waiting for it" in capsys.readouterr().err
