"""Samples to tagged audio files, and songs to a music folder with its truth beside it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import mutagen
import mutagen.id3
import mutagen.mp4
import mutagen.ogg
import numpy as np
import soundfile

from jobs.demo.render import Stereo, render
from jobs.demo.score import Song
from jobs.demo.songs import SONGS
from jobs.demo.truth import truth

SOUNDFILE_FORMATS = {
    ".wav": ("WAV", "PCM_16"),
    ".aiff": ("AIFF", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
    ".ogg": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
}
BLOCK_SAMPLES = 16384  # libsndfile's Vorbis encoder keeps a whole write on the stack
AAC_BITS_PER_S = 192_000


@dataclass(frozen=True)
class Tags:
    """What a file says about itself; ``None`` is not written."""

    title: str | None = None
    artist: str | None = None
    album: str | None = None
    date: str | None = None
    genre: str | None = None
    track_number: int | None = None
    isrc: str | None = None
    copyright: str | None = None


VORBIS_NAMES = {
    "title": "title",
    "artist": "artist",
    "album": "album",
    "date": "date",
    "genre": "genre",
    "track_number": "tracknumber",
    "isrc": "isrc",
    "copyright": "copyright",
}
ID3_FRAMES = {
    "title": "TIT2",
    "artist": "TPE1",
    "album": "TALB",
    "date": "TDRC",
    "genre": "TCON",
    "track_number": "TRCK",
    "isrc": "TSRC",
    "copyright": "TCOP",
}
MP4_ATOMS = {
    "title": "\xa9nam",
    "artist": "\xa9ART",
    "album": "\xa9alb",
    "date": "\xa9day",
    "genre": "\xa9gen",
    "isrc": "----:com.apple.iTunes:ISRC",
    "copyright": "cprt",
}


def render_songs(folder: Path, songs: Sequence[Song] = SONGS) -> Path:
    """Write every song under ``folder/music/ARTIST/ALBUM`` and ``folder/truth.json``, keyed by file name.

    Returns the music folder. The same songs give the same bytes.
    """
    for song in songs:
        path = folder / "music" / song.release.artist / song.release.album / song.file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_audio(path, *render(song), tags_of(song))
    facts = {song.file_name: truth(song) for song in songs}
    (folder / "truth.json").write_text(json.dumps(facts))
    return folder / "music"


def tags_of(song: Song) -> Tags:
    """The tags of a song."""
    release = song.release
    return Tags(
        title=song.title,
        artist=release.artist,
        album=release.album,
        date=str(release.year),
        genre=release.genre,
        track_number=song.track_number,
        copyright=release.copyright,
    )


def write_audio(path: Path, samples: Stereo, rate_hz: int, tags: Tags | None = None) -> Path:
    """Encode ``(channels, samples)`` by the suffix of the path and tag the file.

    Knows .wav .aiff .flac .mp3 .ogg .opus .m4a. ValueError for another suffix.
    """
    if path.suffix == ".m4a":
        _write_aac(path, samples, rate_hz)
    elif path.suffix in SOUNDFILE_FORMATS:
        _write_soundfile(path, samples, rate_hz)
    else:
        raise ValueError(f"Cannot write {path.suffix!r} files.")
    if tags:
        _tag(path, {name: str(value) for name, value in vars(tags).items() if value is not None})
    if path.suffix in (".ogg", ".opus"):
        _settle_serial(path)
    return path


def _write_soundfile(path: Path, samples: Stereo, rate_hz: int) -> None:
    container, encoding = SOUNDFILE_FORMATS[path.suffix]
    with soundfile.SoundFile(path, "w", rate_hz, samples.shape[0], encoding, format=container) as file:
        for first in range(0, samples.shape[1], BLOCK_SAMPLES):
            file.write(samples[:, first : first + BLOCK_SAMPLES].T)


def _write_aac(path: Path, samples: Stereo, rate_hz: int) -> None:
    layout = {1: "mono", 2: "stereo"}[samples.shape[0]]
    with av.open(str(path), "w", format="ipod") as file:
        stream = file.add_stream("aac", rate=rate_hz, layout=layout)
        stream.bit_rate = AAC_BITS_PER_S
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
        frame.sample_rate, frame.pts = rate_hz, 0
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            file.mux(packet)


def _tag(path: Path, tags: dict[str, str]) -> None:
    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    if isinstance(file.tags, mutagen.id3.ID3):
        for name, text in tags.items():
            file.tags.add(mutagen.id3.Frames[ID3_FRAMES[name]](encoding=3, text=text))
    elif isinstance(file.tags, mutagen.mp4.MP4Tags):
        track_number = tags.pop("track_number", None)
        if track_number:
            file.tags["trkn"] = [(int(track_number), 0)]
        for name, text in tags.items():
            file.tags[MP4_ATOMS[name]] = [text.encode() if name == "isrc" else text]
    else:
        for name, text in tags.items():
            file.tags[VORBIS_NAMES[name]] = text
    file.save()


def _settle_serial(path: Path) -> None:
    """Give the Ogg stream a fixed serial number instead of the encoder's random one, so that bytes repeat."""
    pages = []
    with path.open("rb") as file:
        while True:
            try:
                pages.append(mutagen.ogg.OggPage(file))
            except EOFError:
                break
    for page in pages:
        page.serial = 1
    path.write_bytes(b"".join(page.write() for page in pages))
