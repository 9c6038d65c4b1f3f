"""Tags through mutagen, as clean Unicode text whatever the file claims."""

import re
import struct
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from pipeline.decode_source import Source

Tags = dict[str, str | int | None]

_MAX_CHARACTERS = 1000

_KEYS: dict[str, dict[str, tuple[str, ...]]] = {
    "id3": {
        "title": ("TIT2",),
        "artist": ("TPE1",),
        "album": ("TALB",),
        "album_artist": ("TPE2",),
        "year": ("TDRC", "TDRL", "TDOR"),
        "genre_tag": ("TCON",),
        "track_number": ("TRCK",),
        "isrc": ("TSRC",),
        "rights": ("TCOP", "WCOP", "TXXX:LICENSE", "TXXX:license"),
        "language_tag": ("TLAN",),
    },
    "vorbis": {
        "title": ("title",),
        "artist": ("artist",),
        "album": ("album",),
        "album_artist": ("albumartist", "album artist", "album_artist"),
        "year": ("date", "year"),
        "genre_tag": ("genre",),
        "track_number": ("tracknumber", "track"),
        "isrc": ("isrc",),
        "rights": ("copyright", "license", "rights"),
        "language_tag": ("language",),
    },
    "mp4": {
        "title": ("\xa9nam",),
        "artist": ("\xa9ART",),
        "album": ("\xa9alb",),
        "album_artist": ("aART",),
        "year": ("\xa9day",),
        "genre_tag": ("\xa9gen",),
        "track_number": ("trkn",),
        "isrc": ("----:com.apple.iTunes:ISRC",),
        "rights": ("cprt", "----:com.apple.iTunes:LICENSE"),
        "language_tag": ("----:com.apple.iTunes:LANGUAGE",),
    },
    "asf": {
        "title": ("Title",),
        "artist": ("Author",),
        "album": ("WM/AlbumTitle",),
        "album_artist": ("WM/AlbumArtist",),
        "year": ("WM/Year",),
        "genre_tag": ("WM/Genre",),
        "track_number": ("WM/TrackNumber",),
        "isrc": ("WM/ISRC",),
        "rights": ("Copyright", "LICENSE"),
        "language_tag": ("WM/Language",),
    },
    "ape": {
        "title": ("Title",),
        "artist": ("Artist",),
        "album": ("Album",),
        "album_artist": ("Album Artist",),
        "year": ("Year",),
        "genre_tag": ("Genre",),
        "track_number": ("Track",),
        "isrc": ("ISRC",),
        "rights": ("Copyright",),
        "language_tag": ("Language",),
    },
}
"""Column -> the keys that hold it in a kind of tag, in order of preference."""

_COLUMNS = tuple(_KEYS["id3"])

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_YEAR = re.compile(r"(?<!\d)([12]\d{3})(?:\d{4})?(?!\d)")
_TRACK_NUMBER = re.compile(r"\s*0*([1-9]\d{0,3})(?!\d)")

_BROKEN = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError, EOFError, struct.error)
"""What mutagen raises on damaged tags besides its own errors."""


def read_tags(file: BinaryIO) -> Tags:
    """Return the tag columns of the tracks fragment; None for each that the file has not, or not readably.

    Several values are joined by "; ", the numeric genres of ID3 become names, dates their year. Text is valid
    Unicode on one line, cut at 1000 characters. Never raises because of what the file holds.
    """
    tags = _load(Source(file))
    kind = None if tags is None else _kind(tags)
    if tags is None or kind is None:
        return dict.fromkeys(_COLUMNS)
    values = {column: _value(tags, keys) for column, keys in _KEYS[kind].items()}
    return values | {
        "year": _number(_YEAR.search(values["year"] or "")),
        "track_number": _number(_TRACK_NUMBER.match(values["track_number"] or "")),
    }


def _load(source: Source) -> Mapping[str, Any] | None:
    import mutagen
    import mutagen.id3

    for load in (mutagen.File, mutagen.id3.ID3):  # the second finds ID3 where the audio around it makes no sense
        try:
            loaded = load(source.again())
        except (mutagen.MutagenError, *_BROKEN):
            continue
        tags: Mapping[str, Any] | None = getattr(loaded, "tags", None) if load is mutagen.File else loaded
        if tags:
            return tags
    return None


def _kind(tags: Mapping[str, Any]) -> str | None:
    from mutagen.apev2 import APEv2
    from mutagen.asf import ASFTags
    from mutagen.id3 import ID3
    from mutagen.mp4 import MP4Tags

    kinds = {"id3": ID3, "mp4": MP4Tags, "asf": ASFTags, "ape": APEv2}
    exact = (kind for kind, tag_type in kinds.items() if isinstance(tags, tag_type))
    return next(exact, "vorbis" if hasattr(tags, "vendor") else None)


def _value(tags: Mapping[str, Any], keys: tuple[str, ...]) -> str | None:
    """Return the first key's values that have any text, joined; None if there is none."""
    for key in keys:
        try:
            texts = [_clean(text) for text in _texts(tags[key])]
        except (KeyError, *_BROKEN):
            continue
        joined = "; ".join(dict.fromkeys(text for text in texts if text))
        if joined:
            return joined[:_MAX_CHARACTERS].rstrip()
    return None


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts in whatever mutagen keeps a value as."""
    if isinstance(value, bytes):
        yield value.decode("utf-8", "replace")
    elif isinstance(value, tuple):  # MP4 track number: (number, total)
        yield str(value[0])
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif hasattr(value, "genres"):  # ID3 content type: "(17)" and "17" stand for "Rock"
        yield from value.genres
    elif hasattr(value, "text"):  # other ID3 and APE text
        yield from _texts(value.text)
    elif hasattr(value, "url"):
        yield value.url
    elif hasattr(value, "value"):  # an ASF attribute
        yield from _texts(value.value)
    else:
        yield from str(value).split("\0")


def _clean(text: str) -> str:
    """Join surrogate pairs, replace lone ones by U+FFFD, drop control characters, and put it on one line."""
    valid = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return " ".join(_CONTROL.sub(" ", valid).split())


def _number(match: re.Match[str] | None) -> int | None:
    return int(match[1]) if match else None
