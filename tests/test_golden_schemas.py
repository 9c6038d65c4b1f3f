"""What is on disk changes only on purpose: every schema equals its golden file.

A golden file is what ``muze schema show NAME --json`` prints, under NAME.vVERSION.json, or NAME.json for the tables
around the fragments. Files of older versions stay: they say what older datasets hold.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from jobs.commands.schema import all_schemas

GOLDEN = Path(__file__).parent / "schemas"
SCHEMAS = all_schemas()


def golden_path(name: str) -> Path:
    version = SCHEMAS[name]["version"]
    return GOLDEN / (f"{name}.v{version}.json" if version else f"{name}.json")


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_equals_its_golden_file(name: str) -> None:
    path = golden_path(name)
    remedy = f"regenerate with: muze schema show {name} --json > tests/schemas/{path.name}"
    assert path.exists(), f"{name} has no golden file: {remedy}"
    golden = json.loads(path.read_text())
    assert shape(SCHEMAS[name]) == shape(golden), f"columns of {name} changed: bump the version and {remedy}"
    assert SCHEMAS[name] == golden, f"words of {name} changed: bump the version if a meaning did, and {remedy}"


def shape(schema: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [(column["name"], column["type"], column["unit"]) for column in schema["columns"]]


def test_versions_have_no_gaps_and_no_file_is_left_over() -> None:
    for name, schema in SCHEMAS.items():
        if schema["version"]:
            versions = {int(path.stem.rpartition(".v")[2]) for path in GOLDEN.glob(f"{name}.v*.json")}
            assert versions == set(range(1, schema["version"] + 1)), name
    assert {path.name.split(".")[0] for path in GOLDEN.iterdir()} == set(SCHEMAS)


@pytest.mark.parametrize("name", [name for name, schema in SCHEMAS.items() if schema["version"]])
def test_a_column_keeps_its_type_through_all_versions(name: str) -> None:
    types: dict[str, str] = {}
    for version in range(1, SCHEMAS[name]["version"] + 1):
        for column in json.loads((GOLDEN / f"{name}.v{version}.json").read_text())["columns"]:
            known = types.setdefault(column["name"], column["type"])
            assert column["type"] == known, f"{column['name']}: a Delta table has one type a column, take another name"
