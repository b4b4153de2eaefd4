"""Commands that make many runs and compare them: ablate, sweep, matrix."""

from typing import Annotated

import typer

from lab.cli.arguments import Again, Json, Page, Runtime, ScenarioName, Seed, Settings

Full = Annotated[bool, typer.Option("--full", help="Full-length runs instead of quick ones.")]
New = Annotated[bool, typer.Option("--new", help="Start a new campaign, even if one like it is unfinished.")]


def ablate(
    scenario: ScenarioName,
    over: Annotated[
        str,
        typer.Option(
            help="Defences to switch, separated by commas; by default those that the scenario names."
        ),
    ] = "",
    full: Full = False,
    runtime: Runtime = "auto",
    seed: Seed = None,
    settings: Settings = None,
    again: Again = 1,
    new: New = False,
    as_json: Json = False,
) -> None:
    """Find out which defence makes the difference: run with each one left out, and with each one alone."""
    from lab import catalogue
    from lab.cli.campaigns import ablation_of, conclude, walk

    found = catalogue.find(scenario).scenario
    names = [name.strip() for name in over.split(",") if name.strip()]
    plan = ablation_of(found, names, settings or (), full=full, runtime=runtime, seed=seed)
    conclude(*walk(plan, again, seed=seed, new=new), as_json)


def sweep(
    scenario: ScenarioName,
    parameter: Annotated[str, typer.Argument(help="What to vary, such as fault.latency_ms=50,100,200.")],
    defences: Annotated[
        str, typer.Option(help="Defences of the hardened twin: all, none, or all,-deadline …")
    ] = "all",
    full: Full = False,
    runtime: Runtime = "auto",
    seed: Seed = None,
    settings: Settings = None,
    again: Again = 1,
    new: New = False,
    as_json: Json = False,
) -> None:
    """Run a scenario once for each value of a parameter, and compare the twins at each."""
    from lab import catalogue
    from lab.cli.campaigns import conclude, sweep_of, walk

    name = catalogue.find(scenario).scenario.name
    plan = sweep_of(name, parameter, settings or (), defences, full=full, runtime=runtime, seed=seed)
    conclude(*walk(plan, again, seed=seed, new=new), as_json)


def matrix(
    out: Page = None,
    measure: Annotated[
        bool, typer.Option("--measure", help="Make the missing runs first: ¾ of a minute each.")
    ] = False,
    full: Full = False,
    runtime: Runtime = "auto",
    seed: Seed = None,
) -> None:
    """Write the page that shows, for each scenario, which of its defences make the difference."""
    from lab import paths
    from lab.cli.matrix import measure_and_write

    target = out or paths.ROOT / "docs" / "matrix.md"
    measure_and_write(target, measure=measure, full=full, runtime=runtime, seed=seed)


COMMANDS = (ablate, sweep, matrix)
