"""A fake dataset with every fragment that dataset format muzible-v3.1 asks for."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from fakes import Fake, fingerprint, track, track_id
from pipeline.fragments import known_fragments
from schemas.fragment import Fragment, column
from schemas.fragments.clap import CLAP
from schemas.fragments.clap_text import CLAP_TEXT
from schemas.fragments.phonemes import PHONEMES
from schemas.fragments.prompt import PROMPT
from schemas.fragments.singer_vocals import SINGER_VOCALS

WORD = pa.struct([("word", pa.string()), ("start_s", pa.float32()), ("end_s", pa.float32())])
SECTION = pa.struct(
    [
        ("start_s", pa.float32()),
        ("end_s", pa.float32()),
        ("type", pa.string()),
        ("cluster", pa.int32()),
        ("energy", pa.float32()),
        ("has_vocals", pa.bool_()),
        ("confidence", pa.float32()),
    ]
)
LYRICS = Fragment(
    "lyrics",
    1,
    "As in the plan of columns.",
    (
        column("has_vocals", pa.bool_(), doc="."),
        column("text", pa.string(), doc="."),
        column("words", pa.list_(WORD), doc="."),
        column("sentiment", pa.string(), doc="."),
    ),
)
STRUCTURE = Fragment("structure", 1, "As in the plan of columns.", (column("sections", pa.list_(SECTION), doc="."),))
NOT_REGISTERED = (SINGER_VOCALS, CLAP, CLAP_TEXT, PHONEMES, PROMPT, LYRICS, STRUCTURE)
FRAGMENTS = {fragment.name: fragment for fragment in NOT_REGISTERED} | known_fragments()
PRINTS = {name: fingerprint(name) for name in FRAGMENTS}

ROWS: dict[str, dict[str, Any]] = {
    "tracks": {
        "title": "Zażółć",
        "artist": "Artist 0",
        "album": None,
        "genre_tag": "Rock",
        "year": 1994,
        "duration_s": 2.02,
        "sample_rate_hz": 44100,
    },
    "level": {"loudness_lufs": -8.3, "energy": 0.1},
    "rhythm": {"tempo_bpm": 120.1, "beats_s": [0.1, 0.6, 1.1], "downbeats_s": [0.1], "time_signature": "3/4"},
    "harmony": {
        "key": "F# minor",
        "chords": [
            {"start_s": 0.0, "end_s": 1.0, "label": "F#:min", "confidence": 0.5},
            {"start_s": 1.0, "end_s": 2.02, "label": "N", "confidence": 0.5},
        ],
    },
    "pitch": {
        "f0_hz": [440.1, math.nan, 441.3],
        "f0_hop_s": 1.01,
        "voiced": [True, False, True],
        "vibrato_rate_hz": 5.2,
        "vibrato_depth_cents": 15.3,
        "vibrato_extent": 0.8,
        "breaths": [{"start_s": 0.3, "end_s": 0.4}],
    },
    "singer": {"voice_embedding": [0.0625] * 256},
    "singer_vocals": {"voice_embedding_vocals": [-0.0625] * 256, "ecapa_embedding": [0.1] * 192},
    "clap": {"clap_audio_embedding": [0.1] * 512},
    "clap_text": {"clap_text_embedding": [-0.1] * 512},
    "lyrics": {
        "has_vocals": True,
        "text": "la, la",
        "words": [
            {"word": " la,", "start_s": 0.2, "end_s": 0.3},
            {"word": " la", "start_s": 1.2, "end_s": 1.3},
        ],
        "sentiment": "positive",
    },
    "phonemes": {
        "phonemes_ipa": "tɛst tɛst",
        "phonemes": [
            {"phoneme": "t", "start_s": 0.2, "end_s": 0.25},
            {"phoneme": "ɛ", "start_s": 0.25, "end_s": 0.3},
        ],
    },
    "prompt": {"prompt": "A rock song.", "prompt_source": "template"},
    "structure": {
        "sections": [
            {"start_s": 0.0, "end_s": 1.1, "type": "intro", "cluster": 0, "energy": 0.3, "has_vocals": False},
            {"start_s": 1.1, "end_s": 2.0, "type": "verse", "cluster": 1, "energy": 0.6, "has_vocals": True},
            {"start_s": 2.0, "end_s": 2.02, "type": "outro", "cluster": 0, "energy": 0.3, "has_vocals": None},
        ]
    },
}
"""One track's columns, a fragment."""

OBJECT: dict[str, Any] = {
    "audio_path": "/music/0 ü.wav",
    "track_id": track_id(0),
    "artist": "Artist 0",
    "title": "Zażółć",
    "album": None,
    "genre": "Rock",
    "year": 1994,
    "prompt": "A rock song.",
    "text_sentiment": "positive",
    "duration": 2.02,
    "sample_rate": 44100,
    "tempo": 120.1,
    "key": "F# minor",
    "time_signature": "3/4",
    "loudness_db": -8.3,
    "energy": 0.1,
    "has_vocals": True,
    "lyrics": "la, la",
    "phonemes_ipa": "tɛst tɛst",
    "voice_embedding": [0.0625] * 256,
    "voice_embedding_separated": [-0.0625] * 256,
    "ecapa_embedding": [0.1] * 192,
    "clap_audio_embedding": [0.1] * 512,
    "clap_text_embedding": [-0.1] * 512,
    "segments": [
        {"type": "intro", "start": 0.0, "end": 1.1, "energy": 0.3, "has_vocals": False, "lyrics": "la,"},
        {"type": "verse", "start": 1.1, "end": 2.0, "energy": 0.6, "has_vocals": True, "lyrics": "la"},
        {"type": "outro", "start": 2.0, "end": 2.02, "energy": 0.3, "has_vocals": None},
    ],
    "beat_positions": [[0.1, 0.6], [0.6, 1.1]],
    "downbeat_positions": [0.1],
    "chord_progression": ["F#:min", "N"],
    "f0_contour": [440.1, 0.0, 441.3],
    "f0_voiced_mask": [True, False, True],
    "vibrato_rate": 5.2,
    "vibrato_depth": 0.153,
    "vibrato_extent": 0.8,
    "breath_positions": [[0.3, 0.4]],
    "phoneme_timestamps": [
        {"phoneme": "t", "start": 0.2, "end": 0.25},
        {"phoneme": "ɛ", "start": 0.25, "end": 0.3},
    ],
}
"""The object that ``ROWS`` become."""


def one_track(folder: Path) -> Fake:
    """A dataset of track 0, with ``ROWS``, and of track 1, with a row of ``tracks`` alone and no file."""
    fake = Fake(folder)
    for name, columns in ROWS.items():
        fake.rows(name, [{"track_id": track_id(0), **columns}], PRINTS[name], FRAGMENTS[name])
    fake.rows("tracks", [track(1, artist=None, title=None)], PRINTS["tracks"])
    fake.file("/music/0 ü.wav", track_id(0))
    fake.run({name: PRINTS[name] for name in ROWS})
    return fake


def many_tracks(folder: Path, num_tracks: int, num_frames: int = 20, shards: int = 5) -> Fake:
    """A dataset of tracks that measure differently; every fragment has them in another order."""
    fake = Fake(folder)
    random = np.random.default_rng(num_tracks)
    rows = {
        "tracks": lambda n: track(n, artist=f"Artist {n % 7}", genre_tag=None if n % 3 else "Jazz"),
        "rhythm": lambda n: {"tempo_bpm": 60 + n / 8, "beats_s": [n / 8, n / 4]},
        "pitch": lambda n: {"f0_hz": random.uniform(80, 800, num_frames).astype(np.float32).tolist()},
        "singer": lambda n: {"voice_embedding": random.normal(size=256).tolist()} if n % 2 else None,
    }
    for name, row in rows.items():
        order = random.permutation(num_tracks).tolist()
        for part in np.array_split(order, shards):
            _commit(fake, name, [{"track_id": track_id(n), **columns} for n in part if (columns := row(int(n)))])
    fake.plain("files", [fake.file_row(f"/music/{n}.wav", track_id(n)) for n in range(num_tracks)])
    fake.run({name: PRINTS[name] for name in rows})
    return fake


def _commit(fake: Fake, name: str, rows: Sequence[dict[str, Any]]) -> None:
    fake.rows(name, rows, PRINTS[name], FRAGMENTS[name])
