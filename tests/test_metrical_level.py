"""At which metrical level beats are counted: in activations made here, and in voices rendered with known beats."""

from dataclasses import replace
from pathlib import Path

import mir_eval
import numpy as np
import pytest
import soundfile

from featurizers.audio import Audio, Sound
from featurizers.beat_trackers import Tracker
from featurizers.featurizer import Inputs
from featurizers.madmom_bars import tempi
from featurizers.metrical_level import Count, Listener
from featurizers.onset_beats import OnsetCurves
from featurizers.rhythm import Rhythm
from jobs.demo.songs import VOICE_AND_SNAPS, short_song
from jobs.demo.write import render_songs

FRAMES_PER_S = 100
NUM_FRAMES = 10 * FRAMES_PER_S
FIRST = 50
"""Frame of the first beat."""


def counted(strength: float, half: float, onset_frames: np.ndarray, beats_per_bar: int = 4) -> Count:
    """What is counted at onsets of equal strength where a beat a second has one activation, half of a beat another."""
    activations = np.full((NUM_FRAMES, 2), 0.02, np.float32)
    for offset, share in zip(range(-2, 3), (0.4, 0.8, 1, 0.8, 0.4), strict=True):
        activations[every(50) + offset, 0] = share * half
        activations[every(100) + offset, 0] = share * strength
        activations[every(100 * beats_per_bar) + offset] = 0.02, share * strength
    strengths = np.zeros(NUM_FRAMES, np.float32)
    strengths[onset_frames] = 1
    onsets = OnsetCurves(strengths, np.zeros_like(strengths), np.zeros_like(strengths))
    tracker = Tracker(lambda _, __: activations, FRAMES_PER_S, 0.0, 0.3)
    count = Listener(tracker, onsets, activations).count((3, 4), tempi(FRAMES_PER_S))
    assert count is not None
    return count


def every(num_frames: int) -> np.ndarray:
    return np.arange(FIRST, NUM_FRAMES - 20, num_frames)


@pytest.mark.parametrize("beats_per_bar", [3, 4])
def test_a_tracker_that_is_hardly_sure_is_weighed_against_onsets(beats_per_bar: int) -> None:
    count = counted(0.15, 0.06, every(50), beats_per_bar)
    assert count.tempo_bpm == pytest.approx(120, abs=0.1)
    assert count.bars.beats_per_bar == beats_per_bar
    begin_s = count.beats_s[count.bars.beat_numbers[: len(count.beats_s)] == 1]
    assert np.isin(every(100 * beats_per_bar), np.round(begin_s * FRAMES_PER_S)).all()  # bars begin where they did
    assert np.allclose(np.diff(begin_s), beats_per_bar * 0.5, atol=0.02)


def test_a_tracker_that_is_sure_has_its_way() -> None:
    assert counted(0.9, 0.06, every(50)).tempo_bpm == pytest.approx(60, abs=0.1)


def test_onsets_on_beats_alone_leave_them() -> None:
    assert counted(0.15, 0.06, every(100)).tempo_bpm == pytest.approx(60, abs=0.1)


def test_beats_end_with_the_last_that_something_begins_at() -> None:
    beats = every(100)
    assert round(counted(0.9, 0.001, beats[:-3]).beats_s[-1] * FRAMES_PER_S) == beats[-4]


@pytest.mark.parametrize("seed", [0, 2, 3])
def test_a_voice_alone_is_counted_as_it_was_composed(seed: int, tmp_path: Path) -> None:
    song = replace(short_song(seed), mix=VOICE_AND_SNAPS, loudness_lufs=-20)
    music = render_songs(tmp_path, [song])
    (path,) = music.rglob("*.wav")
    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    (row,) = Rhythm().load()([Inputs(Sound.of(mix=Audio(np.ascontiguousarray(samples.T), rate_hz)))])
    num_beats = song.beats_per_bar * sum(section.num_bars for section in song.sections)
    beats_s = song.lead_in_s + song.beat_s * np.arange(num_beats)
    assert row["tempo_bpm"] == pytest.approx(song.tempo_bpm, rel=0.01)
    assert row["time_signature"] == f"{song.beats_per_bar}/4"
    assert mir_eval.beat.f_measure(beats_s, np.array(row["beats_s"])) >= 0.97
    assert mir_eval.beat.f_measure(beats_s[:: song.beats_per_bar], np.array(row["downbeats_s"])) >= 0.97
