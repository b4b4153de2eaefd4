"""Settings, from the environment."""

import os


def load():
    """The app's settings by name."""
    return {
        "DATABASE_URL": os.environ["DATABASE_URL"],
        "PAYMENTS_URL": os.environ["PAYMENTS_URL"],
        "TOKEN_KEY": os.environ["TOKEN_KEY"],
    }
