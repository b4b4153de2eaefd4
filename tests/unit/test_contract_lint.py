"""The contract is well formed: OpenAPI's own schema, and the rules of this house. Each rule is shown to fail first."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from services.defences.deadline import DEADLINE_S
from services.defences.input_validation import BODY_BYTES_MAX

CONTRACT = yaml.safe_load((Path(__file__).parents[2] / "services" / "contract.yaml").read_text())
EXTENSIONS = {"x-hardened": bool, "x-deadline-s": (int, float)}
METHODS = ("get", "put", "post", "delete")
PROBES = ("healthz", "readyz", "get_metrics")  # machines ask them, and read the status only
PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def operations(contract: dict) -> Iterator[tuple[str, dict, dict]]:
    """Path, path item and operation, of all operations."""
    for path, item in contract["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, item, item[method]


def resolve(contract: dict, value: Any) -> Any:
    """What `value` refers to, or itself."""
    while isinstance(value, dict) and "$ref" in value:
        found: Any = contract
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        value = found
    return value


def walk(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Everything in `value` with its place."""
    yield path, value
    if isinstance(value, dict | list):
        for key, member in value.items() if isinstance(value, dict) else enumerate(value):
            yield from walk(member, f"{path}/{key}")


def openapi(contract: dict) -> Iterator[str]:
    """What OpenAPI 3.1 itself allows: no key that it does not know."""
    for error in OpenAPIV31SpecValidator(contract).iter_errors():
        yield f"{'/'.join(map(str, error.path))}: {error.message}"


def references(contract: dict) -> Iterator[str]:
    for place, value in walk(contract):
        try:
            resolve(contract, value)
        except KeyError:
            yield f"{place}: {value['$ref']} is not there"


def known_extensions(contract: dict) -> Iterator[str]:
    for place, value in walk(contract):
        for key, member in value.items() if isinstance(value, dict) else ():
            if str(key).startswith("x-") and not isinstance(member, EXTENSIONS.get(key, ())):
                yield f"{place}: {key}"


def described(contract: dict) -> Iterator[str]:
    """Each operation says what it is for, in a name, a line and a description of its own."""
    names = [operation.get("operationId") for *_, operation in operations(contract)]
    for path, _, operation in operations(contract):
        if not all(operation.get(key) for key in ("operationId", "summary", "description")):
            yield f"{path}: no name, summary or description"
        if names.count(operation.get("operationId")) > 1:
            yield f"{path}: {operation['operationId']} is no name of its own"


def problems(contract: dict) -> Iterator[str]:
    """Each error is a problem document."""
    for path, _, operation in operations(contract):
        for status, answer in operation["responses"].items():
            wrong = status[0] in "45" and resolve(contract, answer).get("content") != PROBLEM
            if wrong and operation["operationId"] not in PROBES:
                yield f"{path}: {status} is no problem document"


def deadlines(contract: dict) -> Iterator[str]:
    for path, _, operation in operations(contract):
        if not operation.get("x-deadline-s", 0) > 0:
            yield f"{path}: no deadline"


def statuses(contract: dict) -> Iterator[str]:
    """What follows from the shape of a request is promised everywhere: tokens, paths, bodies, refusals."""
    for path, item, operation in operations(contract):
        if operation["operationId"] in PROBES:
            continue
        parameters = [
            resolve(contract, one) for one in item.get("parameters", []) + operation.get("parameters", [])
        ]
        due = {"401", "503"}
        due |= {"404"} if "{" in path else set()
        due |= {"400", "408", "413", "415", "422"} if "requestBody" in operation else set()
        due |= {"422"} if any(one["in"] == "query" for one in parameters) else set()
        due |= {"409", "422"} if any(one["name"] == "Idempotency-Key" for one in parameters) else set()
        due |= {"412"} if any(one["name"] == "If-Match" for one in parameters) else set()
        if missing := sorted(due - operation["responses"].keys()):
            yield f"{path}: {operation['operationId']} lacks {', '.join(missing)}"


def keys_for_writes(contract: dict) -> Iterator[str]:
    for path, item, _ in operations(contract):
        for method in ("post", "put", "delete"):
            parameters = item.get(method, {}).get("parameters", [])
            if method in item and {"$ref": "#/components/parameters/IdempotencyKey"} not in parameters:
                yield f"{path}: {method} takes no Idempotency-Key"


def closed_objects(contract: dict) -> Iterator[str]:
    """Each object says whether more may come, and names only members that it has."""
    for place, value in walk(contract):
        if isinstance(value, dict) and value.get("type") == "object":
            if value.get("additionalProperties") is not False:
                yield f"{place}: additionalProperties"
            if not set(value.get("required", [])) <= value["properties"].keys():
                yield f"{place}: requires what it does not have"


def used_components(contract: dict) -> Iterator[str]:
    used = {value["$ref"] for _, value in walk(contract) if isinstance(value, dict) and "$ref" in value}
    for kind, components in contract["components"].items():
        for name in components if kind != "securitySchemes" else ():
            if f"#/components/{kind}/{name}" not in used:
                yield f"{kind}/{name} is used nowhere"


def true_examples(contract: dict) -> Iterator[str]:
    for place, value in walk(contract):
        if isinstance(value, dict) and "example" in value and "schema" in value:
            schema = {**resolve(contract, value["schema"]), "components": contract["components"]}
            for error in OAS31Validator(schema).iter_errors(value["example"]):
                yield f"{place}: {error.message}"


RULES = (
    openapi, references, known_extensions, described, problems, deadlines, statuses, keys_for_writes, closed_objects,
    used_components, true_examples,
)  # fmt: skip


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_contract_keeps_the_rule(rule: Callable) -> None:
    assert list(rule(CONTRACT)) == []


SPOILT = {
    # What one unquoted comma did: { description: Cancelled, now or before }
    "a comma that makes a key": (openapi, lambda post, _: post["responses"]["201"].update({"now or before": None})),
    "a reference to nowhere": (references, lambda post, _: post["requestBody"].update({"$ref": "#/components/x"})),
    "a misspelt extension": (known_extensions, lambda post, _: post.update({"x-hardend": True})),
    "an extension of another type": (known_extensions, lambda post, _: post.update({"x-deadline-s": "1 s"})),
    "no description": (described, lambda post, _: post.pop("description")),
    "a name twice": (described, lambda post, _: post.update(operationId="get_booking")),
    "an error in plain text": (problems, lambda post, _: post["responses"].update({"422": {"description": "no"}})),
    "no deadline": (deadlines, lambda post, _: post.pop("x-deadline-s")),
    "a body that is never too large": (statuses, lambda post, _: post["responses"].pop("413")),
    "a write without a key": (keys_for_writes, lambda post, _: post.pop("parameters")),
    "an open object": (closed_objects, lambda _, schemas: schemas["Slot"].pop("additionalProperties")),
    "a member that is not there": (closed_objects, lambda _, schemas: schemas["Slot"]["required"].append("x")),
    "an orphan": (used_components, lambda _, schemas: schemas.update(Orphan={})),
    "an example that is none": (true_examples, lambda _, schemas: schemas["Slot"]["required"].append("room")),
}  # fmt: skip


@pytest.mark.parametrize(("rule", "spoil"), SPOILT.values(), ids=SPOILT)
def test_a_spoilt_contract_breaks_its_rule(rule: Callable, spoil: Callable) -> None:
    contract = copy.deepcopy(CONTRACT)
    spoil(contract["paths"]["/bookings/"]["post"], contract["components"]["schemas"])
    assert list(rule(contract))


def test_what_the_contract_publishes_is_what_hardened_keeps() -> None:
    published = {operation["x-deadline-s"] for *_, operation in operations(CONTRACT)}
    assert published == {DEADLINE_S}
    too_large = CONTRACT["components"]["responses"]["ContentTooLarge"]["description"]
    assert f"{BODY_BYTES_MAX // 1024} KiB" in too_large
