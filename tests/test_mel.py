"""Log-mels against librosa, and sound that comes back from them."""

import dataclasses

import librosa
import numpy as np
import pytest
import torch
from torch import Tensor

from schemas.mel_specs import MEL_SPECS, MelSpec
from training.mel import griffin_lim, log_mel, mel_filters

SPECS = pytest.mark.parametrize("name", MEL_SPECS)


def noisy_tones(spec: MelSpec, seconds: float = 0.5) -> Tensor:
    time_s = torch.arange(int(seconds * spec.rate_hz)) / spec.rate_hz
    tones = sum(torch.sin(2 * torch.pi * hz * time_s) for hz in (110.0, 1234.0, 9000.0))
    return (0.2 * tones + 0.05 * torch.randn(time_s.shape, generator=torch.Generator().manual_seed(1)))[None]


def librosa_norm(spec: MelSpec) -> str | None:
    return {"area": "slaney", "peak": None}[spec.norm]


def sine(spec: MelSpec, hz: float, seconds: float = 1.0) -> Tensor:
    return 0.5 * torch.sin(2 * torch.pi * hz * torch.arange(int(seconds * spec.rate_hz)) / spec.rate_hz)[None]


@pytest.mark.parametrize("scale", ["slaney", "htk"])
@SPECS
def test_filters_are_those_of_librosa(name: str, scale: str) -> None:
    spec = dataclasses.replace(MEL_SPECS[name], mel_scale=scale)
    theirs = librosa.filters.mel(
        sr=spec.rate_hz,
        n_fft=spec.n_fft,
        n_mels=spec.num_bins,
        fmax=spec.fmax_hz,
        htk=scale == "htk",
        norm=librosa_norm(spec),
    )
    np.testing.assert_allclose(mel_filters(spec).numpy(), theirs, atol=1e-7)


@SPECS
def test_log_mels_are_those_of_librosa(name: str) -> None:
    spec = MEL_SPECS[name]
    samples = noisy_tones(spec)
    beyond = spec.n_fft // 2 if name == "24k" else (spec.n_fft - spec.hop_samples) // 2
    padded = np.pad(samples[0].numpy(), beyond, mode="reflect")
    theirs = librosa.feature.melspectrogram(
        y=padded,
        sr=spec.rate_hz,
        n_fft=spec.n_fft,
        hop_length=spec.hop_samples,
        win_length=spec.win_samples,
        center=False,
        power=1.0,
        n_mels=spec.num_bins,
        fmax=spec.rate_hz / 2,
        htk=name == "24k",
        norm=librosa_norm(spec),
    )[:, : spec.num_frames(samples.shape[1])]
    ours = log_mel(samples, spec)
    assert ours.shape == (1, spec.num_bins, spec.num_frames(samples.shape[1]))
    np.testing.assert_allclose(ours[0].numpy(), np.log(np.maximum(theirs, 1e-7 if name == "24k" else 1e-5)), atol=1e-4)


@SPECS
def test_silence_is_what_the_vocoder_makes_of_it(name: str) -> None:
    spec = MEL_SPECS[name]
    silent = np.zeros((1 + spec.n_fft // 2, 1)) if name == "24k" else np.sqrt(np.full((1 + spec.n_fft // 2, 1), 1e-9))
    theirs = librosa.feature.melspectrogram(S=silent, sr=spec.rate_hz, n_mels=spec.num_bins)
    samples = torch.zeros(1, spec.rate_hz // 10, requires_grad=True)
    ours = log_mel(samples, spec)
    np.testing.assert_allclose(ours[0, :, 0].detach().numpy(), np.log(np.maximum(theirs, spec.floor))[:, 0], atol=1e-4)
    ours.sum().backward()
    assert samples.grad is not None
    assert samples.grad.isfinite().all()


@pytest.mark.parametrize("hz", [220.0, 1000.0, 6000.0])
@SPECS
def test_a_sine_lands_in_its_bin(name: str, hz: float) -> None:
    spec = MEL_SPECS[name]
    peaks_hz = librosa.mel_frequencies(spec.num_bins + 2, fmin=spec.fmin_hz, fmax=spec.fmax_hz, htk=name == "24k")[1:-1]
    found = log_mel(sine(spec, hz), spec)[0].mean(dim=1).argmax()
    assert abs(int(found) - int(np.abs(peaks_hz - hz).argmin())) <= 1


@SPECS
def test_frames_follow_from_samples(name: str) -> None:
    spec = MEL_SPECS[name]
    for num_samples in (spec.pad_samples + 1, 3 * spec.hop_samples - 1, 3 * spec.hop_samples, 10_007):
        assert log_mel(torch.zeros(1, num_samples), spec).shape[2] == spec.num_frames(num_samples)
    with pytest.raises(ValueError, match=f"needs more than {spec.pad_samples}"):
        log_mel(torch.zeros(1, spec.pad_samples), spec)


@pytest.mark.parametrize("hz", [440.0, 2500.0])
@SPECS
def test_griffin_lim_gives_a_sine_its_frequency_back(name: str, hz: float) -> None:
    spec = MEL_SPECS[name]
    samples = griffin_lim(log_mel(sine(spec, hz), spec), spec, iterations=16)
    assert samples.shape == (1, spec.num_frames(spec.rate_hz) * spec.hop_samples)
    spectrum = torch.fft.rfft(samples[0] * torch.hann_window(samples.shape[1])).abs()
    found_hz = int(spectrum.argmax()) * spec.rate_hz / samples.shape[1]
    assert found_hz == pytest.approx(hz, abs=spec.rate_hz / spec.n_fft)
    assert float(samples.square().mean().sqrt()) == pytest.approx(0.5 / 2**0.5, rel=0.15)


@SPECS
def test_griffin_lim_sounds_as_it_was_told_and_repeats_itself(name: str) -> None:
    spec = MEL_SPECS[name]
    wanted = log_mel(noisy_tones(spec), spec)
    first, again, other = (griffin_lim(wanted, spec, iterations=16, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(first, again)
    both = griffin_lim(torch.cat([wanted, wanted - 1, wanted]), spec, iterations=4)
    assert torch.allclose(both[0], both[2], atol=1e-6)
    assert not torch.allclose(first, other, atol=1e-2)
    assert float((log_mel(first, spec) - wanted).abs().mean()) < 0.25
    assert float((log_mel(torch.randn(first.shape), spec) - wanted).abs().mean()) > 1


def test_specs_from_before_there_was_a_choice_of_filters_are_written_as_they_were() -> None:
    """The packs, models and rows of these have this JSON, and are compared with it."""
    expected = {"rate_hz": 44100, "n_fft": 2048, "win_samples": 2048, "hop_samples": 512, "num_bins": 128}
    expected |= {"fmin_hz": 0.0, "fmax_hz": 22050.0, "mel_scale": "slaney", "power": 1.0, "power_offset": 1e-9}
    assert MEL_SPECS["44k"].to_dict() == expected | {"log": "ln", "floor": 1e-5, "padding": "reflect"}
    assert MEL_SPECS["24k"].to_dict()["norm"] == "peak"
    assert "norm peak and area" in MEL_SPECS["24k"].differences(MEL_SPECS["44k"])


def test_a_spec_survives_json_and_unknown_ones_are_refused() -> None:
    for spec in MEL_SPECS.values():
        assert MelSpec.from_dict(spec.to_dict()) == spec
    assert MEL_SPECS["32k"].differences(MEL_SPECS["32k"]) == ""
    assert "hop_samples 320 and 512" in MEL_SPECS["32k"].differences(MEL_SPECS["44k"])
    with pytest.raises(TypeError, match="colour"):
        MelSpec.from_dict(MEL_SPECS["32k"].to_dict() | {"colour": 1})
    with pytest.raises(ValueError, match="scale bark"):
        MelSpec.from_dict(MEL_SPECS["32k"].to_dict() | {"mel_scale": "bark"})
