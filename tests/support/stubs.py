"""Cheap featurizers for engine tests. They say in a file what they computed, and misbehave when the audio asks."""

import ctypes
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa

from featurizers.audio import MIX, View
from featurizers.featurizer import Extract, Features, Featurizer, Inputs
from schemas.fragment import Fragment, column

MOODS_HZ = {"raises": 1000, "hangs": 1500, "aborts": 2000, "eats": 2500}
"""A steady tone of this frequency makes ``Moody`` misbehave."""


def log_call(fragment: str) -> None:
    """Append a line to the file that the environment names; short appends are atomic."""
    path = os.environ.get("MUZE_TEST_CALLS")
    if path:
        with open(path, "a") as file:
            file.write(f"{fragment}\n")


def mean_power(inputs: Inputs) -> float:
    return float(np.mean(inputs.audio(MIX).samples ** 2, dtype=np.float64))


@dataclass(frozen=True)
class Power(Featurizer):
    """Mean power, times a setting."""

    gain: float = 1.0
    sleep_s: float = 0.0
    cost: ClassVar[float] = 20.0
    writes: ClassVar[Fragment] = Fragment(
        "power", 1, "Mean power.", (column("power", pa.float64(), doc="Mean square of the samples."),)
    )

    def load(self) -> Extract:
        def extract(batch: Sequence[Inputs]) -> list[Features]:
            log_call("power")
            time.sleep(self.sleep_s)
            return [{"power": self.gain * mean_power(inputs)} for inputs in batch]

        return extract


@dataclass(frozen=True)
class Decibels(Featurizer):
    """Reads ``power``."""

    floor_db: float = -120.0
    reads: ClassVar[tuple[str, ...]] = ("power",)
    writes: ClassVar[Fragment] = Fragment(
        "decibels", 1, "Power in decibels.", (column("power_db", pa.float32(), unit="db", doc="Power."),)
    )

    def load(self) -> Extract:
        def extract(batch: Sequence[Inputs]) -> list[Features]:
            log_call("decibels")
            return [{"power_db": self._db(inputs.columns["power"])} for inputs in batch]

        return extract

    def _db(self, power: float) -> float:
        return max(self.floor_db, 10 * float(np.log10(max(power, 1e-12))))


@dataclass(frozen=True)
class Peaks(Featurizer):
    """Independent of the others; writes a fixed-size and a variable list."""

    count: int = 3
    writes: ClassVar[Fragment] = Fragment(
        "peaks",
        1,
        "Largest samples.",
        (
            column("largest", pa.list_(pa.float32(), 3), doc="The three largest magnitudes."),
            column("positions", pa.list_(pa.int32()), doc="Where they are."),
        ),
    )

    def load(self) -> Extract:
        return lambda batch: [self._measure(inputs.audio(View("mix", None, 1)).samples[0]) for inputs in batch]

    def _measure(self, samples: np.ndarray) -> Features:
        log_call("peaks")
        padded = np.abs(np.append(samples, np.zeros(3, np.float32)))
        order = np.argsort(-padded, kind="stable")[: self.count]
        return {"largest": padded[order].tolist(), "positions": order.tolist()}


@dataclass(frozen=True)
class Slow(Featurizer):
    """Takes its time: so many seconds a second of audio."""

    seconds_a_s: float = 1.0
    writes: ClassVar[Fragment] = Fragment(
        "slow", 1, "Patience.", (column("slept_s", pa.float64(), unit="s", doc="How long it took."),)
    )

    def load(self) -> Extract:
        return lambda batch: [{self.writes.names[0]: self._sleep(inputs)} for inputs in batch]

    def _sleep(self, inputs: Inputs) -> float:
        slept_s = self.seconds_a_s * inputs.audio(MIX).duration_s
        time.sleep(slept_s)
        return slept_s


@dataclass(frozen=True)
class SlowOnGpu(Slow):
    """The same in a pass of its own, where there is a GPU."""

    gpu_share: ClassVar[float] = 0.5
    writes: ClassVar[Fragment] = Fragment(
        "slow_on_gpu", 1, "Patience.", (column("slept_on_gpu_s", pa.float64(), unit="s", doc="How long it took."),)
    )


@dataclass(frozen=True)
class Moody(Featurizer):
    """Misbehaves on tones of certain frequencies."""

    writes: ClassVar[Fragment] = Fragment(
        "moody", 1, "A mood.", (column("tone_hz", pa.float32(), unit="hz", doc="Strongest frequency."),)
    )

    def load(self) -> Extract:
        return lambda batch: [self._measure(inputs) for inputs in batch]

    def _measure(self, inputs: Inputs) -> Features:
        log_call("moody")
        audio = inputs.audio(View("mix", None, 1))
        spectrum = np.abs(np.fft.rfft(audio.samples[0]))
        tone_hz = float(np.argmax(spectrum) * audio.rate_hz / audio.samples.shape[1])
        for mood, frequency_hz in MOODS_HZ.items():
            if abs(tone_hz - frequency_hz) < 5:
                getattr(self, f"_{mood}")()
        return {"tone_hz": tone_hz}

    def _raises(self) -> None:
        raise RuntimeError("this tone is not to my liking")

    def _hangs(self) -> None:
        ctypes.PyDLL(None).sleep(3600)  # in C, holding the interpreter lock

    def _aborts(self) -> None:
        os.abort()

    def _eats(self) -> None:
        hoard = []
        while True:
            hoard.append(np.ones(2**24 // 8))
            time.sleep(0.002)
