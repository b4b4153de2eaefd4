"""Which of the images that were built here stay: those that a clone uses.

A clone marks each image that it uses with a tag of its own beside the image's: REFERENCE.CLONE. So clones on one engine
share what was built from equal sources, and none removes what another one uses.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase

from docker.errors import APIError

from lab.paths import ROOT
from lab.runtime.containers.engine import answering, client

INPUTS_LABEL = "failure-lab.inputs"  # on every image that is built here, and on its stages
CLAIM = re.compile(r"\.[0-9a-f]{8}$")


def claim(references: Iterable[str]) -> None:
    """Mark the images called `references` as used by this clone."""
    with answering():
        for reference in references:
            image, mine = client().images.get(reference), claimed(reference)
            if mine not in image.tags:
                repository, _, tag = mine.rpartition(":")
                image.tag(repository, tag=tag)


def claimed(reference: str) -> str:
    """The tag by which this clone marks the image called `reference`: clones differ in their paths."""
    return f"{reference}.{hashlib.sha256(os.fsencode(ROOT)).hexdigest()[:8]}"


def remove_outdated(references: Iterable[str]) -> None:
    """Our own images of other sources than `references`, but for those that another clone or a container still uses."""
    with answering():
        for reference in references:
            _untag(_outdated(_tags(reference.rpartition(":")[0]), reference))
        _prune()


def remove_images() -> list[str]:
    """Every image that was built here, base images included; says which went. Those that were pulled stay."""
    with answering():
        # Claims first: as long as an image has another tag, the engine takes one away even while a container uses it.
        gone = _untag(sorted(_tags("failure-lab/*"), key=lambda tag: not CLAIM.search(tag)))
        _prune()
    return [f"removed image {tag}" for tag in gone if not CLAIM.search(tag)]


def _outdated(tags: Sequence[str], wanted: str) -> list[str]:
    """Of `tags`, the claims of this clone to others than `wanted`, then the images that nobody claims any more."""
    claims = {tag for tag in tags if CLAIM.search(tag)}
    images = {tag: tag.rpartition(".")[0] for tag in claims}
    given_up = [tag for tag, image in images.items() if tag == claimed(image) and image != wanted]
    used = {wanted, *(image for tag, image in images.items() if tag not in given_up)}
    return [*given_up, *(tag for tag in tags if tag not in claims | used)]


def _prune() -> None:
    """Images of ours without a name: another has taken it, or they were a stage of a build."""
    client().images.prune(filters={"dangling": True, "label": INPUTS_LABEL})


def _tags(pattern: str) -> list[str]:
    """The tags whose repository fits `pattern`: an image that has one is listed with all of its tags."""
    tags = [tag for image in client().images.list(name=pattern) for tag in image.tags]
    return [tag for tag in tags if fnmatchcase(tag.rpartition(":")[0], pattern)]


def _untag(tags: Iterable[str]) -> list[str]:
    """Which went: an image that a container uses stays."""
    gone = []
    for tag in tags:
        with suppress(APIError):
            client().images.remove(tag)
            gone.append(tag)
    return gone
