"""What a track's picture says in words: its title, and facts about the whole."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from jobs.pictures.track_spans import clock, share
from pipeline.printable import printable
from pipeline.track_rows import TrackRows

_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')
_MAX_NAME_BYTES = 120


@dataclass(frozen=True)
class Fact:
    """A fact with its name, and how sure it is or whence it is, in few words."""

    name: str
    value: str
    note: str = ""


def title(track: TrackRows) -> str:
    """The title tag, else the name of a file, else the track's id."""
    return track.value("tracks", "title") or file_name(track) or track.track_id


def subtitle(track: TrackRows) -> str:
    """Artist, album and year, as far as they are known."""
    year = track.value("tracks", "year")
    parts = (track.value("tracks", "artist"), track.value("tracks", "album"), str(year) if year else None)
    return " · ".join(part for part in parts if part)


def file_name(track: TrackRows) -> str:
    """The name of its file, without the folders, which are nobody's business but the owner's."""
    uris = track.uris or track.gone_uris
    return printable(uris[0].rstrip("/").rpartition("/")[2]) if uris else ""


def picture_name(track: TrackRows) -> str:
    """A file name without suffix that every system takes."""
    name = _NOT_IN_NAMES.sub("-", track.value("tracks", "title") or "").strip(". -")
    name = name.encode("utf-8", "ignore")[:_MAX_NAME_BYTES].decode("utf-8", "ignore").rstrip(". ")
    return name or track.track_id


def facts(track: TrackRows) -> list[Fact]:
    """Key, tempo and so on, of those that the dataset has."""
    return [*_of_harmony(track), *_of_rhythm(track), *_of_genre(track), *_of_level(track), *_of_lyrics(track)]


def _sure(confidence: float | None) -> str:
    return "" if confidence is None else f"{share(confidence)} sure"


def _of_harmony(track: TrackRows) -> Iterator[Fact]:
    key, confidence = track.value("harmony", "key"), track.value("harmony", "key_confidence")
    if key:
        yield Fact("Key", key.replace("#", "♯").replace("b ", "♭ "), _sure(confidence))
    if progression := track.value("theory", "progression"):
        yield Fact("Progression", progression)


def _of_rhythm(track: TrackRows) -> Iterator[Fact]:
    tempo_bpm, confidence = track.value("rhythm", "tempo_bpm"), track.value("rhythm", "tempo_confidence")
    if tempo_bpm:
        yield Fact("Tempo", f"{tempo_bpm:.1f} bpm", _sure(confidence))
    if metre := track.value("rhythm", "time_signature"):
        yield Fact("Metre", metre, _sure(track.value("rhythm", "time_signature_confidence")))


def _of_genre(track: TrackRows) -> Iterator[Fact]:
    genres = [genre for genre in track.value("theory", "genres") or [] if genre and genre["genre"]]
    if genres:
        confidence = genres[0].get("confidence")
        yield Fact("Genre", genres[0]["genre"], "a guess" if confidence is None else f"a guess, {_sure(confidence)}")
    if tag := track.value("tracks", "genre_tag"):
        yield Fact("Genre tag", tag)


def _of_level(track: TrackRows) -> Iterator[Fact]:
    loudness_lufs = track.value("level", "loudness_lufs")
    if loudness_lufs is not None:
        yield Fact("Loudness", f"{loudness_lufs:.1f} LUFS".replace("-", "\N{MINUS SIGN}"))
    if duration_s := track.value("tracks", "duration_s"):
        yield Fact("Duration", clock(duration_s))


def _of_lyrics(track: TrackRows) -> Iterator[Fact]:
    if language := track.value("lyrics", "language"):
        yield Fact("Language", language)
