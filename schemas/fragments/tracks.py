"""What a file says about itself, and what decoding it showed."""

import pyarrow as pa

from schemas.fragment import Fragment, column

TRACKS = Fragment(
    name="tracks",
    version=2,
    doc="One row a distinct content that decodes: container facts, tags, rights, and signal checks.",
    fields=(
        column("num_bytes", pa.int64(), unit="bytes", doc="Size of the file."),
        column("container", pa.string(), doc="Container format, e.g. flac, mp3, wav, ogg, mov."),
        column("codec", pa.string(), doc="Audio codec, e.g. flac, mp3, pcm_s16le, vorbis, opus, aac."),
        column("sample_rate_hz", pa.int32(), unit="hz", doc="Sample rate in the file."),
        column("num_channels", pa.int16(), doc="Channel count in the file."),
        column("duration_s", pa.float64(), unit="s", doc="Duration of the decoded audio."),
        column("title", pa.string(), doc="Title tag."),
        column("artist", pa.string(), doc="Artist tag."),
        column("album", pa.string(), doc="Album tag."),
        column("album_artist", pa.string(), doc="Album artist tag."),
        column("year", pa.int16(), doc="Year of the date tag."),
        column("genre_tag", pa.string(), doc="Genre tag, as written; numbers of ID3 become names."),
        column("track_number", pa.int16(), doc="Track number tag."),
        column("isrc", pa.string(), doc="International Standard Recording Code tag."),
        column("rights", pa.string(), doc="Copyright or licence tag, as written."),
        column("language_tag", pa.string(), doc="Language tag, as written, e.g. eng, pt-BR, Deutsch."),
        column(
            "peak", pa.float32(), doc="Largest absolute sample of the decoded audio, at most stereo; 1.0 is full scale."
        ),
        column("clipped_ratio", pa.float32(), doc="Share of samples at or above full scale (0.999), 0-1."),
        column("silent_ratio", pa.float32(), doc="Share of 50 ms blocks below -60 dB RMS re full scale, 0-1."),
    ),
)
