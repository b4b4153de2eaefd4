"""Starts twins to play with, shows what is running, and stops it."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Mapping
from pathlib import Path

from rich.text import Text

from lab import paths
from lab.cli import assembly
from lab.cli.console import console, say, told
from lab.cli.healed import say_all, tell_failures
from lab.model import LabError, Secrets, Stack, told_beside
from lab.ports import Testbed
from lab.record import NoJournal
from lab.runtime.ownership import foreign
from lab.runtime.ownership.heal import heal as heal_all
from lab.runtime.ownership.heal import take_down
from lab.runtime.ownership.ledger import CONTAINER, PROCESS, Holdings, holdings
from lab.runtime.ownership.lock import run_lock
from lab.runtime.ownership.stopped import Stopped, stopped
from lab.runtime.toxiproxy.tampering import found_at
from lab.workload.booking import BOOKING

UP = "up"


def bring_up(runtime: str, defences: str) -> None:
    """Start both twins and their proxies, leave them running, and print how to reach them."""
    workload = BOOKING
    stack = Stack(
        run=assembly.new_run(UP),
        workload=workload.name,
        twins=assembly.twins(workload, (), defences),
        sizes=workload.sizes,
        secrets=Secrets.fresh(),
        linger=True,
    )
    with run_lock(paths.STATE):
        tell_failures(heal_all(paths.STATE))
        if standing():
            raise LabError("Twins are already running (see: bin/lab ps). Stop them first: bin/lab down")
        testbed = assembly.testbed(runtime, stack, workload, frozenset())
        told(f"Starting both twins on the {testbed.runtime} runtime …")
        try:
            testbed.up(NoJournal())
            tell_how_to_reach(testbed, stack, workload.token(stack.secrets.token_key))
        except BaseException as error:  # an interrupt too: nothing runs that nobody was told of
            with told_beside(error):
                testbed.down()
            header().unlink(missing_ok=True)
            raise


def tell_how_to_reach(testbed: Testbed, stack: Stack, token: str) -> None:
    """Print the addresses of a stack that is up, and what to try there."""
    addresses = {twin.name: testbed.published(twin.name) for twin in stack.twins}
    token_file = write_header(token)
    print_addresses(addresses)
    print_experiment(addresses, token_file)


def take_all_down() -> None:
    lines = take_down(paths.STATE)
    header().unlink(missing_ok=True)
    say_all(lines, "Nothing is running.")


def heal_and_tell() -> None:
    say_all([line for state in paths.states() for line in heal_all(state)], "Nothing to heal.")


def print_standing(*, as_json: bool) -> None:
    """What is running, which of its parts have stopped, and which of its links are broken."""
    known = [run for state in paths.states() for run in holdings(state) if run.genuine]
    found = [run for run in known if not run.leftover]
    if as_json:
        print(json.dumps([told_of(run) for run in found], indent=2))
        return
    for line in (line for state in paths.states() for line in foreign.told_of(state)):
        say(line, style="red")
    if not found:
        console.print("Nothing is running. Start both twins: bin/lab up")
    for run in (run for run in known if run.leftover):
        say(f"left over: {run.run}. Clean up: bin/lab heal", style="red")
    for run in found:
        parts = sum(thing.kind in (PROCESS, CONTAINER) for thing in run.owned)
        age = f", up for {(time.time() - run.since) / 60:.0f} min, {parts} parts"
        console.print(Text.assemble((run.run, "bold"), age))
        for line in not_running(run):
            say(f"  {line}", style="red")
        wrong, silent = broken(run)
        for line in wrong:
            say(f"  broken: {line}. Undo it: bin/lab heal", style="red")
        for line in silent:
            say(f"  {line}", style="red")
        if run.published:
            print_addresses(run.published)


def not_running(run: Holdings) -> list[str]:
    """Parts of a stack that are dead or paused without having been asked to be, a line each, with the next step."""
    steps = {True: " Start it again: bin/lab heal", False: " Start afresh: bin/lab down, then bin/lab up"}
    try:
        found = stopped(run)
    except LabError as error:
        return [f"unknown: {error}"]
    return [f"{one.how}: {one.name}.{steps[one.healable] if run.standing else ''}" for one in found]


def broken(run: Holdings) -> tuple[list[str], list[str]]:
    """Of a stack that was left running: what is wrong with its proxies, whoever did it, and which cannot be asked."""
    wrong: list[str] = []
    silent: list[str] = []
    for twin, places in (run.published or {}).items():
        try:
            wrong += [f"{twin} {line}" for line in found_at(places["toxiproxy"])]
        except LabError:
            silent.append(f"{twin}: its Toxiproxy does not answer")
    return wrong, silent


def told_of(run: Holdings) -> dict[str, object]:
    found: list[Stopped] = []
    unknown = ""
    wrong, silent = broken(run)
    try:
        found = stopped(run)
    except LabError as error:
        unknown = str(error)
    return {
        "run": run.run,
        "published": run.published,
        "not_running": {one.name: one.how for one in found},
        "unknown": unknown,
        "broken": wrong + silent,
    }


def standing() -> list[Holdings]:
    return [run for run in holdings(paths.STATE) if run.standing]


def print_addresses(addresses: Mapping[str, Mapping[str, str]]) -> None:
    for twin, places in addresses.items():
        for name, address in places.items():
            say(f"  {twin:<9} {name:<10} {address}")


def print_experiment(addresses: Mapping[str, Mapping[str, str]], token_file: Path) -> None:
    """Lines to try, in this order: how long a page takes, the same over a slow link, and back."""
    say(f"\nThe token is in {token_file}, which only you can read.")
    toxic = shlex.quote(json.dumps({"name": "slow", "type": "latency", "attributes": {"latency": 100}}))
    links = {twin: f"{places['toxiproxy']}/proxies/database/toxics" for twin, places in addresses.items()}
    timed = 'curl -s -o /dev/null -w "{twin} %{{time_total}} s\\n" -H @"$TOKEN"'
    reads = [
        f"{timed.format(twin=twin)} '{places['edge']}/users/?include=bookings'"
        for twin, places in addresses.items()
    ]
    steps = {
        "Time the same page on each twin, twice, because the first request is slower:": [
            f"TOKEN={shlex.quote(str(token_file))}",
            *reads,
        ],
        "Delay the answers of both databases by 100 ms:": [
            f"curl -s -d {toxic} {link}; echo" for link in links.values()
        ],
        "Time them again. One twin queries once for each user, the other once for all users:": reads,
        "Undo it, as bin/lab heal would:": [f"curl -s -X DELETE {link}/slow" for link in links.values()],
    }
    for number, (step, lines) in enumerate(steps.items(), 1):
        say("\n".join([f"\n{number}. {step}", *(f"   {line}" for line in lines)]))
    say("\nStop them: bin/lab down")


def write_header(token: str) -> Path:
    """The token as a header in a file for curl, because everybody on the machine can read a command line."""
    path = header()
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"Authorization: Bearer {token}\n")
    return path


def header() -> Path:
    return paths.STATE / "up.header"
