"""The shape of the tree: imports point one way, modules stay small, and importing them does no heavy work."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ALLOWED = {
    "schemas": {"schemas"},
    "featurizers": {"schemas", "featurizers"},
    "pipeline": {"schemas", "featurizers", "pipeline"},
    "training": {"schemas", "training"},
    "jobs": {"schemas", "featurizers", "pipeline", "training", "jobs"},
}
HEAVY = {"librosa", "madmom", "onnxruntime", "ray", "resemblyzer", "torch", "torchcrepe"}
MAX_LINES = 260
DRAWERS = {"utils", "util", "common", "helpers", "helper", "manager", "misc", "base"}
MODULES = sorted(path for package in ALLOWED for path in (ROOT / package).rglob("*.py"))


def imports(path: Path, top_level_only: bool = False) -> set[str]:
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else ast.walk(tree)
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_module(path: Path) -> None:
    package = path.relative_to(ROOT).parts[0]
    ours = imports(path) & set(ALLOWED)
    assert ours <= ALLOWED[package], f"{package} may not import {ours - ALLOWED[package]}"
    heavy = HEAVY - {"torch"} if package == "training" else HEAVY  # its modules are torch's
    assert not imports(path, top_level_only=True) & heavy, "heavy imports belong into functions"
    assert path.stem not in DRAWERS
    assert len(path.read_text().splitlines()) <= MAX_LINES
    if path.name == "__init__.py":
        assert path.read_text() == ""


def test_ray_appears_in_pipeline_and_jobs_and_one_file_of_training() -> None:
    users = {path.relative_to(ROOT) for path in MODULES if "ray" in imports(path)}
    elsewhere = {str(path) for path in users if path.parts[0] not in ("pipeline", "jobs")}
    assert elsewhere <= {"training/ray_train.py"}


def test_schemas_need_pyarrow_only() -> None:
    for path in (ROOT / "schemas").rglob("*.py"):
        foreign = imports(path) - set(sys.stdlib_module_names) - {"schemas"}
        assert foreign <= {"pyarrow"}, path


def test_the_command_line_starts_without_heavy_libraries() -> None:
    code = f"import sys, jobs.main; jobs.main.parser(); print(sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"
