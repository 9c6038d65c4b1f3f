"""What the docs tell people to type: command lines that muze takes, and recipes that it reads."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.main import parser
from jobs.named_recipes import load_recipe

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """The fenced blocks of a language, with the name of their page."""
    for page in PAGES:
        for block in re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            yield page.name, block


def command_lines() -> Iterator[tuple[str, list[str]]]:
    for page, block in blocks("[a-z]*"):
        for line in block.replace("\\\n", " ").splitlines():
            if re.match(r"(\$ )?muze [a-z]", line):
                yield page, shlex.split(line.removeprefix("$ "), comments=True)[1:]


LINES = [pytest.param(words, id=f"{page}: {' '.join(words)[:60]}") for page, words in command_lines()]


def test_there_are_command_lines_in_the_docs() -> None:
    assert len(LINES) > 15


@pytest.mark.parametrize("words", LINES)
def test_muze_takes_what_the_docs_say(words: list[str]) -> None:
    parser().parse_args(words)


RECIPES = [block for _, block in blocks("yaml") if "fragments:" in block and "featurizer:" not in block]
"""Those with a featurizer of the reader's own need the reader's package."""


@pytest.mark.parametrize("block", RECIPES)
def test_muze_reads_the_recipes_of_the_docs(block: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(block)
    assert load_recipe(str(tmp_path / "recipe.yaml")).fragments
