"""`python -m lab`: the command line."""

import sys

INTERRUPTED = 130

try:
    from lab.shell import settle

    interrupts = settle()
    from lab.cli import main

    main(interrupts)
except KeyboardInterrupt:  # before anything was begun
    print("lab: Interrupted.", file=sys.stderr)  # noqa: T201
    sys.exit(INTERRUPTED)
