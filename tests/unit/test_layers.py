"""Who may import whom: the table of the design, executed."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("lab", "scenarios", "services", "loadtests", "reports")
MAY_IMPORT: dict[str, set[str]] = {
    "lab.paths": set(),
    "lab.errors": set(),
    "lab.lazily": set(),
    "lab.model": {"lab.errors"},
    "lab.ports": {"lab.model"},
    "lab.judge.statistics": {"lab.lazily", "lab.model"},
    "lab.judge.recovery": {"lab.judge.statistics", "lab.lazily", "lab.model"},
    # The core knows a workload when it is given one; what bookings are, only they themselves and their invariants know.
    "lab.workload": {"lab.model"},
    "lab.workload.booking": {"lab.model", "lab.workload"},
    "lab.workload.known": {"lab.model", "lab.workload", "lab.workload.booking"},
    "lab.checks.slos": {
        "lab.lazily",
        "lab.model",
        "lab.judge.recovery",
        "lab.judge.statistics",
        "lab.checks",
    },
    "lab.checks.invariants": {"lab.lazily", "lab.model", "lab.workload.booking", "lab.checks"},
    "lab.checks": {"lab.model"},
    "lab.plan": {"lab.model", "lab.workload"},
    "lab.judge": {"lab.model", "lab.judge.recovery", "lab.judge.statistics"},
    # What a run folder says in words becomes faults and checks again.
    "lab.record": {"lab.model", "lab.faults", "lab.checks", "lab.checks.slos", "lab.checks.invariants"},
    "lab.faults": {"lab.lazily", "lab.model", "lab.judge.statistics"},
    "lab.runtime.effects": set(),
    "lab.runtime.descriptors": {"lab.model", "lab.runtime.programs"},
    "lab.runtime.modes": {"lab.errors"},
    "lab.runtime.indexes": set(),
    "lab.runtime.pythons": {"lab.errors", "lab.runtime.indexes", "lab.runtime.programs"},
    "lab.runtime.programs": {"lab.errors", "lab.paths", "lab.runtime.effects"},
    "lab.runtime.docker_client": {"lab.model", "lab.paths", "lab.runtime.programs"},
    "lab.runtime.reach": {"lab.runtime.docker_client", "lab.runtime.programs"},
    "lab.runtime.toxiproxy": {"lab.model", "lab.paths", "lab.runtime.effects", "lab.runtime.programs"},
    "lab.runtime.stores": {"lab.model", "lab.runtime.effects"},
    "lab.runtime.ownership": {
        "lab.runtime.stores",
        "lab.runtime.descriptors",
        "lab.model",
        "lab.paths",
        "lab.runtime.docker_client",
        "lab.runtime.modes",
        "lab.runtime.reach",
        "lab.runtime.effects",
        "lab.runtime.programs",
        "lab.runtime.toxiproxy",
    },
    "lab.runtime.priority": {"lab.model", "lab.runtime.programs"},
    "lab.shell": {"lab.runtime.programs"},
    "lab.runtime": {
        "lab.runtime.descriptors",
        "lab.model",
        "lab.ports",
        "lab.workload",
        "lab.runtime.ownership",
        "lab.runtime.priority",
        "lab.runtime.stores",
    },
    "lab.runtime.local": {
        "lab.runtime.descriptors",
        "lab.model",
        "lab.ports",
        "lab.paths",
        "lab.workload",
        "lab.runtime",
        "lab.runtime.effects",
        "lab.runtime.ownership",
        "lab.runtime.priority",
        "lab.runtime.programs",
        "lab.runtime.toxiproxy",
    },
    "lab.runtime.containers": {
        "lab.runtime.descriptors",
        "lab.model",
        "lab.ports",
        "lab.paths",
        "lab.workload",
        "lab.runtime",
        "lab.runtime.docker_client",
        "lab.runtime.reach",
        "lab.runtime.effects",
        "lab.runtime.ownership",
        "lab.runtime.programs",
        "lab.runtime.toxiproxy",
    },
    "scenarios": {"lab.model", "lab.faults", "lab.checks", "lab.checks.slos", "lab.checks.invariants"},
    "lab.settings": {"lab.model"},
    "lab.catalogue": {"lab.model", "lab.faults", "lab.settings", "scenarios"},
    "lab.campaign": {"lab.model", "lab.judge", "lab.record"},
    "lab.selfcheck": {
        "lab.judge.statistics",
        "lab.model",
        "lab.paths",
        "lab.record",
        "lab.runtime.ownership",
        "lab.runtime.programs",
    },
    "lab.doctor": {
        "lab.model",
        "lab.paths",
        "lab.runtime",
        "lab.runtime.modes",
        "lab.runtime.local",
        "lab.runtime.containers",
        "lab.runtime.priority",
        "lab.runtime.toxiproxy",
    },
    "lab.injector": {"lab.model", "lab.ports", "lab.plan"},
    "lab.watching": {"lab.model", "lab.ports", "lab.plan", "lab.record"},
    "lab.provenance": {
        "lab.model",
        "lab.ports",
        "lab.paths",
        "lab.plan",
        "lab.record",
        "lab.runtime.priority",
        "lab.runtime.programs",
    },
    "lab.runner": {
        "lab.model",
        "lab.ports",
        "lab.plan",
        "lab.record",
        "lab.injector",
        "lab.provenance",
        "lab.watching",
    },
    "reports": {"lab.model", "lab.record", "lab.judge.statistics"},
    "services.common": set(),
    "services.dependencies": {"services.common"},
    "services.seed": {"services.defences"},
    "services.defences": {"services.common"},
    "services.naive": {"services.common"},
    "services.hardened": {"services.common", "services.defences", "services.naive"},
    "services.gunicorn": set(),
    "loadtests": set(),
    "lab.cli": {"lab.*", "reports"},
    "lab.__main__": {"lab.cli", "lab.shell"},
    "lab": set(),
    "services": set(),
}


def layer(module: str) -> str:
    """The row of the table that `module` belongs to: the longest that fits."""
    return max((row for row in MAY_IMPORT if module == row or module.startswith(row + ".")), key=len)


def imports(path: Path, module: str) -> Iterator[str]:
    """Every module of ours that `path` imports, relative imports resolved, also those inside functions."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package.rsplit(".", node.level - 1)[0] + "." if node.level else ""
            origin = (base + (node.module or "")).rstrip(".")
            names = [f"{origin}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] in OURS)


def modules() -> list[tuple[str, Path]]:
    found = []
    for top in OURS:
        for path in sorted((ROOT / top).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found.append((".".join(parts[:-1] if parts[-1] == "__init__" else parts), path))
    return found


def violations(module: str, path: Path) -> list[str]:
    mine = layer(module)
    allowed = MAY_IMPORT[mine]
    wrong = []
    for name in imports(path, module):
        theirs = layer(name)
        whole = f"{theirs.split('.')[0]}.*"
        if theirs not in allowed | {mine, "lab", "services"} and whole not in allowed:
            wrong.append(f"{module} ({mine}) imports {name} ({theirs})")
    return wrong


@pytest.mark.parametrize(
    ("module", "path"), modules(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_module_imports_only_what_its_layer_may(module: str, path: Path) -> None:
    assert violations(module, path) == []


def test_the_table_has_no_cycle() -> None:
    graph = {row: allowed - {"lab.*"} for row, allowed in MAY_IMPORT.items()}
    tuple(TopologicalSorter(graph).static_order())


def test_an_upward_import_is_found(tmp_path: Path) -> None:
    upward = tmp_path / "judge.py"
    upward.write_text("def late():\n    from lab.runner import Runner\n")
    assert violations("lab.judge.verdict", upward) == [
        "lab.judge.verdict (lab.judge) imports lab.runner.Runner (lab.runner)"
    ]


def test_a_service_that_imports_the_lab_is_found(tmp_path: Path) -> None:
    guilty = tmp_path / "app.py"
    guilty.write_text("import lab.model\n")
    assert violations("services.naive.app", guilty)
