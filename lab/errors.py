"""The one error that a user sees as a sentence, and how a second one is told beside it."""

from collections.abc import Iterator
from contextlib import contextmanager


class LabError(Exception):
    """An error that the user can act on: the message names the thing and the next step."""

    exit_code = 2


class Unfit(LabError):
    """A parameter has a value that does not fit. `parameters`: the names of all that it depends on."""

    def __init__(self, sentence: str, *parameters: str) -> None:
        super().__init__(sentence)
        self.parameters = parameters


class Spoiled(LabError):
    """Something that the measurement needs has ended mid-run: no twin can be judged."""

    exit_code = 3


class Unhealed(LabError):
    """Something that a run left behind cannot be healed just now."""

    exit_code = 3


@contextmanager
def told_beside(error: BaseException) -> Iterator[None]:
    """For tidying up after `error`: a LabError inside the block does not hide it, but becomes a note of it."""
    try:
        yield
    except LabError as also:
        error.add_note(str(also))


def notes_of(error: BaseException) -> list[str]:
    """What was noted on `error` and on what has caused it, each once."""
    notes: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        notes += getattr(cause, "__notes__", ())
        cause = cause.__cause__
    return list(dict.fromkeys(notes))
