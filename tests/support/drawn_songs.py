"""Datasets for tests of pictures: songs that the demo renders, with rows that say what was composed, not measured."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from fakes import Fake, fingerprint
from jobs.demo.render import render
from jobs.demo.score import Song
from jobs.demo.truth import truth
from jobs.demo.write import tags_of, write_audio
from schemas.fragments.harmony import HARMONY
from schemas.fragments.level import LEVEL
from schemas.fragments.lyrics import LYRICS
from schemas.fragments.phonemes import PHONEMES
from schemas.fragments.pitch import PITCH
from schemas.fragments.prompt import PROMPT
from schemas.fragments.rhythm import RHYTHM
from schemas.fragments.structure import STRUCTURE
from schemas.fragments.theory import THEORY
from schemas.fragments.tracks import TRACKS

FRAGMENTS = {f.name: f for f in (TRACKS, LEVEL, RHYTHM, HARMONY, STRUCTURE, THEORY, PITCH, LYRICS, PHONEMES, PROMPT)}
TEXT = ("all", "the", "harbour", "lights", "are", "swinging", "low", "and", "the", "ferry", "is", "late")
_NUMERALS = {"C:maj": ("I", "tonic"), "F:maj": ("IV", "subdominant"), "G:maj": ("V", "dominant")}


def draw_song(
    folder: Path,
    song: Song,
    only: Sequence[str] = tuple(FRAGMENTS),
    words: Sequence[str] = TEXT,
    chord: str | None = None,
    **tags: Any,
) -> Fake:
    """Render a song below the folder and write the dataset that a perfect build of these fragments would have.

    ``words`` are sung one a note, over and over; ``chord`` is the label of every chord instead of the right one, and
    ``tags`` override columns of ``tracks``. The dataset is at ``folder / "dataset"``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = write_audio(folder / song.file_name, *_rendered(song), tags_of(song))
    track_id = hashlib.sha256(path.read_bytes()).hexdigest()[:32]
    fake = Fake(folder / "dataset")
    prints = {name: fingerprint(name) for name in only}
    fake.run(prints)
    rows = columns_of(song, words)
    rows["tracks"].update(tags)
    for span in rows["harmony"]["chords"] if chord is not None else ():
        span["label"] = chord
    for name, columns in rows.items():
        if name in only:
            fake.rows(name, [{"track_id": track_id, **columns}], prints[name], FRAGMENTS[name])
    fake.file(str(path), track_id)
    return fake


@lru_cache(maxsize=2)
def _rendered(song: Song) -> tuple[Any, int]:
    return render(song)


def columns_of(song: Song, words: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Fragment -> columns, by the composition."""
    known = truth(song)
    downbeats = known["downbeats_s"]
    sung = _sung(known["notes"], words)
    return {
        "tracks": {
            "title": song.title,
            "artist": song.release.artist,
            "album": song.release.album,
            "year": song.release.year,
            "genre_tag": song.release.genre,
            "duration_s": known["duration_s"],
        },
        "level": {"loudness_lufs": known["loudness_lufs"]},
        "rhythm": {
            "tempo_bpm": known["tempo_bpm"],
            "tempo_confidence": 0.97,
            "beats_s": known["beats_s"],
            "beat_numbers": [index % song.beats_per_bar + 1 for index in range(len(known["beats_s"]))],
            "downbeats_s": downbeats,
            "time_signature": known["time_signature"],
            "time_signature_confidence": 0.88,
        },
        "harmony": {
            "key": known["key"],
            "key_confidence": 0.91,
            "chords": [{**span, "confidence": 0.8} for span in known["chords"]],
        },
        "structure": {"sections": [_section(n, span) for n, span in enumerate(known["sections"])]},
        "theory": {
            "roman_numerals": [_numeral(span) for span in known["chords"] if span["label"] != "N"],
            "progression": "I-V-vi-IV",
            "cadences": [{"time_s": known["chords"][-2]["start_s"], "type": "authentic"}],
            "genres": [{"genre": "pop", "confidence": 0.6, "reasons": ["progression I-V-vi-IV"]}],
        },
        "pitch": {
            "f0_hz": [float("nan") if hz is None else hz for hz in known["f0_hz"]],
            "f0_hop_s": known["f0_hop_s"],
            "vibrato_rate_hz": known["vibrato_rate_hz"],
            "vibrato_depth_cents": known["vibrato_depth_cents"],
            "vibrato_extent": 0.4,
            "breaths": known["breaths"],
            "pitch_source": "mix",
        },
        "lyrics": {
            "has_vocals": True,
            "language": "en",
            "text": " ".join(word["word"] for word in sung),
            "words": sung,
        },
        "phonemes": {
            "phonemes_ipa": " ".join(note["vowel"] for note in known["notes"]),
            "phonemes": [{"phoneme": n["vowel"], "start_s": n["start_s"], "end_s": n["end_s"]} for n in known["notes"]],
        },
        "prompt": {"prompt": f"A {known['key']} song at {known['tempo_bpm']} bpm.", "prompt_source": "template"},
    }


def _sung(notes: Sequence[Mapping[str, Any]], words: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {"word": f" {words[n % len(words)]}", "start_s": note["start_s"], "end_s": note["end_s"], "probability": 0.9}
        for n, note in enumerate(notes)
    ]


def _section(number: int, span: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: span[name] for name in ("start_s", "end_s", "type", "has_vocals")}
    return {**known, "cluster": number, "energy": 0.5, "confidence": 0.75, "rule": "as composed"}


def _numeral(span: Mapping[str, Any]) -> dict[str, Any]:
    numeral, function = _NUMERALS.get(span["label"], ("vi", "tonic_substitute"))
    return {"start_s": span["start_s"], "end_s": span["end_s"], "numeral": numeral, "degree": 1, "function": function}
