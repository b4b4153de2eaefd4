"""The command line: parses, assembles, prints. It makes no decisions of its own.

Exit codes: 0 as the scenario expects, 1 known not to be as expected, 2 wrong usage or an unsuitable machine, 3 invalid,
inconclusive or not healed, 70 a bug in the lab itself or a damaged clone, 130 interrupted (healed, or the message says
what is left), 141 nobody read the output.
"""

import errno
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import Annotated, NoReturn, ParamSpec, TypeVar

import typer

from lab import __version__, paths
from lab.cli.commands import COMMANDS
from lab.cli.output import Gone, printable
from lab.errors import LabError, notes_of

OURS, INTERRUPTED, UNREAD = 70, 130, 141
COMPLETION = "_LAB_COMPLETE"  # set by the shell that wants to complete a line

P = ParamSpec("P")
T = TypeVar("T")

app = typer.Typer(
    name="lab",
    help="Failure Lab: break a naive service and its hardened twin on purpose, and see which defence helps.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _reading_on(command: Callable[P, T]) -> Callable[P, T]:
    """`command` without the errors for which typer has an exit code of its own: 1, which would be a verdict."""

    @wraps(command)
    def told(*args: P.args, **options: P.kwargs) -> T:
        try:
            return command(*args, **options)
        except BrokenPipeError as error:  # nobody reads its output
            raise Gone from error
        except EOFError as error:
            raise RuntimeError(str(error)) from error

    return told


for command in COMMANDS:
    app.command(command.__name__.rstrip("_"))(_reading_on(command))


def _version(asked: bool) -> None:
    if asked:
        print(f"failure-lab {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line and exit. What a user can fix is one sentence on stderr, never a traceback."""
    try:
        app(prog_name=program())
    except LabError as error:
        fail("\n".join([str(error), *notes_of(error)]), error.exit_code)
    except SystemExit as leaving:
        if leaving.code == INTERRUPTED:  # typer turns KeyboardInterrupt into this
            fail(interrupted(), INTERRUPTED)
        if isinstance(leaving.__context__, BrokenPipeError):  # while typer printed its help
            _forget_output()
            sys.exit(UNREAD)
        _last_words()
        raise
    except Gone:
        _forget_output()
        sys.exit(UNREAD)
    except OSError as error:
        try:
            sys.stdout.flush()
        except OSError:  # it was the output that could not be written
            _forget_output()
        fail("\n".join([sentence(error), *notes_of(error)]), 2)
    except Exception:  # noqa: BLE001 - whatever it is, its exit code must not pass for a verdict
        traceback.print_exc()
        fail("This is a bug in the lab itself. Please report it, with the lines above.", OURS)


def program() -> str:
    """The name in usage lines. For completion the bare name: the shell variable made from it can hold no slash."""
    completing = COMPLETION in os.environ or any("completion" in word for word in sys.argv[1:2])
    return "lab" if completing else "bin/lab"


def interrupted() -> str:
    """What to say after an interrupt: by what is left of what was running, ours or of a lab that has ended.

    One that has ended may be that of a self-check: the interrupt killed it, and its guardian is healing.
    """
    from lab.runtime.ownership.ledger import Holdings, holdings  # only now: few commands need it

    left: list[Holdings] = []
    with suppress(OSError):  # the whole folder is somebody else's, so nothing in it is ours
        known = [run for state in paths.states() for run in holdings(state) if run.genuine]
        left = [run for run in known if run.owner_pid == os.getpid() or not run.owner_alive]
    if not all(run.standing for run in left):
        return "Interrupted before healing ended. The run's guardian does the rest; to check: bin/lab heal"
    if left:
        return "Interrupted. The twins that are up stay up; to stop them: bin/lab down"
    return "Interrupted. Everything is healed and stopped."


def sentence(error: OSError) -> str:
    """An error of the operating system as one sentence with the next step."""
    what = f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
    room = "Free some space, or remove old runs: bin/lab clean --runs"
    step = {
        errno.ENOSPC: room,
        errno.EDQUOT: room,
        errno.EACCES: "Get write permission there, or work in a clone of your own.",
        errno.EROFS: "Work in a clone on a writable file system.",
        errno.EADDRINUSE: "Another program is using the port; try again, and the lab will choose a free one.",
        errno.EMFILE: "Allow more open files, then try again: ulimit -n 4096",
        errno.ENFILE: "The machine has too many open files; end some programs, then try again.",
        errno.EAGAIN: "The machine allows no more processes; end some programs, then try again.",
        errno.ENOMEM: "The machine has no memory left; end some programs, then try again.",
    }.get(error.errno or 0, "See: bin/lab doctor")
    return f"{what}. {step}"


def fail(message: str, code: int) -> NoReturn:
    print(f"lab: {printable(message)}", file=sys.stderr)
    sys.exit(code)


def _last_words() -> None:
    """Flush what was printed, and exit with the right code and message if that fails."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_output()
        sys.exit(UNREAD)
    except OSError as error:
        _forget_output()
        fail(sentence(error), 2)


def _forget_output() -> None:
    """Python would try once more on its way out, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
