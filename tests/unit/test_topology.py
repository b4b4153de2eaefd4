"""A topology is a value that fits together, and both runtimes tell its parts the same."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from lab.model import (
    BALANCER,
    CACHE,
    DATABASE,
    EDGE,
    LINKS,
    PAYMENTS,
    POSTGRES,
    QUEUE,
    SERVICE,
    Balancing,
    LabError,
    Limits,
    Restarter,
    ServerProfile,
    Topology,
)
from lab.runtime.settings import balancer_environment, readiness, server_options, service_urls
from tests.standing import SECRETS

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "compose" / "run.yaml").read_text()
BALANCED = Topology(parts=(POSTGRES, PAYMENTS, BALANCER, CACHE), replicas=3)


def test_an_ordinary_twin_has_one_replica_and_three_links() -> None:
    assert Topology().links == (EDGE, DATABASE, PAYMENTS)
    assert Topology().members(SERVICE) == Topology().members(POSTGRES) == ("1",)


def test_a_part_brings_its_link_and_a_balancer_takes_the_place_behind_the_edge() -> None:
    assert BALANCED.links == (EDGE, DATABASE, PAYMENTS, CACHE)
    assert (Topology().behind(EDGE), BALANCED.behind(EDGE)) == (SERVICE, BALANCER)
    assert BALANCED.behind(DATABASE) == POSTGRES
    assert (BALANCED.members(SERVICE), BALANCED.members(BALANCER)) == (("1", "2", "3"), ("1",))


def test_people_read_what_a_twin_is_made_of() -> None:
    assert Topology().describe() == "the service, postgres, payments"
    limits = {CACHE: Limits(memory_mib=64, cpus=0.5)}
    busy = replace(BALANCED, restarter=Restarter(failures=2), limits=limits)
    assert busy.describe() == (
        "3 replicas of the service (restarted after 2 failed liveness probes, one every 1 s), "
        "postgres, payments, balancer, cache; cache: 0.5 CPUs and 64 MiB"
    )


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"parts": ("postgre",)}, "There is no part called postgre"),
        ({"limits": {"services": Limits(cpus=1)}}, "There is no part called services"),
        ({"replicas": 2}, "need a balancer"),
        ({"replicas": 0}, "replicas must be from 1"),
    ],
)
def test_what_does_not_fit_together_is_refused(wrong: dict[str, object], why: str) -> None:
    with pytest.raises(LabError, match=why):
        Topology(**wrong)  # type: ignore[arg-type]


def test_the_service_is_told_of_the_links_that_are_there_and_no_others() -> None:
    urls = service_urls({EDGE: "h:1", DATABASE: "h:2", CACHE: "h:3", QUEUE: "h:4"}, SECRETS)
    assert urls == {
        "DATABASE_URL": "postgresql://app:app-password@h:2/lab?require_auth=scram-sha-256",
        "CACHE_URL": "redis://:lab-password@h:3/0",
        "QUEUE_URL": "nats://lab-password@h:4",
    }


def test_a_profile_becomes_the_command_line() -> None:
    profile = ServerProfile(workers=3, threads=5, timeout_s=7)
    assert server_options(profile) == ("--workers", "3", "--threads", "5", "--timeout", "7")


@pytest.mark.parametrize("part", [CACHE, QUEUE])
def test_whoever_asks_whether_a_part_is_ready_shows_the_password(part: str) -> None:
    question, expected = readiness(part, "secret")
    assert "secret" in question
    assert expected not in question


def test_gunicorns_file_has_the_profile_of_an_ordinary_twin() -> None:
    settings = dict(
        re.findall(r"^(\w+) = (\d+)", (ROOT / "services" / "gunicorn.conf.py").read_text(), re.MULTILINE)
    )
    plain = ServerProfile()
    assert [settings[name] for name in ("workers", "threads", "timeout")] == [
        str(value) for value in (plain.workers, plain.threads, plain.timeout_s)
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [pair for pair in balancer_environment(Balancing(), ["x:1"]).items() if pair[0] != "UPSTREAMS"],
)
def test_the_caddyfile_begins_with_the_plain_balancing_and_a_run_passes_its_own(
    name: str, value: str
) -> None:
    plain = value.replace(".0s", "s")
    assert f"{{${name}:{plain}}}" in (ROOT / "compose" / "Caddyfile").read_text()
    assert f"{name}: ${{LAB_BALANCER_{name}-}}" in COMPOSE


@pytest.mark.parametrize("link", LINKS)
def test_toxiproxy_in_docker_has_a_proxy_for_every_link(link: str) -> None:
    assert f'"name": "{link}"' in (ROOT / "compose" / "toxiproxy.json").read_text()
