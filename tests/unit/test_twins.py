"""The twins differ in their lessons only: same files, same functions, same signatures, same server."""

import ast
import re
from pathlib import Path

import pytest
import yaml

from services.hardened.app import WITHOUT

SERVICES = Path(__file__).parents[2] / "services"
NAIVE, HARDENED = SERVICES / "naive", SERVICES / "hardened"
FILES = sorted(path.name for path in NAIVE.glob("*.py"))


def functions(path: Path) -> dict[str, str]:
    """Signature by qualified name, of all functions and methods in `path`."""
    found = {}

    def visit(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.ClassDef):
                visit(node.body, f"{prefix}{node.name}.")
            elif isinstance(node, ast.FunctionDef):
                found[prefix + node.name] = ast.unparse(node.args)

    visit(ast.parse(path.read_text()).body, "")
    return found


def routes(path: Path) -> dict[str, str]:
    """Route by name of the function that answers it."""
    return {
        node.name: ast.unparse(decorator)
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if ast.unparse(decorator).startswith("routes.")
    }


def switchables(path: Path) -> dict[str, list[str]]:
    """The decorators of each function in `path` that a defence may swap."""
    found = {
        node.name: [ast.unparse(decorator) for decorator in node.decorator_list]
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef)
    }
    return {name: decorators for name, decorators in found.items() if "switchable" in decorators}


def test_both_twins_have_the_same_files():
    assert sorted(path.name for path in HARDENED.glob("*.py")) == FILES
    assert len(FILES) > 10


@pytest.mark.parametrize("name", FILES)
def test_both_twins_have_the_same_functions_with_the_same_signatures(name):
    assert functions(NAIVE / name) == functions(HARDENED / name)


@pytest.mark.parametrize("name", FILES)
def test_both_twins_answer_the_same_routes_by_the_same_functions(name):
    assert routes(NAIVE / name) == routes(HARDENED / name)


def test_what_is_called_where_a_defence_is_off_is_the_naive_function_of_the_same_name():
    for pairs in WITHOUT.values():
        for hardened, stand_in in pairs.items():
            assert stand_in.__module__ == hardened.__module__.replace("hardened", "naive")
            assert stand_in.__name__ == hardened.__name__


def test_each_function_that_can_be_swapped_stands_in_the_table_and_no_other():
    listed = {(f.__module__, f.__name__) for pairs in WITHOUT.values() for f in pairs}
    marked = {
        (f"services.hardened.{Path(name).stem}", function)
        for name in FILES
        for function in switchables(HARDENED / name)
    }
    assert listed == marked
    assert len(listed) >= 8


def test_only_the_table_knows_the_naive_twin():
    knowing = [name for name in FILES if "services.naive" in (HARDENED / name).read_text()]
    assert knowing == ["app.py"]


def test_a_swap_is_outermost_so_that_a_defence_that_is_off_leaves_nothing_of_itself():
    for name in FILES:
        for function, decorators in switchables(HARDENED / name).items():
            assert decorators[0] == "switchable", f"{name}: {function}"


def test_the_naive_twin_is_not_rigged():
    for name in FILES:
        code = (NAIVE / name).read_text()
        assert not re.search(r"\b(sleep|random|DEFENCES|defences)\b", code), name


def test_the_services_know_nothing_of_the_lab():
    for path in SERVICES.rglob("*.py"):
        assert not re.search(
            r"^\s*(from|import) (lab|loadtests|reports|scenarios)\b", path.read_text(), re.MULTILINE
        ), path


def test_the_contract_lists_the_routes_that_there_are():
    contract = yaml.safe_load((SERVICES / "contract.yaml").read_text())
    promised = {
        (method, re.sub(r"{\w+}", "{}", path))
        for path, operations in contract["paths"].items()
        for method in operations
        if method != "parameters"
    }
    answered = set()
    for name in FILES:
        for route in routes(NAIVE / name).values():
            method, path = re.fullmatch(r"routes\.(\w+)\('(.*)'\)", route).groups()
            answered.add((method, re.sub(r"<\w+:\w+>", "{}", path)))
    assert answered == promised


def test_both_twins_run_under_one_server_configuration():
    assert [path.name for path in SERVICES.rglob("*gunicorn*.py")] == ["gunicorn.conf.py"]
    assert "naive" not in (SERVICES / "gunicorn.conf.py").read_text()
    assert "hardened" not in (SERVICES / "gunicorn.conf.py").read_text()
