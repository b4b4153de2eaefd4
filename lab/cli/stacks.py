"""Commands about what stands and what lies around: up, down, ps, heal, clean."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from lab import paths
from lab.cli import assembly
from lab.cli.arguments import Json, Runtime
from lab.cli.console import console
from lab.model import LabError, Secrets, Stack
from lab.record import NoJournal
from lab.runtime.ownership.heal import heal as heal_all
from lab.runtime.ownership.heal import take_down
from lab.runtime.ownership.ledger import Holdings, holdings
from lab.runtime.ownership.lock import run_lock
from lab.runtime.toxiproxy.tampering import found_at
from lab.workload.booking import BOOKING

UP = "up"


def up(
    runtime: Runtime = "auto",
    defences: Annotated[str, typer.Option(help="What is on in twins that have defences.")] = "all",
) -> None:
    """Leave both twins and their proxies running, and tell how to reach them."""
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
        heal_all(paths.STATE)
        if standing():
            raise LabError("Twins are up already. See: bin/lab ps. Take them down first: bin/lab down")
        testbed = assembly.testbed(runtime, stack, workload, frozenset())
        console.print(f"starting both twins on the {testbed.runtime} runtime", style="dim")
        testbed.up(NoJournal())
    addresses = {twin.name: testbed.published(twin.name) for twin in stack.twins}
    print_addresses(addresses)
    print_lines_to_try(addresses, write_header(workload.token(stack.secrets.token_key)))


def down() -> None:
    """Take down what `up` left running."""
    lines = take_down(paths.STATE)
    header().unlink(missing_ok=True)
    console.print("\n".join(lines) or "Nothing is up.", soft_wrap=True)


def ps(as_json: Json = False) -> None:
    """Show what stands: the twins left up, and a run that goes on."""
    found = [run for run in holdings(paths.STATE) if run.genuine and (run.owner_alive or run.standing)]
    if as_json:
        told = [{"run": run.run, "published": run.published, "broken": broken(run)} for run in found]
        print(json.dumps(told, indent=2))
    elif not found:
        console.print("Nothing is up. Start both twins: bin/lab up")
    for run in found if not as_json else ():
        console.print(
            f"[bold]{run.run}[/], since {(time.time() - run.since) / 60:.0f} min, {len(run.owned)} parts"
        )
        if run.published:
            print_addresses(run.published)
        if lines := broken(run):
            console.print("\n".join(("Broken just now:", *(f"  {line}" for line in lines))), soft_wrap=True)
            console.print("Put it right: bin/lab heal")


def heal() -> None:
    """Finish what a killed run left behind: toxics, processes, containers, folders."""
    lines = heal_all(paths.STATE)
    console.print("\n".join(lines) or "Nothing to heal.", soft_wrap=True)


def clean(
    runs: Annotated[bool, typer.Option("--runs", help="Remove the kept runs, too.")] = False,
) -> None:
    """Heal, take down what is up, and remove the lab's own scratch files."""
    lines = [*heal_all(paths.STATE), *take_down(paths.STATE)]
    with run_lock(paths.STATE):
        if runs and paths.RUNS.is_dir():
            kept = [folder for folder in paths.RUNS.iterdir() if not folder.is_symlink()]
            shutil.rmtree(paths.RUNS)
            lines.append(f"removed {len(kept)} runs")
    shutil.rmtree(paths.STATE, ignore_errors=True)
    console.print("\n".join([*lines, "Clean."]), soft_wrap=True)


def standing() -> list[Holdings]:
    return [run for run in holdings(paths.STATE) if run.standing]


def print_addresses(addresses: Mapping[str, Mapping[str, str]]) -> None:
    for twin, places in addresses.items():
        for name, address in places.items():
            console.print(f"  {twin:<9} {name:<10} {address}", soft_wrap=True)


def broken(run: Holdings) -> list[str]:
    """What is wrong with the proxies of a stack that was left up, whoever did it, a line each."""
    lines = []
    for twin, places in (run.published or {}).items():
        try:
            lines += [f"{twin} {line}" for line in found_at(places["toxiproxy"])]
        except LabError as error:
            lines.append(f"{twin} {error}")
    return lines


def print_lines_to_try(addresses: Mapping[str, Mapping[str, str]], token_file: Path) -> None:
    """A read on each twin, a look into its database, and a fault on the first one's link to it."""
    bearer = f"-H @{shlex.quote(str(token_file))}"
    toxic = '{"type":"latency","attributes":{"latency":500}}'
    console.print(f"\nThe token is in {token_file}, for you alone. Try:", soft_wrap=True)
    for twin in addresses.values():
        console.print(f"  curl -s {bearer} '{twin['edge']}/users/?include=bookings'", soft_wrap=True)
    url = f"{next(iter(addresses.values()))['toxiproxy']}/proxies/database/toxics"
    console.print(f"  curl -s -d '{toxic}' {url}", soft_wrap=True)
    console.print("\nPut right what you broke: bin/lab heal. Take them down: bin/lab down")


def write_header(token: str) -> Path:
    """The token as a header in a file for curl: everybody on the machine can read its command line."""
    path = header()
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"Authorization: Bearer {token}\n")
    return path


def header() -> Path:
    return paths.STATE / "up.header"


COMMANDS = (up, down, ps, heal, clean)
