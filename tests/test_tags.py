"""Tags in every format, in every broken encoding: clean text or null, never an exception."""

import io
from collections.abc import Callable
from typing import Any

import mutagen
import mutagen.flac
import mutagen.id3
import mutagen.mp4
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from encoded import encode, sine, wav
from pipeline.tags import read_tags
from schemas.fragments.tracks import TRACKS

FILES = {
    "mp3": encode(sine(0.2), 44100, "mp3", "libmp3lame"),
    "wav": wav(sine(0.1)),
    "aiff": wav(sine(0.1), format="AIFF"),
    "flac": wav(sine(0.2), format="FLAC"),
    "ogg": wav(sine(0.2), format="OGG"),
    "opus": encode(sine(0.2, 48000), 48000, "ogg", "libopus"),
    "m4a": encode(sine(0.2), 44100, "ipod", "aac"),
    "wma": encode(sine(0.2), 44100, "asf", "wmav2"),
}
ID3_FILES, VORBIS_FILES = ("mp3", "wav", "aiff"), ("flac", "ogg", "opus")

SONG = {
    "title": "Títle 🎵",
    "artist": "First; Second",
    "album": "Album",
    "album_artist": "Everyone",
    "year": 2003,
    "genre_tag": "Rock",
    "track_number": 3,
    "isrc": "USRC17607839",
    "rights": "© 2003 Nobody",
    "language_tag": "pol",
}
ID3 = {
    "TIT2": "Títle 🎵",
    "TPE1": ["First", "Second", "First"],
    "TALB": "Album",
    "TPE2": "Everyone",
    "TDRC": "2003-05-01",
    "TCON": "(17)",
    "TRCK": "3/12",
    "TSRC": "USRC17607839",
    "TCOP": "© 2003 Nobody",
    "TLAN": "pol",
}
VORBIS = {
    "TITLE": "Títle 🎵",
    "artist": ["First", "Second"],
    "album": "Album",
    "albumartist": "Everyone",
    "date": "2003-05-01",
    "genre": "Rock",
    "tracknumber": "03",
    "isrc": "USRC17607839",
    "license": "© 2003 Nobody",
    "language": "pol",
}
MP4 = {
    "\xa9nam": "Títle 🎵",
    "\xa9ART": ["First", "Second"],
    "\xa9alb": "Album",
    "aART": "Everyone",
    "\xa9day": "2003",
    "\xa9gen": "Rock",
    "trkn": [(3, 12)],
    "----:com.apple.iTunes:ISRC": b"USRC17607839",
    "cprt": "© 2003 Nobody",
    "----:com.apple.iTunes:LANGUAGE": b"pol",
}
ASF = {
    "Title": "Títle 🎵",
    "Author": ["First", "Second"],
    "WM/AlbumTitle": "Album",
    "WM/AlbumArtist": "Everyone",
    "WM/Year": "2003",
    "WM/Genre": "Rock",
    "WM/TrackNumber": "3",
    "WM/ISRC": "USRC17607839",
    "Copyright": "© 2003 Nobody",
    "WM/Language": "pol",
}


def tagged(kind: str, tag: Callable[[Any], None]) -> bytes:
    """The file of a format, after ``tag`` has changed its mutagen tags."""
    file = io.BytesIO(FILES[kind])
    opened = mutagen.File(file)
    if opened.tags is None:
        opened.add_tags()
    tag(opened.tags)
    file.seek(0)
    opened.save(file)
    return file.getvalue()


def id3(frames: dict[str, Any], encoding: int = 3) -> Callable[[Any], None]:
    def tag(tags: Any) -> None:
        for name, text in frames.items():
            tags.add(mutagen.id3.Frames[name](encoding=encoding, text=text))

    return tag


def song_file(kind: str) -> bytes:
    if kind in ID3_FILES:
        return tagged(kind, id3(ID3))
    return tagged(kind, lambda tags: tags.update({"m4a": MP4, "wma": ASF}.get(kind, VORBIS)))


def read(content: bytes) -> dict[str, Any]:
    return read_tags(io.BytesIO(content))


NOTHING = dict.fromkeys(SONG)


def test_the_columns_are_those_of_the_schema() -> None:
    assert set(NOTHING) <= set(TRACKS.names)
    assert read(b"") == read(b"words") == NOTHING


@pytest.mark.parametrize("kind", FILES)
def test_a_full_set_of_tags(kind: str) -> None:
    assert read(song_file(kind)) == SONG


@pytest.mark.parametrize("kind", FILES)
def test_a_file_without_tags(kind: str) -> None:
    assert read(FILES[kind]) == NOTHING


@pytest.mark.parametrize("encoding", range(4))
def test_every_text_encoding_of_id3(encoding: int) -> None:
    assert read(tagged("mp3", id3({"TIT2": "Größe"}, encoding)))["title"] == "Größe"


@pytest.mark.parametrize(
    ("text", "genre"), [("17", "Rock"), ("(4)(17)", "Disco; Rock"), ("(17)Rock", "Rock"), ("CR", "Cover")]
)
def test_numeric_genres_have_names(text: str, genre: str) -> None:
    assert read(tagged("mp3", id3({"TCON": text})))["genre_tag"] == genre


@pytest.mark.parametrize(
    ("date", "year"),
    [
        ("2003", 2003),
        ("2003-05", 2003),
        ("20030501", 2003),
        ("1 May 1999", 1999),
        ("(c) 1888", 1888),
        ("99", None),
        ("", None),
    ],
)
def test_years(date: str, year: int | None) -> None:
    assert read(tagged("flac", lambda tags: tags.update(date=date)))["year"] == year


@pytest.mark.parametrize(
    ("text", "number"),
    [("7", 7), ("07/12", 7), ("0", None), ("A1", None), ("123456789", None), ("-3", None), ("9999", 9999)],
)
def test_track_numbers(text: str, number: int | None) -> None:
    assert read(tagged("flac", lambda tags: tags.update(tracknumber=text)))["track_number"] == number


def id3_with_raw_title(body: bytes) -> bytes:
    """An mp3 whose title frame holds these bytes, the first naming their encoding, and an artist frame after it."""
    frames = b"".join(
        name + len(data).to_bytes(4, "big") + b"\0\0" + data for name, data in ((b"TIT2", body), (b"TPE1", b"\0Artist"))
    )
    size = len(frames)
    size_bytes = bytes([size >> 21 & 127, size >> 14 & 127, size >> 7 & 127, size & 127])
    return b"ID3\x03\0\0" + size_bytes + frames + FILES["mp3"]


@pytest.mark.parametrize(
    ("body", "title"),
    [
        (b"\x00caf\xe9", "café"),
        (b"\x03caf\xc3\xa9", "café"),
        (b"\x01\xff\xfeA\x00\x00\x00\x00\x00", "A"),  # padded with NULs
        (b"\x00one\x00two", "one; two"),
        (b"\x00 \x07line\r\nbreak\x1b[31m ", "line break [31m"),
        (b"\x00", None),
        (b"\x00\x00\x00", None),
    ],
)
def test_odd_bytes_in_id3_text(body: bytes, title: str | None) -> None:
    tags = read(id3_with_raw_title(body))
    assert (tags["title"], tags["artist"]) == (title, "Artist")


@pytest.mark.parametrize(
    "body",
    [
        b"\x03caf\xe9 \xff\xfe",  # not UTF-8
        b"\x01caf\xe9",  # Latin-1 called UTF-16, without a byte order mark
        b"\x01\xff\xfeA\x00\x3d\xd8",  # UTF-16 that ends in half a pair
        b"\x01\xff\xfeabc",  # an odd number of bytes
        b"\x09text",  # an encoding that does not exist
    ],
)
def test_broken_id3_text_is_valid_unicode_or_null_and_hurts_no_neighbour(body: bytes) -> None:
    tags = read(id3_with_raw_title(body))
    assert tags["artist"] == "Artist"
    assert tags["title"] is None or tags["title"].encode().decode() == tags["title"]


def test_vorbis_comments_that_are_no_utf_8() -> None:
    content = tagged("flac", lambda tags: tags.update(title="XXXXX", artist="Artist"))
    tags = read(content.replace(b"XXXXX", b"a\xff\xc3\xa9b"))
    assert tags["artist"] == "Artist"
    assert tags["title"] == "a\N{REPLACEMENT CHARACTER}éb"


def test_lone_surrogates_are_replaced_and_pairs_joined() -> None:
    class Tags(dict[str, Any]):
        vendor = "none"

    from pipeline.tags import _value

    assert (
        _value(Tags(title=["a\udcffb", "\ud83c\udfb5"]), ("title",)) == "a\N{REPLACEMENT CHARACTER}b; \N{MUSICAL NOTE}"
    )


def test_endless_text_is_cut() -> None:
    assert len(read(tagged("flac", lambda tags: tags.update(title="la " * 100_000)))["title"]) <= 1000


def test_tags_do_not_depend_on_the_name_or_the_sound() -> None:
    damaged = song_file("mp3")
    start = damaged.index(b"\xff\xfb")
    assert read(damaged[:start] + b"no sound" * 100) == SONG


PIECES = {kind: song_file(kind) for kind in FILES}


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(sorted(FILES)),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=12),
    st.floats(0, 1),
)
@example("mp3", [], 1.0)
def test_damaged_tags_never_raise(kind: str, changes: list[tuple[float, int]], end: float) -> None:
    content = bytearray(PIECES[kind])
    for place, value in changes:
        content[int(place**3 * (len(content) - 1))] = value  # most tags stand in front
    tags = read(bytes(content[: int(end**0.2 * len(content))]))
    assert tags.keys() == SONG.keys()
    for value in tags.values():
        assert value is None or isinstance(value, int) or (value.encode().decode() == value and "\0" not in value)
