"""The one error that a user sees as a sentence."""


class LabError(Exception):
    """An error that the user can act on: the message names the thing and the next step."""

    exit_code = 2
