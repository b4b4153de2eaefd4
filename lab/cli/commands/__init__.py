"""What can be typed: each command with its arguments and their help.

Each imports what it needs when it is called, so that `lab --help` and completion are there at once.
For the same reason their annotations are not left as text (`from __future__ import annotations`): typer reads them all.
"""

from lab.cli.commands import campaigns, checking, looking, running, stacks

COMMANDS = (*looking.COMMANDS, *running.COMMANDS, *campaigns.COMMANDS, *checking.COMMANDS, *stacks.COMMANDS)
