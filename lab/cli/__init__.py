"""The command line: parses, assembles, prints. It makes no decisions of its own.

Exit codes: 0 as the scenario expects, 1 not as expected, 2 usage, 3 invalid or inconclusive, 130
interrupted (healed).
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from types import FrameType

import typer

from lab.cli import campaigns, looking, matrix, running, stacks
from lab.model import LabError

INTERRUPTED = 130
COMPLETION = "_LAB_COMPLETE"  # set by the shell that wants to complete a line

app = typer.Typer(
    name="lab",
    help="Failure Lab: break a naive service and its hardened twin on purpose, and see which defence helps.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for commands in (looking.COMMANDS, running.COMMANDS, campaigns.COMMANDS, matrix.COMMANDS, stacks.COMMANDS):
    for command in commands:
        app.command(command.__name__.rstrip("_"))(command)


def main() -> None:
    """Run the command line and exit. What a user can fix is one sentence on stderr, never a traceback."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        app(prog_name=program())
    except LabError as error:
        fail(str(error), error.exit_code)
    except SystemExit as leaving:
        if leaving.code == INTERRUPTED:  # typer made this of the KeyboardInterrupt
            fail("Interrupted. Everything is healed and stopped.", INTERRUPTED)
        raise
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        fail(sentence(error), 2)


def program() -> str:
    """The name in usage lines. Shells complete by the bare name: the variable made of it can hold no slash."""
    completing = COMPLETION in os.environ or any("completion" in word for word in sys.argv[1:2])
    return "lab" if completing else "bin/lab"


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def sentence(error: OSError) -> str:
    """An error of the operating system as one sentence with the next step."""
    what = f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
    step = {
        errno.ENOSPC: "Free some space, or remove old runs: bin/lab clean --runs",
        errno.EACCES: "Give yourself the right to write there, or work in a clone of your own.",
        errno.EROFS: "Work in a clone on a file system that can be written.",
        errno.EADDRINUSE: "Another program has the port; try again, the lab looks for a free one.",
    }.get(error.errno or 0, "See: bin/lab doctor")
    return f"{what}. {step}"


def fail(message: str, code: int) -> None:
    print(f"lab: {message}", file=sys.stderr)
    sys.exit(code)
