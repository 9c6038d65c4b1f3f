"""A folder of annotated audio: ``manifest.csv``, and under ``annotations`` a folder or a table a kind of truth.

``annotations/KIND/ID.csv`` holds events or spans of one file, ``annotations/KIND.csv`` a line a file. What is
absent is not known. Machine output (``f0_machine``) and labels of a part of a file only (``beats_partial``,
``sama``) are no truth to score whole files by and are not read.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.scoring.piece import ANNOTATED, Contour, Piece, Span, Truth
from schemas.pitch_classes import STEPS

Lines = list[dict[str, str]]

NOTE = re.compile(r"([A-G])(#|b)?(-?\d)")
_KEY = re.compile(r"[A-G][#b]? (major|minor)")
_NOTE_IN_BASS = re.compile(r"/[A-G][#b]*$")  # Harte has degrees there; neither vocabulary looks at it
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
VOICELESS = re.compile("(pau|sil|sp|br|cl|p|py|t|ty|ts|k|ky|s|sh|ch|f|fy|h|hy|hh|th)", re.IGNORECASE)
"""Silence and voiceless consonants, as Japanese singing voice labels and ARPAbet write them."""


def read_folder(folder: Path) -> list[Piece]:
    """Every file of the manifest about which something is known. FileNotFoundError without a manifest."""
    annotations = folder / "annotations"
    tables = {path.stem: {line["id"]: line for line in read_csv(path)} for path in annotations.glob("*.csv")}
    pieces = []
    for line in read_csv(folder / "manifest.csv"):
        facts = {name: table[line["id"]] for name, table in tables.items() if line["id"] in table}
        truth = {**_from_files(annotations, line["id"]), **_from_tables(facts)}
        if truth:
            pieces.append(Piece(line["id"], folder / line["path"], ANNOTATED, truth))
    return pieces


def read_csv(path: Path) -> Lines:
    """The lines of a CSV file by its header; none if there is no such file, unless it is a manifest."""
    if not path.exists() and path.name != "manifest.csv":
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _from_files(folder: Path, name: str) -> Truth:
    def lines(kind: str, suffix: str = "") -> Lines:
        return read_csv(folder / kind / f"{name}{suffix}.csv")

    beats, notes, phonemes = lines("beats"), lines("notes"), lines("phonemes")
    downbeats = [line for line in beats if line["beat_in_bar"] == "1"] or lines("measures")
    parts = [_contour(read_csv(path)) for path in sorted((folder / "f0").glob(f"{name}.*.csv"))]
    found = {
        "beats_s": times_s(beats),
        "downbeats_s": times_s(downbeats),
        "onsets_s": times_s(lines("onsets")) or sorted({float(line["start_s"]) for line in notes}),
        "chords": [
            span._replace(label=_NOTE_IN_BASS.sub("", span.label))
            for span in spans(lines("chords", ".full_vocab") or lines("chords"), "chord")
        ],
        "sections": spans(lines("segments"), "label"),
        "vibrato": [_vibrato(line) for line in lines("vibrato")],
        "words": spans(lines("lyrics_words"), "word"),
        "phonemes": spans(phonemes, "phoneme"),
        "f0": _contour(lines("f0")) or _sung_score(_contour(lines("score_f0")), phonemes),
        "f0_parts": parts,
    }
    return {kind: value for kind, value in found.items() if value}


def _from_tables(facts: dict[str, dict[str, str]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if tempi := tempi_bpm(facts.get("tempo", {}).get("bpm", "")):
        found["tempi_bpm"] = tempi
    if _KEY.fullmatch(key := facts.get("key", {}).get("key", "")):  # a key of no single mode is no key to score
        found["key"] = key
    if note := facts.get("single_notes", {}).get("note"):
        found["note_midi"] = midi_number(note)
    if speaker := facts.get("speakers", {}).get("speaker"):
        found["speaker"] = speaker
    return found


def times_s(lines: Iterable[dict[str, str]]) -> list[float]:
    return [float(line["time_s"]) for line in lines]


def spans(lines: Iterable[dict[str, str]], label: str) -> list[Span]:
    return [Span(float(line["start_s"]), float(line["end_s"]), line[label]) for line in lines]


def tempi_bpm(text: str) -> list[float]:
    """Tempi as annotated, the likelier first: ``120``, or ``87.5|175 (0.7)``, with the share of taps at the first."""
    tempi, _, share = text.partition("(")
    found = [float(number) for number in _NUMBER.findall(tempi)]
    is_second_likelier = share and float(_NUMBER.findall(share)[0]) < 0.5
    return found[::-1] if is_second_likelier else found


def midi_number(note: str) -> int:
    """MIDI number of a note such as F#4; C4 = 60. ValueError if it is none."""
    match = NOTE.fullmatch(note)
    if match is None:
        raise ValueError(f"{note!r} is no note")
    step, sign, octave = match.groups()
    return STEPS[step] + {"#": 1, "b": -1, None: 0}[sign] + 12 * (int(octave) + 1)


def _contour(lines: Lines) -> Contour | None:
    return Contour(times_s(lines), [float(line["f0_hz"]) for line in lines]) if lines else None


def _vibrato(line: dict[str, str]) -> Span:
    has_vibrato = line["is_vibrato"].lower() in ("1", "true", "yes")
    return Span(float(line["start_s"]), float(line["end_s"]), "yes" if has_vibrato else "no")


def _sung_score(score: Contour | None, phonemes: Lines) -> Contour | None:
    """The written notes, every 10 ms where phonemes name them, silent where a phoneme has no voice."""
    score = score or _notes_of(phonemes)
    if score is None:
        return None
    silent = [span for span in spans(phonemes, "phoneme") if VOICELESS.fullmatch(span.label)]
    sung = zip(score.times_s, score.f0_hz, strict=True)
    f0_hz = [0.0 if any(start <= t < end for start, end, _ in silent) else hz for t, hz in sung]
    return Contour(score.times_s, f0_hz)


def _notes_of(phonemes: Lines) -> Contour | None:
    """The notes of phonemes that say on which they are sung."""
    sung = [(float(p["start_s"]), float(p["end_s"]), midi_number(p["score_note"])) for p in _with_notes(phonemes)]
    if not sung:
        return None
    times = [frame / 100 for frame in range(int(float(phonemes[-1]["end_s"]) * 100) + 1)]
    f0_hz = [next((440 * 2 ** ((midi - 69) / 12) for start, end, midi in sung if start <= t < end), 0.0) for t in times]
    return Contour(times, f0_hz)


def _with_notes(phonemes: Lines) -> Iterator[dict[str, str]]:
    return (line for line in phonemes if NOTE.fullmatch(line.get("score_note") or ""))
