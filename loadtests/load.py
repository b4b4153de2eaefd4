"""`python -m loadtests.load load.config.json`: becomes a headless Locust that plays the given schedule."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

LOCUST_FILE = Path(__file__).with_name("open_loop.py")
OPEN_FILES = 8_192  # twice the limit of requests in flight; on macOS an "unlimited" hard limit is not usable
HEADLESS = (
    "--headless",
    "--users",
    "1",
    "--only-summary",
    "--loglevel",
    "WARNING",
    "--exit-code-on-error",
    "0",
)


def main(config: str) -> None:
    """Replace this process by Locust, so that signals sent to it reach Locust."""
    allow_open_files()
    os.environ["LAB_LOAD_CONFIG"] = str(Path(config).resolve())
    command = [sys.executable, "-m", "locust", "-f", str(LOCUST_FILE), *HEADLESS]
    os.execv(sys.executable, command)  # noqa: S606 - no shell is wanted


def allow_open_files() -> None:
    """As many as allowed: a hanging service holds a connection for each request."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


if __name__ == "__main__":
    main(sys.argv[1])
