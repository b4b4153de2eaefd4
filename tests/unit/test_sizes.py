"""Nothing grows beyond what one reads at a sitting: modules end at 250 lines, functions at 40."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("lab", "scenarios", "services", "loadtests", "reports")
MODULE_MAX, FUNCTION_MAX = 250, 40
SOURCES = [path for top in OURS for path in sorted((ROOT / top).rglob("*.py"))]


def too_long(path: Path) -> list[str]:
    text = path.read_text()
    length = len(text.splitlines())
    found = [f"{path.name} has {length} lines"] if length > MODULE_MAX else []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            length = node.end_lineno - node.lineno + 1
            if length > FUNCTION_MAX:
                found.append(f"{path.name}: {node.name} has {length} lines")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_and_functions_are_short(path: Path) -> None:
    assert too_long(path) == []


def test_what_is_too_long_is_found(tmp_path: Path) -> None:
    guilty = tmp_path / "guilty.py"
    guilty.write_text("def endless():\n" + "    pass\n" * FUNCTION_MAX + "\n" * MODULE_MAX)
    assert too_long(guilty) == ["guilty.py has 291 lines", "guilty.py: endless has 41 lines"]
