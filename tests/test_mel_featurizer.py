"""The fragment mel: what training's own log-mel of the same sound is, in bounded memory."""

import json

import numpy as np
import pytest
import torch

from featurizers import mel
from featurizers.audio import Audio, Sound
from featurizers.featurizer import Inputs
from featurizers.mel import Mel
from schemas.mel_specs import MEL_SPECS, MelSpec
from training.mel import log_mel


def sound(seconds: float, channels: int = 1, rate_hz: int = 44100) -> Audio:
    samples = np.random.default_rng(0).normal(0, 0.1, (channels, round(seconds * rate_hz)))
    times_s = np.arange(samples.shape[1]) / rate_hz
    return Audio((samples + np.sin(2 * np.pi * 440 * times_s)).astype(np.float32), rate_hz)


def row(audio: Audio, **settings: object) -> dict:
    return Mel(**settings).load()([Inputs(Sound.of(mix=audio))])[0]


def values(row: dict) -> np.ndarray:
    return np.frombuffer(row["mel"], "<f2").reshape(row["mel_shape"])


@pytest.mark.parametrize("name", MEL_SPECS)
@pytest.mark.parametrize("pass_frames", [7, 2048])
def test_it_is_what_training_computes(name: str, pass_frames: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mel, "_PASS_FRAMES", pass_frames)
    spec = MEL_SPECS[name]
    audio = sound(1.3, rate_hz=spec.rate_hz)
    found = row(audio, spec=name)
    expected = log_mel(torch.from_numpy(audio.samples), spec).numpy()
    assert found["mel_shape"] == [1, spec.num_bins, spec.num_frames(audio.samples.shape[1])]
    assert np.abs(values(found) - expected).max() < 0.01  # half a step of float16 near its floor
    assert MelSpec.from_dict(json.loads(found["mel_spec"])) == spec


def test_stereo_keeps_both_channels_and_doubles_one() -> None:
    both = values(row(sound(0.5, channels=2), stereo=True))
    assert both.shape[0] == 2
    assert not np.array_equal(both[0], both[1])
    doubled = values(row(sound(0.5), stereo=True))
    assert np.array_equal(doubled[0], doubled[1])
    assert values(row(sound(0.5, channels=2))).shape[0] == 1


@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.017])
def test_a_sound_shorter_than_a_window_has_none(seconds: float) -> None:
    assert set(row(sound(seconds)).values()) == {None}


def test_an_unknown_spec_is_refused() -> None:
    with pytest.raises(ValueError, match="spec is '48k', expected one of 32k, 44k, 24k"):
        Mel(spec="48k")  # type: ignore[arg-type]
