"""The picture of a track as one HTML page that needs nothing else: style, script, numbers and sound are in it."""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any

import numpy as np

from jobs.pictures.track_axes import pitch_range_hz
from jobs.pictures.track_lanes import Lane
from jobs.pictures.track_picture import Picture
from jobs.pictures.track_spans import Span, clock

_SCRIPTS = ("track_page_draw.js", "track_page_play.js")
_NOW = {
    "sections": "section",
    "beats": "bar",
    "chords": "chord",
    "numerals": "numeral",
    "pitch": "note",
    "words": "word",
}
"""Lanes whose value at the cursor stands beside the clock, and what it is called there."""
_AS_TEXT = ("sections", "chords", "numerals")
_PAUSE_S = 0.8
_MAX_LINE_WORDS = 14
_FULL_SCALE = 127


def page_of(picture: Picture, sound: bytes | None) -> str:
    """Fill the template; ``sound`` is WebM. Every text of the dataset is escaped, and scripts but ours are refused."""
    from jinja2 import Environment, FunctionLoader

    style, script = _text("track_page.css"), "".join(_text(name) for name in _SCRIPTS)
    environment = Environment(loader=FunctionLoader(_text), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"clock": clock, "in_words": in_words}
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "allow_nan": False}
    return environment.get_template("track_page.html.jinja").render(
        picture=picture,
        data=data_of(picture),
        sound=base64.b64encode(sound).decode() if sound else "",
        lyrics=list(_lines(picture.lane("words").spans)),
        now=_NOW,
        as_text=_AS_TEXT,
        style=style,
        style_hash=_hash(style),
        script=script,
        script_hash=_hash(script),
    )


def _text(name: str) -> str:
    return (files("jobs") / "pictures" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """As a content security policy names what it allows."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def in_words(lane: Lane) -> str:
    """What a canvas shows, for who cannot see it."""
    if lane.kind in ("waveform", "spectrogram"):
        return f"{lane.title} of the track"
    if lane.kind == "pitch":
        return f"F0 over time, {lane.note or 'no vibrato'}, {len(lane.spans)} breaths"
    text = ", as text below" if lane.name in _AS_TEXT else ""
    return f"{len(lane.spans)} {lane.title.lower()}{text}"


def _lines(words: Sequence[Span]) -> Iterator[list[Span]]:
    """Words in lines: a new one after a pause, and where a line gets long."""
    line: list[Span] = []
    for word in words:
        if line and (word.start_s - line[-1].end_s > _PAUSE_S or len(line) >= _MAX_LINE_WORDS):
            yield line
            line = []
        line.append(word)
    if line:
        yield line


def data_of(picture: Picture) -> dict[str, Any]:
    """What the script draws, ready for JSON: spans as arrays, long series as base64 of their bytes, little-endian."""
    tones = {span.tone: None for lane in picture.lanes for span in lane.spans}
    places = {tone: place for place, tone in enumerate(tones)}
    return {
        "duration_s": picture.duration_s,
        "tones": [[tone.hue, tone.chroma, tone.depth] for tone in tones],
        "lanes": [
            {
                "name": lane.name,
                "kind": lane.kind,
                "spans": [[s.start_s, s.end_s, s.label, s.detail, places[s.tone], s.strong] for s in lane.spans],
            }
            for lane in picture.lanes
            if not lane.absent
        ],
        **_series(picture),
    }


def _series(picture: Picture) -> dict[str, Any]:
    series: dict[str, Any] = {}
    if wave := picture.waveform:
        levels = np.round(wave.extremes / max(wave.peak, 1e-6) * _FULL_SCALE).astype(np.int8)
        series["waveform"] = {"bin_s": wave.bin_s, "levels": _base64(levels)}
    if spectrum := picture.spectrogram:
        bands, frames = spectrum.levels.shape
        series["spectrogram"] = {
            "frame_s": spectrum.frame_s,
            "lowest_hz": spectrum.lowest_hz,
            "highest_hz": spectrum.highest_hz,
            "bands": bands,
            "frames": frames,
            "levels": _base64(spectrum.levels),
        }
    if not picture.lane("pitch").absent:
        lowest_hz, highest_hz = pitch_range_hz(picture)
        values = np.nan_to_num(picture.f0_hz).astype("<f4")
        series["pitch"] = {
            "hop_s": picture.f0_hop_s,
            "lowest_hz": lowest_hz,
            "highest_hz": highest_hz,
            "f0_hz": _base64(values),
        }
    return series


def _base64(values: np.ndarray[Any, Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
