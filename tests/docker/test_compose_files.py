"""What holds for every service of both stacks, a run's and the one by hand, as Compose understands the files."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import replace
from typing import Any

import pytest

from lab.model import BALANCER, CACHE, QUEUE, WORKER, Secrets
from lab.paths import ROOT
from lab.runtime.containers.images import BASES, Images
from lab.runtime.containers.project import FILES, Project, Published
from tests.topologies import PLANS, WORKING, everything

pytestmark = pytest.mark.usefixtures("needs_docker")

BY_HAND = ("-f", "compose/compose.yaml")
RUN = [word for file in FILES for word in ("-f", str(file))]
PROFILES = [word for part in (BALANCER, CACHE, QUEUE, WORKER) for word in ("--profile", part)]
PUBLIC_MAX = 32768
IMAGES = Images(service="s:1", load="l:1", **{name: f"{name}:1" for name in BASES})


def project(images: Images = IMAGES) -> Project:
    ports = Published(edge=7001, toxiproxy=7002)
    stack = everything("compose-files")
    return Project(plan=PLANS[0], stack=stack, workload=WORKING, images=images, published=ports)


def configured(words: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = ["docker", "compose", *words, "config", "--format", "json"]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


def shell(**extra: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    return {**kept, **extra}


def by_hand() -> Any:
    return json.loads(configured(list(BY_HAND), shell()).stdout)


def of_a_run() -> Any:
    done = configured([*RUN, *PROFILES], dict(project()._environment()))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("stack", [by_hand, of_a_run])
def test_every_service_has_limits_rotates_its_log_and_may_do_no_more_than_it_must(stack: Any) -> None:
    services = stack()["services"]
    assert len(services) == 10 if stack is by_hand else 9
    for name, service in services.items():
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name
        assert service["mem_limit"] == service["memswap_limit"], name
        assert float(service["cpus"]) > 0, name
        assert service["pids_limit"] > 0, name
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["user"].partition(":")[0] not in ("", "0", "root"), name


@pytest.mark.parametrize("stack", [by_hand, of_a_run])
def test_every_network_is_internal_but_the_door_of_each_toxiproxy(stack: Any) -> None:
    found = stack()
    doors = {name for name, network in found["networks"].items() if not network.get("internal")}
    assert doors == {"door"}
    options = {key.rpartition(".")[2]: on for key, on in found["networks"]["door"]["driver_opts"].items()}
    assert options == {"enable_icc": "false", "enable_ip_masquerade": "false"}
    for name, service in found["services"].items():
        assert ("door" in service["networks"]) == name.endswith("toxiproxy") == ("ports" in service), name
        for port in service.get("ports", ()):
            assert port["host_ip"] == "127.0.0.1"
            assert int(port["published"]) < PUBLIC_MAX


def test_by_hand_every_image_is_one_version_and_one_service_builds_for_all() -> None:
    services = by_hand()["services"]
    built = [service["image"] for service in services.values() if "build" in service]
    assert len(built) == 1
    others = {service["image"] for service in services.values()} - set(built)
    assert [image for image in others if not re.search(r":\d+\.\d+", image)] == []


def test_both_twins_by_hand_differ_in_nothing_but_their_code() -> None:
    services = by_hand()["services"]
    differ = {"networks", "depends_on", "ports", "volumes", "build"}
    for part in ("postgres", "payments", "toxiproxy", "seed", "service"):
        naive, hardened = services[f"naive-{part}"], services[f"hardened-{part}"]
        same = {key for key in naive.keys() | hardened.keys() if naive.get(key) == hardened.get(key)}
        theirs = {"environment"} if part in ("seed", "service") else set()
        assert (naive.keys() | hardened.keys()) - same <= differ | theirs
        if theirs:
            ones, others = (set(service["environment"].items()) for service in (naive, hardened))
            assert {name for name, _ in ones ^ others} <= {"SCHEMA", "DEFENCES", "APP"}


@pytest.mark.parametrize("name", ["OWNER_PASSWORD", "APP_PASSWORD", "PROBE_PASSWORD", "TOKEN_KEY"])
def test_a_run_has_no_secret_but_its_own(name: str) -> None:
    env = dict(project()._environment())
    del env[f"LAB_{name}"]
    done = configured(RUN, env)
    assert done.returncode != 0
    assert f"LAB_{name} is missing" in done.stderr


def test_a_run_does_not_see_the_passwords_of_a_stack_by_hand() -> None:
    lines = (ROOT / "compose" / ".env").read_text().splitlines()
    known = [line.partition("=")[2] for line in lines if re.match(r"LAB_\w+_(PASSWORD|KEY)=", line)]
    drawn = Secrets.fresh()
    run = replace(project(), stack=replace(everything("compose-files"), secrets=drawn))
    done = configured([*RUN, *PROFILES], dict(run._environment()))
    assert [secret for secret in known if f'"{secret}"' in done.stdout or f":{secret}@" in done.stdout] == []
    assert drawn.owner in done.stdout


def test_a_shell_changes_nothing_of_a_stack_by_hand_but_what_it_names() -> None:
    noise = {
        "CPUS": "0.1",
        "SERVICE_MEMORY": "7m",
        "PASSWORD": "x",
        "DEFENCES": "none",
        "TWIN": "x",
        "RUN": "x",
    }
    plain = configured(list(BY_HAND), shell()).stdout
    assert configured(list(BY_HAND), shell(**noise)).stdout == plain
    assert "18000" in configured(list(BY_HAND), shell(LAB_NAIVE_PORT="18000")).stdout
