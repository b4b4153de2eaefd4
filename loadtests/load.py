"""`python -m loadtests.load load.config.json`: becomes Locust, headless, with the schedule that it is given."""

from __future__ import annotations

import os
import sys
from pathlib import Path

LOCUST_FILE = Path(__file__).with_name("open_loop.py")
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
    """Exec, so that the process that was started is the one that loads: a signal sent to it reaches Locust."""
    os.environ["LAB_LOAD_CONFIG"] = str(Path(config).resolve())
    command = [sys.executable, "-m", "locust", "-f", str(LOCUST_FILE), *HEADLESS]
    os.execv(sys.executable, command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1])
