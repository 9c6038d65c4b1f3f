"""A song of five equal bars that is nothing but its truth, and packs of it and of nothing else.

Its tones have harmonics where a log-mel of 32 kHz tells semitones apart, so that Griffin-Lim leaves it its key.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from featurizers.audio import Audio
from jobs.packing.write import write_pack
from schemas.mel_specs import MEL_SPECS
from tiny_pack import dataset_of, request_of, source_of

SPEC = MEL_SPECS["32k"]
TEMPO_BPM = 150
KEY_INDEX = 2
"""D major."""
ROOTS_MIDI = (62, 69, 62, 67)
"""Of the major triads on the beats of a bar: I V I IV."""
NUM_BARS = 5
BEAT_S = 60 / TEMPO_BPM
BAR_S = len(ROOTS_MIDI) * BEAT_S


def song(num_bars: int = NUM_BARS) -> Audio:
    """Triads and a melody an octave above them that die away, and a click on every beat, loudest on the first."""
    bar = np.concatenate([_beat(number, root) for number, root in enumerate(ROOTS_MIDI)])
    samples = np.tile(bar, num_bars)
    return Audio((0.7 * samples / np.abs(samples).max()).astype(np.float32)[None], SPEC.rate_hz)


def _beat(number: int, root_midi: int) -> np.ndarray:
    time_s = np.arange(round(BEAT_S * SPEC.rate_hz)) / SPEC.rate_hz
    triad = [60 + (root_midi + interval) % 12 for interval in (0, 4, 7)]
    chord = sum(_tone(midi, time_s, 0.6) for midi in triad)
    click = np.random.default_rng(0).normal(size=len(time_s)) * np.exp(-time_s / 0.006)
    return 0.12 * chord + 0.3 * _tone(triad[number % 3] + 12, time_s, 0.25) + (0.25 if number else 0.5) * click


def _tone(midi: int, time_s: np.ndarray, decay_s: float) -> np.ndarray:
    phase = 2 * np.pi * 440 * 2 ** ((midi - 69) / 12) * time_s
    edges = np.minimum(time_s / 0.005, 1) * np.minimum((BEAT_S - time_s) / 0.02, 1)
    harmonics = [gain * np.sin(number * phase) for number, gain in ((1, 1.0), (2, 0.5), (3, 0.25), (4, 0.12))]
    tone: np.ndarray = np.sum(harmonics, axis=0) * edges * np.exp(-time_s / decay_s)
    return tone


def song_pack(folder: Path, task: str, num_bars: int, columns: Mapping[str, Mapping[str, Any]]) -> Path:
    """A pack of so many bars of the song, all to train on; ``columns`` are the fragment with its payload."""
    tracks = {"artist": "Artist", "title": "Song", "duration_s": num_bars * BAR_S}
    fake = dataset_of(folder / "dataset", {0: {"tracks": tracks, **columns}}, shards=1)
    request = request_of(task, window_s=BAR_S, hop_s=BAR_S)
    write_pack([source_of(fake, shares={"train": 1.0})], request, str(folder / "pack"), lambda _: None)
    return folder / "pack"
