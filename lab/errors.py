"""The one error that a user sees as a sentence."""


class LabError(Exception):
    """An error that the user can act on: the message names the thing and the next step."""

    exit_code = 2


class Spoiled(LabError):
    """Something without which nothing is measured has gone in mid-run: nobody can be judged."""

    exit_code = 3


class Unhealed(LabError):
    """Something that a run left cannot be put right just now."""

    exit_code = 3
