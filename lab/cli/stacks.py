"""Commands about what stands and what lies around: up, down, ps, heal, clean."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping
from typing import Annotated

import typer

from lab import paths
from lab.cli import assembly
from lab.cli.arguments import Json, Runtime
from lab.cli.console import console
from lab.model import LabError, Stack
from lab.record import NoJournal
from lab.runtime.ownership.heal import heal as heal_all
from lab.runtime.ownership.heal import take_down
from lab.runtime.ownership.ledger import Holdings, holdings
from lab.runtime.ownership.lock import run_lock
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
        token_key=assembly.new_key(),
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
    print_curl(addresses, workload.token(stack.token_key))


def down() -> None:
    """Take down what `up` left running."""
    lines = take_down(paths.STATE)
    console.print("\n".join(lines) or "Nothing is up.", soft_wrap=True)


def ps(as_json: Json = False) -> None:
    """Show what stands: the twins left up, and a run that goes on."""
    found = [run for run in holdings(paths.STATE) if run.owner_alive or run.standing]
    if as_json:
        print(json.dumps([{"run": run.run, "published": run.published} for run in found], indent=2))
    elif not found:
        console.print("Nothing is up. Start both twins: bin/lab up")
    for run in found if not as_json else ():
        console.print(
            f"[bold]{run.run}[/], since {(time.time() - run.since) / 60:.0f} min, {len(run.owned)} parts"
        )
        if run.published:
            print_addresses(run.published)


def heal() -> None:
    """Finish what a killed run left behind: toxics, processes, containers, folders."""
    lines = heal_all(paths.STATE)
    console.print("\n".join(lines) or "Nothing to heal.", soft_wrap=True)


def clean(
    runs: Annotated[bool, typer.Option("--runs", help="Remove the kept runs, too.")] = False,
    images: Annotated[
        bool, typer.Option("--images", help="Remove the Docker images that the lab has built, too.")
    ] = False,
) -> None:
    """Heal, take down what is up, and remove the lab's own scratch files."""
    lines = [*heal_all(paths.STATE), *take_down(paths.STATE)]
    with run_lock(paths.STATE):
        if runs and paths.RUNS.is_dir():
            kept = [folder for folder in paths.RUNS.iterdir() if not folder.is_symlink()]
            shutil.rmtree(paths.RUNS)
            lines.append(f"removed {len(kept)} runs")
    if images:
        from lab.runtime.containers.images import remove_images  # few ever need the engine here

        lines += remove_images()
    shutil.rmtree(paths.STATE, ignore_errors=True)
    console.print("\n".join([*lines, "Clean."]), soft_wrap=True)


def standing() -> list[Holdings]:
    return [run for run in holdings(paths.STATE) if run.standing]


def print_addresses(addresses: Mapping[str, Mapping[str, str]]) -> None:
    for twin, places in addresses.items():
        for name, address in places.items():
            console.print(f"  {twin:<9} {name:<10} {address}", soft_wrap=True)


def print_curl(addresses: Mapping[str, Mapping[str, str]], token: str) -> None:
    """Lines to try: a read on each twin, and a fault on the first one's database."""
    bearer = f'-H "Authorization: Bearer {token}"'
    toxic = '{"type":"latency","attributes":{"latency":500}}'
    console.print(f"\nToken: {token}\n\nTry:", soft_wrap=True)
    for twin in addresses.values():
        console.print(f"  curl -s {bearer} '{twin['edge']}/users/?include=bookings'", soft_wrap=True)
    url = f"{next(iter(addresses.values()))['toxiproxy']}/proxies/database/toxics"
    console.print(f"  curl -s -d '{toxic}' {url}", soft_wrap=True)
    console.print("\nTake them down: bin/lab down")


COMMANDS = (up, down, ps, heal, clean)
