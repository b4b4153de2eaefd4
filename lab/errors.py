"""The one error that a user sees as a sentence."""


class LabError(Exception):
    """An error that the user can act on: the message names the thing and the next step."""

    exit_code = 2


class Spoiled(LabError):
    """Something that the measurement needs has ended mid-run: no twin can be judged."""

    exit_code = 3


class Unhealed(LabError):
    """Something that a run left behind cannot be healed just now."""

    exit_code = 3
