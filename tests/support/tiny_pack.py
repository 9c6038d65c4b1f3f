"""Small datasets with a payload, and packs of them, for tests: made by muze itself, the same on every run."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fakes import Fake, fingerprint, track_id
from jobs.packing.sources import Source
from jobs.packing.write import Request, write_pack
from pipeline.snapshot import create_snapshot
from schemas.fragments.clap import CLAP
from schemas.fragments.clap_text import CLAP_TEXT
from schemas.fragments.codec_tokens import CODEC_TOKENS
from schemas.fragments.harmony import HARMONY
from schemas.fragments.latents import LATENTS
from schemas.fragments.level import LEVEL
from schemas.fragments.lyrics import LYRICS
from schemas.fragments.mel import MEL
from schemas.fragments.phonemes import PHONEMES
from schemas.fragments.pitch import PITCH
from schemas.fragments.prompt import PROMPT
from schemas.fragments.rhythm import RHYTHM
from schemas.fragments.singer import SINGER
from schemas.fragments.singer_vocals import SINGER_VOCALS
from schemas.fragments.structure import STRUCTURE
from schemas.fragments.theory import THEORY
from schemas.fragments.tracks import TRACKS
from schemas.mel_specs import MEL_SPECS

FRAGMENTS = {
    fragment.name: fragment
    for fragment in (
        *(TRACKS, LEVEL, RHYTHM, HARMONY, STRUCTURE, THEORY, PITCH, SINGER, SINGER_VOCALS, LYRICS, PHONEMES, CLAP),
        *(PROMPT, CLAP_TEXT, MEL, LATENTS, CODEC_TOKENS),
    )
}
PRINTS = {name: fingerprint(name) for name in FRAGMENTS}
RATES_HZ = {"vae": 100.0, "ldm": 12.5, "codec-lm": 50.0}
SHAPES = {"vae": (1, 128), "ldm": (16, 16), "codec-lm": (4,)}

Columns = Mapping[str, Mapping[str, Any]]
"""Fragment -> columns of a track."""


def payload_of(task: str, number: int, duration_s: float) -> np.ndarray:
    """What a track has by default: numbers that follow from its own."""
    shape = (*SHAPES[task], round(duration_s * RATES_HZ[task]))
    random = np.random.default_rng(number)
    if task == "codec-lm":
        return random.integers(0, 2048, shape).astype("<u2")
    return (random.normal(size=shape) * 2 - 5).astype("<f2")


def payload_columns(task: str, array: np.ndarray) -> Columns:
    """The row of a payload's fragment."""
    data, shape = array.tobytes(), list(array.shape)
    if task == "vae":
        return {"mel": {"mel": data, "mel_shape": shape, "mel_spec": json.dumps(MEL_SPECS["32k"].to_dict())}}
    if task == "ldm":
        facts = {"latents_rate_hz": RATES_HZ[task], "latents_encoder": "tiny"}
        return {"latents": {"latents": data, "latents_shape": shape, **facts}}
    facts = {"tokens_rate_hz": RATES_HZ[task], "codebook_size": 2048, "codec_tokens_model": "tiny"}
    return {"codec_tokens": {"tokens": data, "tokens_shape": shape, **facts}}


def columns_of(task: str, number: int, duration_s: float = 25.0) -> Columns:
    """A track of which everything is known that differs from track to track."""
    times = np.arange(0, duration_s, 0.01)
    beats_s = np.arange(0.25, duration_s, 0.5 + number % 3 / 10).tolist()
    chords = [{"start_s": s, "end_s": s + 2.0, "label": "C:maj" if s % 4 else "A:min"} for s in range(0, 24, 2)]
    return {
        "tracks": {"artist": f"Artist {number}", "title": f"Song {number}", "duration_s": duration_s},
        "level": {"loudness_lufs": -10.0 - number, "energy": 0.5},
        "rhythm": {"tempo_bpm": 90.0 + number, "beats_s": beats_s, "time_signature": "4/4"},
        "harmony": {"key": "C major", "key_index": number % 24, "chords": chords},
        "pitch": {
            "f0_hz": (200 + number + 20 * np.sin(times)).astype(np.float32),
            "f0_hop_s": 0.01,
            "voiced": np.ones(len(times), bool),
            "pitch_source": "vocals",
        },
        "singer": {"voice_embedding": np.full(256, 1 / 16, np.float32)},
        "prompt": {"prompt": f"Song number {number}.", "prompt_source": "template"},
        **payload_columns(task, payload_of(task, number, duration_s)),
    }


def dataset_of(folder: Path, tracks: Mapping[int, Columns], shards: int = 2) -> Fake:
    """A dataset of tracks by number, every fragment in some shards of its own."""
    fake = Fake(folder)
    names = [name for name in FRAGMENTS if any(name in columns for columns in tracks.values())]
    for name in names:
        rows = [{"track_id": track_id(n), **columns[name]} for n, columns in tracks.items() if name in columns]
        for part in range(shards):
            if rows[part::shards]:
                fake.rows(name, rows[part::shards], PRINTS[name], FRAGMENTS[name])
    fake.plain("files", [fake.file_row(f"/music/{n}.wav", track_id(n)) for n in tracks])
    fake.run({name: PRINTS[name] for name in names})
    return fake


def source_of(fake: Fake, name: str = "all", seed: int = 0, shares: Mapping[str, float] | None = None) -> Source:
    """A snapshot of everything; a third of the artists each to valid and test, so that few tracks do."""
    split = shares or {"train": 0.5, "valid": 0.25, "test": 0.25}
    return Source(fake.location, fake.dataset, create_snapshot(fake.dataset, name, seed, split))


def request_of(task: str, **changes: Any) -> Request:
    """Windows of 5.12 seconds, each of its own group if they are mels, all in one shard a split."""
    settings: dict[str, Any] = {"task": task, "window_s": 5.12, "hop_s": 5.12, "align": "fixed", "mel_rate_hz": None}
    return Request(**settings | {"seed": 0, "shard_mib": 128} | changes)


def tiny_pack(
    folder: Path,
    task: str,
    num_tracks: int = 16,
    columns: Callable[[str, int], Columns] = columns_of,
    **request: Any,
) -> Path:
    """Write the dataset and the pack of tracks into a folder; return the pack's. ``request`` changes ``Request``."""
    fake = dataset_of(folder / "dataset", {n: columns(task, n) for n in range(num_tracks)})
    write_pack([source_of(fake)], request_of(task, **request), str(folder / "pack"), lambda _: None)
    return folder / "pack"
