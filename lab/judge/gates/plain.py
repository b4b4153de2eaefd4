"""A gate without a number: something was so, or it was not."""

from __future__ import annotations

from lab.model import Gate


def yes_or_no(name: str, passed: bool, sentence: str, twin: str = "") -> Gate:
    return Gate(name=name, passed=passed, value=None, limit=None, unit="", sentence=sentence, twin=twin)
