"""What may be printed, and what happens if nobody reads it. Commands that draw no table need no more than this."""

from __future__ import annotations

import unicodedata

REPLACED = "\ufffd"
UNPRINTABLE = (
    "Cc",
    "Cf",
    "Cs",
)  # control characters, marks that change the direction of text, halves of surrogate pairs


class Gone(Exception):
    """The answer went into a pipe whose reader has ended."""


def printable(text: str) -> str:
    """`text` with REPLACED for each character that would act on the terminal instead of being shown."""
    if text.isprintable():
        return text
    return "".join(
        char if char in "\n\t" or unicodedata.category(char) not in UNPRINTABLE else REPLACED for char in text
    )
