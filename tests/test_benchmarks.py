"""The commands of docs/performance.md still run, on as little as they take; how fast is for quiet machines to say."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "benchmarks"
COMMANDS = {
    "stream.py": ("--windows", "64", "--only", "muze,muze_first_epoch"),
    "train_step.py": ("--steps", "1", "--only", "ldm-tiny", "--precision", "fp32", "--compile", "no"),
}


@pytest.mark.parametrize("script", COMMANDS)
def test_it_prints_a_table_of_figures(script: str) -> None:
    done = subprocess.run(
        [sys.executable, FOLDER / script, *COMMANDS[script]], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    head, _, *rows = (line.split("|")[1:-1] for line in done.stdout.splitlines() if line.startswith("|"))
    assert rows
    assert all(len(row) == len(head) for row in rows)
    assert all(cell.strip() for row in rows for cell in row)
