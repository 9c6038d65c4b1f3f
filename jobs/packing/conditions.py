"""Conditions of a window, each cut from the columns of its track: None where nothing is known.

Times are relative to the window. Spans that reach beyond it are cut at its edges, save beats, which say where the next
beat is. An event belongs to the window in which it begins: start included, end not.
"""

from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from featurizers.harte import parse
from jobs.packing.track import Item, Track, seconds
from jobs.packing.windows import Window
from schemas.pitch_classes import PITCH_CLASSES
from training.conditions import CURVE_HOP_S

Cut = Callable[[Track, Window], Any]

COARSE_S = 0.1
_SUNG_S = 0.1
"""Voiced time, on the vocal stem, from which on somebody sings."""


def _of_track(name: str) -> Cut:
    """A value that every window of the track has."""
    return lambda track, _: track.value(name)


def _vector(*names: str) -> Cut:
    """The first of these arrays that is known."""
    return lambda track, _: next((found for name in names if (found := track.array(name)) is not None), None)


def lyrics(track: Track, window: Window) -> str | None:
    words = track.spans("lyrics.words")
    if words is None:
        return None
    return " ".join(word["word"].strip() for start, _, word in words if window.start_s <= start < window.end_s)


def _of_section(name: str, otherwise: str | None = None) -> Cut:
    """A value of the section in the middle; where it is not known, one of the track."""

    def cut(track: Track, window: Window) -> Any:
        section = track.section(window)
        found = section[name] if section is not None else None
        return track.value(otherwise) if found is None and otherwise is not None else found

    return cut


def section_position(track: Track, window: Window) -> float | None:
    duration_s = track.value("tracks.duration_s")
    return min(1.0, window.middle_s / duration_s) if duration_s else None


def has_vocals(track: Track, window: Window) -> float | None:
    """By the track, then its words, then the voicing of its vocal stem, then the section in the middle."""
    if track.value("lyrics.has_vocals") is False:
        return 0.0
    words = track.spans("lyrics.words")
    if words and any(start < window.end_s and end > window.start_s for start, end, _ in words):
        return 1.0
    is_voiced = voiced(track, window) if track.value("pitch.pitch_source") == "vocals" else None
    if is_voiced is not None:
        return float(is_voiced.sum() * CURVE_HOP_S >= _SUNG_S)
    section = track.section(window)
    if section is not None and section["has_vocals"] is not None:
        return float(section["has_vocals"])
    return 0.0 if words else None


def genre(track: Track, _: Window) -> str | None:
    tag, guesses = track.value("tracks.genre_tag"), track.value("theory.genres")
    return tag or (guesses[0]["genre"] if guesses else None)


def num_beats(track: Track, window: Window) -> float | None:
    beats_s = track.beats_s
    return None if beats_s is None else float(((window.start_s <= beats_s) & (beats_s < window.end_s)).sum())


def beats(track: Track, window: Window) -> list[Item] | None:
    """The last beat of a track has no next one, and no span."""
    if track.beats_s is None:
        return None
    inside = [(s, e) for s, e in pairwise(track.beats_s.tolist()) if window.start_s <= s < window.end_s]
    return [_relative(start, end, window) for start, end in inside]


def _relative(start_s: float, end_s: float, window: Window) -> dict[str, Any]:
    return {"start_s": seconds(start_s - window.start_s), "end_s": seconds(end_s - window.start_s)}


def _cut_spans(track: Track, window: Window, name: str) -> list[tuple[dict[str, Any], Item]] | None:
    """The spans that overlap with a window, cut at its edges, and what they are of."""
    spans = track.spans(name)
    if spans is None:
        return None
    inside = ((max(s, window.start_s), min(e, window.end_s), item) for s, e, item in spans)
    return [(_relative(start, end, window), item) for start, end, item in inside if start < end]


def breaths(track: Track, window: Window) -> list[Item] | None:
    found = _cut_spans(track, window, "pitch.breaths")
    return None if found is None else [span for span, _ in found]


def _symbols(name: str, symbol: Callable[[Item], str | None], joined: bool = False) -> Cut:
    """Spans with a symbol; those whose symbol is not known are left out, equal neighbours joined if asked."""

    def cut(track: Track, window: Window) -> list[Item] | None:
        found = _cut_spans(track, window, name)
        if found is None:
            return None
        named: list[Item] = [{"symbol": text, **span} for span, item in found if (text := symbol(item)) is not None]
        return _joined(named) if joined else named

    return cut


def _joined(items: list[Item]) -> list[Item]:
    joined: list[Item] = []
    for item in items:
        last = joined[-1] if joined else None
        if last is not None and last["symbol"] == item["symbol"] and last["end_s"] == item["start_s"]:
            joined[-1] = {**last, "end_s": item["end_s"]}
        else:
            joined.append(item)
    return joined


def reduced(label: str | None) -> str | None:
    """A chord as major, minor or N, by its third; None if it has none (suspended, fifths) or cannot be read."""
    if label is None or label.strip() == "N":
        return label and "N"
    chord = parse(label)
    if chord is None or not chord.intervals & {3, 4}:
        return None
    return f"{PITCH_CLASSES[chord.root]}:{'maj' if 4 in chord.intervals else 'min'}"


def current_chord(track: Track, window: Window) -> str | None:
    spans = track.spans("harmony.chords") or []
    labels = (item["label"] for start, end, item in spans if start <= window.middle_s < end)
    return reduced(next(labels, None))


def _curve(track: Track, window: Window, name: str) -> Any:
    """A list of frames on the grid of curves, each value from the nearest frame; 0 beyond the last and for NaN."""
    values, hop_s = track.array(name), track.value("pitch.f0_hop_s")
    if values is None or not hop_s:
        return None
    times_s = window.start_s + CURVE_HOP_S * np.arange(round(window.duration_s / CURVE_HOP_S))
    nearest = np.rint(times_s / round(hop_s, 7) + 1e-6).astype(np.int64)  # 32 bits hold 0.01 to 7 decimals
    found = values[np.minimum(nearest, len(values) - 1)] if len(values) else np.zeros(len(nearest))
    return np.where(nearest < len(values), np.nan_to_num(found.astype(np.float32)), np.float32(0))


f0_hz: Cut = partial(_curve, name="pitch.f0_hz")
voiced: Cut = partial(_curve, name="pitch.voiced")


def f0_coarse_hz(track: Track, window: Window) -> Any:
    """Mean F0 of the voiced frames of every tenth of a second of the window."""
    curve = f0_hz(track, window)
    if curve is None:
        return None
    frames = round(COARSE_S / CURVE_HOP_S)
    blocks = np.append(curve, np.zeros(-len(curve) % frames, np.float32)).reshape(-1, frames)
    means = blocks.sum(axis=1, dtype=np.float64) / np.maximum((blocks > 0).sum(axis=1), 1)
    return np.repeat(means, frames)[: len(curve)].astype(np.float32)


CUTS: Mapping[str, Cut] = {
    "prompt": _of_track("prompt.prompt"),
    "lyrics": lyrics,
    "section_type": _of_section("type"),
    "section_position": section_position,
    "section_energy": _of_section("energy", "level.energy"),
    "tempo_bpm": _of_track("rhythm.tempo_bpm"),
    "key_index": _of_track("harmony.key_index"),
    "loudness_lufs": _of_track("level.loudness_lufs"),
    "has_vocals": has_vocals,
    "sentiment": _of_track("lyrics.sentiment"),
    "sentiment_score": _of_track("lyrics.sentiment_score"),
    "genre": genre,
    "artist": lambda track, _: track.value("tracks.artist") or None,
    "clap_audio": _vector("clap.clap_audio_embedding"),
    "clap_text": _vector("clap_text.clap_text_embedding"),
    "voice": _vector("singer_vocals.voice_embedding_vocals", "singer.voice_embedding"),
    "ecapa": _vector("singer_vocals.ecapa_embedding"),
    "num_beats": num_beats,
    "beats": beats,
    "time_signature": _of_track("rhythm.time_signature"),
    "current_chord": current_chord,
    "chords": _symbols("harmony.chords", lambda chord: reduced(chord["label"]), joined=True),
    "phonemes": _symbols("phonemes.phonemes", lambda item: item["phoneme"]),
    "f0_hz": f0_hz,
    "f0_coarse_hz": f0_coarse_hz,
    "voiced": voiced,
    "vibrato_rate_hz": _of_track("pitch.vibrato_rate_hz"),
    "vibrato_depth_cents": _of_track("pitch.vibrato_depth_cents"),
    "vibrato_extent": _of_track("pitch.vibrato_extent"),
    "breaths": breaths,
    "harmonic_complexity": _of_track("theory.harmonic_complexity"),
    "rhythmic_complexity": _of_track("theory.rhythmic_complexity"),
    "syncopation": _of_track("theory.syncopation"),
    "numerals": _symbols("theory.roman_numerals", lambda item: item["numeral"]),
}
"""Condition -> how it is cut."""


def conditions_of(track: Track, window: Window) -> dict[str, Any]:
    """Every condition of a window, by name."""
    return {name: cut(track, window) for name, cut in CUTS.items()}
