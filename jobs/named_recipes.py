"""Recipes by name, and recipes from files."""

from importlib.resources import files
from pathlib import Path

import yaml

from pipeline.errors import BadArgumentError
from pipeline.recipe import Recipe, parse_recipe


def load_recipe(name: str) -> Recipe:
    """Load a named recipe, or a YAML file. Raises BadArgumentError if there is none or it makes no sense."""
    if name.endswith((".yaml", ".yml")):
        return _parse(name, _read(Path(name)))
    named = files("jobs") / "recipes" / f"{name}.yaml"
    if not named.is_file():
        known = sorted(entry.name.removesuffix(".yaml") for entry in (files("jobs") / "recipes").iterdir())
        raise BadArgumentError(f"unknown recipe {name!r}: expected one of {', '.join(known)}, or a .yaml file")
    return _parse(name, named.read_text())


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BadArgumentError(f"cannot read recipe {str(path)!r}: {error}") from error


def _parse(name: str, text: str) -> Recipe:
    try:
        return parse_recipe(name, yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise BadArgumentError(f"recipe {name!r} is no YAML: {' '.join(str(error).split())}") from error
