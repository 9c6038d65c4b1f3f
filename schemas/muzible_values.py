"""Values of dataset format muzible-v3.1 and ours, where they differ: each pair of functions goes there and back.

None of them is asked about a value that is absent. What comes back may be malformed: then they raise TypeError,
KeyError or ValueError.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

Item = Mapping[str, Any]
Items = Sequence[Item]
Pairs = Sequence[tuple[float, float]]


def unchanged(value: Any) -> Any:
    return value


def first(uris: Sequence[str]) -> str | None:
    return uris[0] if uris else None


def semitones(cents: float) -> float:
    return round(cents / 100, 9)


def cents(semitones: float) -> float:
    return 100 * semitones


def pairs_of_beats(beats_s: Sequence[float]) -> list[list[float]]:
    """From each beat to the next."""
    return [list(pair) for pair in pairwise(beats_s)]


def beats(pairs: Pairs) -> list[float]:
    return [start for start, _ in pairs] + [end for _, end in pairs[-1:]]


def labels(chords: Items) -> list[str]:
    return [chord["label"] for chord in chords]


def zero_where_unvoiced(f0_hz: Sequence[float | None]) -> list[float]:
    """NaN comes as None, as JSON has no NaN."""
    return [value or 0.0 for value in f0_hz]


def nan_where_unvoiced(contour: Sequence[float | None]) -> list[float]:
    return [value or math.nan for value in contour]


def pairs(spans: Items) -> list[list[float]]:
    return [[span["start_s"], span["end_s"]] for span in spans]


def spans(pairs: Pairs) -> list[Item]:
    return [{"start_s": _time(start), "end_s": _time(end)} for start, end in pairs]


def timestamps(phonemes: Items) -> list[Item]:
    return [{"phoneme": item["phoneme"], "start": item["start_s"], "end": item["end_s"]} for item in phonemes]


def phonemes(timestamps: Items) -> list[Item]:
    return [
        {"phoneme": item["phoneme"], "start_s": _time(item["start"]), "end_s": _time(item["end"])}
        for item in timestamps
    ]


def segments(sections: Items, words: Items | None) -> list[Item]:
    """Sections, each with the words that begin in it, if any do."""
    return [_segment(section, words or []) for section in sections]


def _segment(section: Item, words: Items) -> Item:
    start, end = section["start_s"], section["end_s"]
    sung = [word["word"].strip() for word in words if word["start_s"] is not None and start <= word["start_s"] < end]
    lyrics = {"lyrics": " ".join(sung)} if sung else {}
    described = {name: section[name] for name in ("energy", "has_vocals")}
    return {"type": section["type"], "start": start, "end": end, **described, **lyrics}


def sections(segments: Items) -> list[Item]:
    return [
        {"start_s": _time(segment["start"]), "end_s": _time(segment["end"])}
        | {name: segment.get(name) for name in ("type", "energy", "has_vocals")}
        for segment in segments
    ]


def _time(value: Any) -> float:
    if not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no time")
    return value
