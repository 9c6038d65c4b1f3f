"""The schema command and the page of columns."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from jobs.main import main
from pipeline.fragments import known_fragments
from schemas.docs import columns_of, columns_page, type_name
from schemas.fragment import column
from schemas.tables import TABLES

PAGE = Path(__file__).parent.parent / "docs" / "columns.md"


def test_the_page_of_columns_is_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "docs"]) == 0
    assert PAGE.read_text() == capsys.readouterr().out, "regenerate with: muze schema docs > docs/columns.md"


def test_the_page_has_every_column() -> None:
    page = columns_page(known_fragments().values(), TABLES)
    for fragment in known_fragments().values():
        assert f"## {fragment.name} (version {fragment.version})" in page
        assert all(f"| `{name}` |" in page for name in fragment.names)
    assert "| `chords[].start_s` | `float32` | s |" in page


def test_every_column_has_a_sentence_and_quantities_have_units() -> None:
    suffixes = {"_s": "s", "_hz": "hz", "_cents": "cents", "_bpm": "bpm", "_lufs": "LUFS"}
    for fragment in known_fragments().values():
        for row in columns_of(fragment.fields):
            assert row["doc"].endswith("."), row
            for suffix, unit in suffixes.items():
                if row["name"].endswith(suffix):
                    assert row["unit"] == unit, row


def test_types_have_short_names() -> None:
    assert type_name(pa.float32()) == "float32"
    assert type_name(pa.list_(pa.float32(), 256)) == "float32[256]"
    assert type_name(pa.list_(pa.list_(pa.int8()))) == "list<list<int8>>"
    assert type_name(pa.map_(pa.string(), pa.float64())) == "map<string, float64>"
    fields = [column("spans", pa.list_(pa.struct([column("a_s", pa.float32(), unit="s", doc="A.")])), doc="Spans.")]
    assert columns_of(fields) == [
        {"name": "spans", "type": "list<struct>", "unit": None, "doc": "Spans."},
        {"name": "spans[].a_s", "type": "float32", "unit": "s", "doc": "A."},
    ]


def test_list_and_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in listed] == [*known_fragments(), *TABLES]
    assert main(["schema", "list"]) == 0
    assert "tempo_bpm" in capsys.readouterr().out
    assert main(["schema", "show", "rhythm", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown in listed
    assert shown["version"] == known_fragments()["rhythm"].version
    assert {"name": "tempo_bpm", "type": "float32", "unit": "bpm"}.items() <= shown["columns"][1].items()
    assert main(["schema", "show", "files"]) == 0
    assert "missing_since  timestamp[us, tz=UTC]" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["show"], ["show", "rythm"], ["list", "rhythm"], ["docs", "rhythm"]])
def test_bad_arguments(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", *words]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "rythm" not in words or "did you mean rhythm" in said
