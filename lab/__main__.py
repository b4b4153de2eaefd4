"""`python -m lab`: the command line."""

import gc
import sys

INTERRUPTED = 130

# Most of what the lab makes is there to stay: classes while modules are loaded, then what a run records.
gc.set_threshold(10_000)

try:
    from lab.shell import settle

    settle()
    from lab.cli import main

    main()
except KeyboardInterrupt:  # before anything was begun
    print("lab: Interrupted.", file=sys.stderr)  # noqa: T201
    sys.exit(INTERRUPTED)
