"""What can be typed: each command with its arguments and their help.

Each imports what it needs when it is called, so that `lab --help` and completion are there at once.
"""

from lab.cli.commands import campaigns, checking, looking, running, stacks

COMMANDS = (*looking.COMMANDS, *running.COMMANDS, *campaigns.COMMANDS, *checking.COMMANDS, *stacks.COMMANDS)
