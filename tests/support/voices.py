"""Rendered voices with known pitch, and what else a microphone picks up."""

import numpy as np

from featurizers.audio import Audio, Sound
from featurizers.featurizer import Inputs

RATE_HZ = 16000


def seconds(duration_s: float) -> np.ndarray:
    """Times of the samples."""
    return np.arange(round(duration_s * RATE_HZ)) / RATE_HZ


def harmonic(f0_hz: np.ndarray, num_harmonics: int = 8, gain: float = 0.2) -> np.ndarray:
    """Harmonics falling by 6 dB an octave on the F0 of every sample, those above 7.5 kHz left out."""
    phase = 2 * np.pi * np.cumsum(f0_hz) / RATE_HZ
    numbers = np.arange(1, num_harmonics + 1)
    return gain * sum(np.sin(h * phase + h) / h * (h * f0_hz < 7500) for h in numbers)


def vibrato_hz(centre_hz: float, rate_hz: float, depth_cents: float, duration_s: float) -> np.ndarray:
    """F0 of every sample."""
    swing = depth_cents * np.sin(2 * np.pi * rate_hz * seconds(duration_s))
    return centre_hz * 2 ** (swing / 1200)


def faded(sound: np.ndarray, fade_s: float = 0.03) -> np.ndarray:
    """The sound with straight fades at both ends."""
    steps = round(fade_s * RATE_HZ)
    ramp = np.minimum(1, np.arange(len(sound)) / steps)
    return sound * ramp * ramp[::-1]


def noise(duration_s: float, low_hz: float, high_hz: float, rms: float, seed: int) -> np.ndarray:
    """Gaussian noise in a band."""
    num_samples = round(duration_s * RATE_HZ)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(num_samples))
    frequencies_hz = np.fft.rfftfreq(num_samples, 1 / RATE_HZ)
    sound = np.fft.irfft(spectrum * ((frequencies_hz > low_hz) & (frequencies_hz < high_hz)), num_samples)
    return sound * rms / sound.std()


def inputs(samples: np.ndarray, rate_hz: int = RATE_HZ) -> Inputs:
    """A track with these samples, ``(samples,)`` or ``(channels, samples)``, as its mix."""
    return Inputs(Sound.of(mix=Audio(np.atleast_2d(samples).astype(np.float32), rate_hz)))
