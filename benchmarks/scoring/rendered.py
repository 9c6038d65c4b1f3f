"""Songs rendered from scores: their truth comes from the composition and is exact."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.scoring.piece import RENDERED, RENDERED_ALONE, Contour, Piece, Span, Truth
from jobs.demo.score import NO_CHORD, Song
from jobs.demo.songs import SONGS, VOICE_AND_SNAPS, short_song
from jobs.demo.write import render_songs

ALONE_LUFS = -20


def render_pieces(folder: Path, num_sketches: int) -> list[Piece]:
    """Render the songs of the demo, and sketches of 8 to 11 s, each with a band and once more with the voice alone.

    All are WAV files: every decoder reads the same samples.
    """
    sketches = [short_song(seed) for seed in range(num_sketches)]
    alone = [
        replace(sketch, title=f"{sketch.title} alone", mix=VOICE_AND_SNAPS, loudness_lufs=ALONE_LUFS)
        for sketch in sketches
    ]
    return pieces_of([replace(song, suffix=".wav") for song in [*SONGS, *sketches, *alone]], folder)


def pieces_of(songs: Sequence[Song], folder: Path) -> list[Piece]:
    """Render songs into a folder; one piece each."""
    music = render_songs(folder, songs)
    facts = json.loads((folder / "truth.json").read_text())
    return [
        Piece(song.title, music / song.release.artist / song.release.album / song.file_name, corpus, truth)
        for song in songs
        for corpus in [RENDERED_ALONE if song.mix.is_unaccompanied else RENDERED]
        for truth in [truth_of(facts[song.file_name])]
    ]


def truth_of(facts: dict[str, Any]) -> Truth:
    """What the composer wrote down, as scorers read it. A voice alone has no chords to find."""
    chords = [Span(chord["start_s"], chord["end_s"], chord["label"]) for chord in facts["chords"]]
    truth = {
        "beats_s": facts["beats_s"],
        "downbeats_s": facts["downbeats_s"],
        "tempi_bpm": [facts["tempo_bpm"]],
        "time_signature": facts["time_signature"],
        "key": facts["key"],
        "tuning_cents": 0.0,
        "chords": chords if any(chord.label != NO_CHORD for chord in chords) else [],
        "sections": [Span(section["start_s"], section["end_s"], section["type"]) for section in facts["sections"]],
    }
    return {name: value for name, value in {**truth, **_voice(facts)}.items() if value != []}


def _voice(facts: dict[str, Any]) -> dict[str, Any]:
    if not facts["has_vocals"]:
        return {}
    times_s = [frame * facts["f0_hop_s"] for frame in range(len(facts["f0_hz"]))]
    return {
        "f0": Contour(times_s, [hz or 0.0 for hz in facts["f0_hz"]]),
        "vibrato": [Span(n["start_s"], n["end_s"], "yes" if n["has_vibrato"] else "no") for n in facts["notes"]],
        "vibrato_rate_hz": facts["vibrato_rate_hz"],
        "vibrato_depth_cents": facts["vibrato_depth_cents"],
    }
