"""`python -m lab`: the command line."""

import gc
import sys

INTERRUPTED, OURS = 130, 70

# Most of what the lab makes is there to stay: classes while modules are loaded, then what a run records.
gc.set_threshold(10_000)

try:
    from lab.shell import settle

    settle()
    from lab.cli import main
except KeyboardInterrupt:  # before anything was begun
    print("lab: Interrupted.", file=sys.stderr)  # noqa: T201
    sys.exit(INTERRUPTED)
except Exception as error:  # noqa: BLE001 - Python's own exit code for it, 1, would be a verdict
    print(  # noqa: T201
        f"lab: The lab cannot be loaded ({type(error).__name__}: {error}). If you have not changed its files, remove "
        "the folder .venv of this clone: the next command sets it up again.",
        file=sys.stderr,
    )
    sys.exit(OURS)

try:
    main()
except KeyboardInterrupt:
    print("lab: Interrupted.", file=sys.stderr)  # noqa: T201
    sys.exit(INTERRUPTED)
