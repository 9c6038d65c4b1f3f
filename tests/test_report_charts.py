"""report: what its words, charts and verdict say of numbers that are known."""

from collections.abc import Callable
from typing import Any

import pytest

from jobs.pictures import report_words as words
from jobs.pictures.report_charts import histogram_chart, keys_chart, map_chart, value
from jobs.pictures.report_page import state

THIN, MINUS = "\u202f", "\u2212"


@pytest.mark.parametrize(
    ("say", "about", "expected"),
    [
        (words.count, (1234567.4,), f"1{THIN}234{THIN}567"),
        (words.number, (1234.4,), f"1{THIN}234"),
        (words.number, (100.4,), "100"),
        (words.number, (99.94,), "99.9"),
        (words.number, (0.04217,), "0.0422"),
        (words.number, (-0.5,), f"{MINUS}0.5"),
        (words.number, (-1234.4,), f"{MINUS}1{THIN}234"),
        (words.percent, (0.1234,), f"12.3{THIN}%"),
        (words.stat, (-14.26, "LUFS"), f"{MINUS}14.3"),
        (words.stat, (200.4, "s"), "3:20"),
        (words.stat, (10, "s"), "0:10"),
        (words.stat, (9.87, "s"), "9.9 s"),
        (words.hours, (123.4,), "123 h"),
        (words.hours, (99.5,), "99 h 30 min"),
        (words.duration, (59.7,), "1 min 0 s"),
        (words.duration, (200,), "3 min 20 s"),
        (words.duration, (7199.9,), "2 h 0 min"),
        (words.when, ("2026-01-02T03:04:05+00:00",), "2026-01-02 03:04"),
        (words.file_name, ("s3://bucket/folder/a song.wav",), "a song.wav"),
        (words.file_name, ("/data/music/",), "music"),
        (words.plain, ("x" * 160,), "x" * 160),
        (words.plain, ("x" * 161,), "x" * 159 + "…"),
        (words.tag, ("a\x1bb\x85c\u202ed" + "x" * 200,), ("abc\u202ed" + "x" * 200)[:159] + "…"),
        (words.tag, (None,), ""),
        (words.titled, ({"title": None, "uri": "/music/1.wav", "track_id": "ab"},), "1.wav"),
        (words.titled, ({"title": None, "uri": None, "track_id": "ab"},), "ab"),
        (value, (3661, "s"), "1:01:01"),
        (value, (59, "s"), "0:59"),
        (value, (0.5, "s"), "0.5"),
        (value, (-10.5, "LUFS"), f"{MINUS}10.5"),
    ],
)
def test_words_of_numbers_and_names(say: Callable[..., str], about: tuple[Any, ...], expected: str) -> None:
    assert say(*about) == expected


def test_what_is_unknown_is_a_dash() -> None:
    unknown = (words.count, words.number, words.percent, words.hours, words.duration, words.when)
    assert {say(None) for say in unknown} == {"\u2013"}


def histogram(edges: list[float], counts: list[int], median: float) -> dict[str, Any]:
    return histogram_chart({"edges": edges, "counts": counts, "median": median, "unit": "BPM"})


def test_bars_of_a_histogram_are_as_high_as_their_counts_and_as_wide_as_their_bins() -> None:
    chart = histogram([0, 10, 20, 40], [2, 0, 4], 15)
    assert [(bar["x"], bar["width"], bar["y"], bar["height"], bar["count"], bar["name"]) for bar in chart["bars"]] == [
        (40.5, 75.0, 82.0, 70.0, 2, "0 to 10"),
        (192.5, 151.0, 12.0, 140.0, 4, "20 to 40"),
    ]
    assert chart["lines"] == [(152, 0), (117, 1), (82, 2), (47, 3), (12, 4)]
    assert chart["ticks"] == [(40, "0"), (116, "10"), (192, "20"), (268, "30"), (344, "40")]
    assert chart["median_x"] == 154
    assert chart["table"] == [("0 to 10", 2), ("10 to 20", 0), ("20 to 40", 4)]
    assert histogram([0, 10], [1], 99)["median_x"] == 344, "a median beyond the axis stands at its end"
    assert [tick for _, tick in histogram([95, 125], [1], 110)["ticks"]] == ["95", "100", "105", "110", "115", "120", "125"]  # fmt: skip # noqa: E501


@pytest.mark.parametrize(("top", "lines"), [(10, [0, 2, 4, 6, 8, 10]), (12, [0, 5, 10]), (25, [0, 5, 10, 15, 20, 25])])
def test_there_are_at_most_six_lines_and_they_are_round(top: int, lines: list[int]) -> None:
    assert [number for _, number in histogram([0, 10], [top], 5)["lines"]] == lines


def test_keys_stand_at_their_tonics_however_they_are_spelt() -> None:
    held = {"C major": 1, "Bb major": 3, "A# major": 1, "Bb minor": 2}
    chart = keys_chart({"values": [{"value": key, "count": number} for key, number in held.items()]})
    assert chart is not None
    slot = 304 / 12
    assert [(bar["x"], bar["height"], bar["count"], bar["series"]) for bar in chart["bars"]] == [
        (round(40 + slot * 0.12, 2), 35, 1, 0),
        (round(40 + slot * 10.12, 2), 140, 4, 0),
        (round(40 + slot * 10.5, 2), 70, 2, 1),
    ]
    assert {(bar["width"], bar["name"]) for bar in chart["bars"][1:]} == {
        (round(slot * 0.36, 2), "A♯ major"),
        (round(slot * 0.36, 2), "A♯ minor"),
    }
    assert chart["ticks"][9] == (pytest.approx(40 + 9.5 * slot), "A")
    assert keys_chart({"values": [{"value": "H major", "count": 1}]}) is None
    assert keys_chart({"values": []}) is None


def test_the_map_has_one_scale_and_says_what_has_no_colour() -> None:
    facts = [(0.0, 0.0, "rock", "a"), (4.0, 0.0, "folk", None), (4.0, 1.0, None, None), (0.0, 1.0, "jazz", None)]
    points = [{"x": x, "y": y, "genre_tag": genre, "artist": artist} for x, y, genre, artist in facts]
    groups = {"genre_tag": [{"value": "rock", "count": 1}, {"value": "folk", "count": 1}], "artist": []}
    chart = map_chart({"points": points, "groups": groups})
    assert [(point["x"], point["y"]) for point in chart["points"]] == [(24, 419), (976, 419), (976, 181), (24, 181)]
    assert [point["genre"] for point in chart["points"]] == ["0", "1", "o", "x"]
    assert [legend["name"] for legend in chart["legends"]] == ["genre"]
    assert chart["legends"][0]["rows"][2:] == [
        {"colour": "x", "value": "others", "count": 1},
        {"colour": "o", "value": "unknown", "count": 1},
    ]


def fragments(**rows: tuple[int, int, int, int]) -> dict[str, Any]:
    kinds = ("rows", "missing", "stale", "failed")
    return {name: dict(zip(kinds, numbers, strict=True)) for name, numbers in rows.items()}


def test_the_state_counts_rows_that_are_there_and_current() -> None:
    rows = fragments(tracks=(10, 0, 10, 2), level=(10, 0, 0, 0), rhythm=(6, 1, 2, 3))
    found = state({"tracks": 10, "fragments": rows, "failed_tracks": 5})
    assert found["complete"] == pytest.approx((10 + 6 - 2) / 20)
    assert found["word"] == "incomplete"
    assert (
        found["sentence"] == "Rows: 1 missing (most in rhythm), 12 stale (most in tracks), 5 failed (most in rhythm)."
    )


def test_a_dataset_whose_tracks_go_stale_is_not_complete() -> None:
    rows = fragments(tracks=(10, 0, 10, 0), level=(10, 0, 0, 0))
    found = state({"tracks": 10, "fragments": rows, "failed_tracks": 0})
    assert (found["word"], found["sentence"]) == ("incomplete", "Rows: 10 stale (most in tracks).")


def test_a_whole_dataset_is_complete_and_one_without_tracks_empty() -> None:
    whole = state({"tracks": 10, "fragments": fragments(tracks=(10, 0, 0, 0), level=(10, 0, 0, 0)), "failed_tracks": 0})
    assert (whole["word"], whole["complete"]) == ("complete", 1)
    alone = state({"tracks": 10, "fragments": fragments(tracks=(10, 0, 0, 0)), "failed_tracks": 0})
    assert (alone["word"], alone["complete"]) == ("complete", 1)
    failed = state({"tracks": 0, "fragments": fragments(tracks=(0, 0, 0, 3)), "failed_tracks": 3})
    assert (failed["word"], failed["complete"], failed["sentence"]) == ("empty", 0, "No track has decoded; 3 failed.")
    new = state({"tracks": 0, "fragments": fragments(tracks=(0, 0, 0, 0)), "failed_tracks": 0})
    assert (new["word"], new["sentence"]) == ("empty", "No track yet.")
