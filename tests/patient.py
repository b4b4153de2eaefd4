"""A twin as gunicorn loads it, but with time enough for each request: a busy machine must not decide its answers."""

import importlib

from tests.defended import PATIENT_S


def create_app(twin: str):
    """The app of `twin`."""
    app = importlib.import_module(f"services.{twin}.app").create_app()
    app.config["DEADLINE_S"] = PATIENT_S
    return app
