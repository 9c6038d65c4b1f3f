"""report: the command, with what little there may be, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest

from fakes import Fake, track
from jobs.main import main
from jobs.pictures.report import dataset_card
from jobs.pictures.report_page import render_page
from report_data import PRINTS

EMPTY = {
    "nothing": [],
    "failures only": ["failure"],
    "no embeddings": ["tracks"],
    "no promoted fragment": ["unpromoted"],
}


@pytest.mark.parametrize("kinds", EMPTY.values(), ids=EMPTY)
def test_a_sensible_page_of_little(kinds: list[str], tmp_path: Path) -> None:
    made = Fake(tmp_path)
    made.run(PRINTS, promoted={} if "unpromoted" in kinds else None)
    if "failure" in kinds:
        made.file("/music/a.mp3", None)
        made.failure(None, "/music/a.mp3", "tracks", PRINTS["tracks"], "not_audio")
    if "tracks" in kinds:
        made.rows("tracks", [track(0)], PRINTS["tracks"])
    card = dataset_card(made.dataset)
    page = render_page(card)
    assert card["map"] is None
    assert (card["tracks"], card["failed_tracks"]) == (int("tracks" in kinds), int("failure" in kinds))
    assert "No map" in page
    assert ("No track has decoded; 1 failed." in page) == ("failure" in kinds)
    assert page.count("NaN") == 0


def test_the_command_writes_the_page_and_prints_where(
    reported: Fake, card: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.html"
    out.write_text("old")
    assert main(["report", reported.location, "--out", str(out), "--snapshot", "first"]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert "snapshot first" in out.read_text()
    assert list(tmp_path.iterdir()) == [out], "nothing is left beside it"
    assert main(["report", reported.location, "--out", str(out), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed | {"made_at": 0} == card | {"made_at": 0}
    assert f"Made {printed['made_at'][:10]}" in out.read_text()


BAD = {
    "neither": ([], "--out FILE.html"),
    "no page": (["--out", "report.pdf"], "ends in .html"),
    "a folder": (["--out", "{tmp}/folder.html"], "is a folder"),
    "nowhere": (["--out", "{tmp}/none/report.html"], "cannot write"),
    "no snapshot": (["--json", "--snapshot", "none"], "no snapshot 'none'"),
}


@pytest.mark.parametrize(("words", "complaint"), BAD.values(), ids=BAD)
def test_bad_arguments(
    reported: Fake, words: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder.html").mkdir()
    assert main(["report", reported.location, *(word.format(tmp=tmp_path) for word in words)]) == 2
    said = capsys.readouterr()
    assert complaint in said.err
    assert (said.err.count("\n"), said.out) == (1, "")
    assert main(["report", str(tmp_path), "--out", str(tmp_path / "report.html")]) == 2
