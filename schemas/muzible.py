"""Dataset format muzible-v3.1: the fields of its JSON objects, and the columns that they come from.

Seconds, Hz and 0-1 shares are the same there. What is not:

- ``track_id`` is an integer there and stays our string of 32 hex digits, which is longer than JSON's integers.
- ``audio_path`` is the first of the track's files.
- ``loudness_db`` is our ``loudness_lufs``.
- ``vibrato_depth`` is in semitones: the format's table says cents, but its example, 0.15, can only be semitones.
- ``beat_positions`` are pairs, from each beat to the next; ``chord_progression`` has labels without times.
- ``f0_contour`` is 0.0 where unvoiced. The format does not tell the hop; ours is 0.01 s.

Where a track has no value, or the dataset not the fragment, lists are empty and everything else is null.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas import muzible_values as values

FORMAT = "muzible-v3.1"
AUDIO_PATH, TRACK_ID = "audio_path", "track_id"

Form = Mapping[str, Any]
"""A JSON schema."""

TEXT: Form = {"type": ["string", "null"]}
BOOLEAN: Form = {"type": ["boolean", "null"]}
INTEGER: Form = {"type": ["integer", "null"]}
NUMBER: Form = {"type": ["number", "null"]}
SHARE: Form = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
TIME: Form = {"type": "number", "minimum": 0}


def list_of(item: Form) -> Form:
    return {"type": "array", "items": item}


def vector(size: int) -> Form:
    return {"type": ["array", "null"], "items": {"type": "number"}, "minItems": size, "maxItems": size}


def object_of(required: Mapping[str, Form], optional: Mapping[str, Form] | None = None) -> Form:
    properties = {**required, **(optional or {})}
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


SPANS = list_of({"type": "array", "items": TIME, "minItems": 2, "maxItems": 2})
SEGMENT = object_of(
    {"type": TEXT, "start": TIME, "end": TIME, "energy": SHARE, "has_vocals": BOOLEAN}, {"lyrics": TEXT}
)
PHONEME = object_of({"phoneme": {"type": "string"}, "start": TIME, "end": TIME})


@dataclass(frozen=True)
class Field:
    """One field, the columns it comes from, and the ways there and back."""

    name: str
    form: Form
    sources: tuple[str, ...]
    """Columns as ``fragment.column``; the value goes back to the first."""
    there: Callable[..., Any] = values.unchanged
    """Values of the columns, the first of which is not None, to the value of the field."""
    back: Callable[[Any], Any] | None = values.unchanged
    """A value that is not null to that of the first column; None for a field that an import treats otherwise."""

    @property
    def fragment(self) -> str:
        return self.sources[0].partition(".")[0]

    @property
    def column(self) -> str:
        return self.sources[0].partition(".")[2]

    def value(self, columns: Mapping[str, Any]) -> Any:
        """The value of the field from columns by their names as ``fragment.column``; any may be absent."""
        first, *others = (columns.get(source) for source in self.sources)
        if first is None:
            return [] if self.form["type"] == "array" else None
        return self.there(first, *others)


FIELDS = (
    Field(AUDIO_PATH, TEXT, ("tracks.uris",), values.first, None),
    Field(TRACK_ID, {"type": "string", "pattern": "^[0-9a-f]{32}$"}, ("tracks.track_id",), values.unchanged, None),
    Field("artist", TEXT, ("tracks.artist",)),
    Field("title", TEXT, ("tracks.title",)),
    Field("album", TEXT, ("tracks.album",)),
    Field("genre", TEXT, ("tracks.genre_tag",)),
    Field("year", INTEGER, ("tracks.year",)),
    Field("prompt", TEXT, ("prompt.prompt",)),
    Field("text_sentiment", TEXT, ("lyrics.sentiment",)),
    Field("duration", {"type": ["number", "null"], "minimum": 0}, ("tracks.duration_s",)),
    Field("sample_rate", INTEGER, ("tracks.sample_rate_hz",)),
    Field("tempo", NUMBER, ("rhythm.tempo_bpm",)),
    Field("key", TEXT, ("harmony.key",)),
    Field("time_signature", TEXT, ("rhythm.time_signature",)),
    Field("loudness_db", NUMBER, ("level.loudness_lufs",)),
    Field("energy", SHARE, ("level.energy",)),
    Field("has_vocals", BOOLEAN, ("lyrics.has_vocals",)),
    Field("lyrics", TEXT, ("lyrics.text",)),
    Field("phonemes_ipa", TEXT, ("phonemes.phonemes_ipa",)),
    Field("voice_embedding", vector(256), ("singer.voice_embedding",)),
    Field("voice_embedding_separated", vector(256), ("singer_vocals.voice_embedding_vocals",)),
    Field("ecapa_embedding", vector(192), ("singer_vocals.ecapa_embedding",)),
    Field("clap_audio_embedding", vector(512), ("clap.clap_audio_embedding",)),
    Field("clap_text_embedding", vector(512), ("clap_text.clap_text_embedding",)),
    Field("segments", list_of(SEGMENT), ("structure.sections", "lyrics.words"), values.segments, values.sections),
    Field("beat_positions", SPANS, ("rhythm.beats_s",), values.pairs_of_beats, values.beats),
    Field("downbeat_positions", list_of(TIME), ("rhythm.downbeats_s",)),
    Field("chord_progression", list_of({"type": "string"}), ("harmony.chords",), values.labels, None),
    Field(
        "f0_contour",
        list_of({"type": "number", "minimum": 0}),
        ("pitch.f0_hz",),
        values.zero_where_unvoiced,
        values.nan_where_unvoiced,
    ),
    Field("f0_voiced_mask", list_of({"type": "boolean"}), ("pitch.voiced",)),
    Field("vibrato_rate", NUMBER, ("pitch.vibrato_rate_hz",)),
    Field("vibrato_depth", NUMBER, ("pitch.vibrato_depth_cents",), values.semitones, values.cents),
    Field("vibrato_extent", SHARE, ("pitch.vibrato_extent",)),
    Field("breath_positions", SPANS, ("pitch.breaths",), values.pairs, values.spans),
    Field("phoneme_timestamps", list_of(PHONEME), ("phonemes.phonemes",), values.timestamps, values.phonemes),
)

VOICES = tuple(field for field in FIELDS if field.fragment in ("singer", "singer_vocals"))
"""Fields that an artist has in ``NAME.artist_embeddings.json``, from columns of the same names in ``artists``."""

_DIALECT = {"$schema": "https://json-schema.org/draft/2020-12/schema"}

SCHEMA: Form = _DIALECT | dict(list_of(object_of({field.name: field.form for field in FIELDS})))
"""JSON schema of a document: an array with an object a track."""

ARTISTS_SCHEMA: Form = _DIALECT | {
    "type": "object",
    "additionalProperties": object_of(
        {"num_tracks": {"type": "integer", "minimum": 1}, **{field.name: field.form for field in VOICES}}
    ),
}
"""JSON schema of ``NAME.artist_embeddings.json``: an object an artist, by the artist's name."""
