"""Separation of a track by Demucs, in memory that does not grow with its length.

Rouard, Massa and Défossez, "Hybrid transformers for music source separation" (ICASSP 2023), with the networks and the
way of joining segments of the ``demucs`` library. Its own ``apply_model`` holds all stems of a whole track and runs
one segment at a time; here several go through the networks at once, and samples are handed on once they are final.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from featurizers.audio import Samples
from featurizers.batching import Batches
from featurizers.device import device

Blocks = npt.NDArray[np.float32]  # (sources, channels, samples)

RATE_HZ = 44100
SILENT_DBFS = -120.0  # far below half a step of 16 bits
_SEGMENTS_AT_ONCE = {"cpu": 1, "cuda": 8}  # a CPU gains nothing from more
_BLOCK_SAMPLES = 2**15


class Levels(NamedTuple):
    """What a mix is normalised by: mean and standard deviation of its mono mix; and whether anything is in it."""

    mean: float
    deviation: float
    silent: bool


def measure_levels(mix: Samples) -> Levels:
    """Return the levels of ``(2, samples)``. It is silent if no side deviates from its offset by -120 dBFS RMS."""
    num_samples = mix.shape[1]
    sums, squares = np.zeros(3), np.zeros(3)  # of left, right, mono
    for start in range(0, num_samples, _BLOCK_SAMPLES):
        block = mix[:, start : start + _BLOCK_SAMPLES].astype(np.float64)
        rows = np.vstack([block, block.mean(axis=0)])
        sums += rows.sum(axis=1)
        squares += np.einsum("rn,rn->r", rows, rows)
    means = sums / max(num_samples, 1)
    deviations = np.sqrt((squares - sums * means).clip(0) / max(num_samples - 1, 1))
    return Levels(means[2], deviations[2], bool(deviations[:2].max() < 10 ** (SILENT_DBFS / 20)))


@dataclass
class Demucs:
    """Networks that share their sources, and how segments of what they make are joined."""

    bag: Any
    """A ``demucs.apply.BagOfModels`` on the device that it runs on."""
    overlap: float
    batches: Batches
    """At most so many; halved for good when they do not fit into the memory of a GPU."""

    @classmethod
    def load(cls, folder: Path, name: str, overlap: float) -> "Demucs":
        """Load the bag that ``name.yaml`` in a folder describes, with its safetensors files beside it.

        It is what the library's ``get_hf_model`` does with files that it has fetched.
        """
        import yaml
        from demucs.apply import BagOfModels
        from demucs.hf import load_safetensors_model

        description = yaml.safe_load((folder / f"{name}.yaml").read_text())
        models = [load_safetensors_model(folder / f"{file}.safetensors") for file in description["models"]]
        bag = BagOfModels(models, description.get("weights"), description.get("segment"))
        return cls(bag.eval().to(device()), overlap, Batches(_SEGMENTS_AT_ONCE[device()]))

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the stems, in the order of the blocks."""
        return tuple(self.bag.sources)

    @property
    def segment_samples(self) -> int:
        """What the networks were trained on; more than that they refuse."""
        return int(RATE_HZ * min(model.segment for model in self.bag.models))

    def separate(self, mix: Samples) -> Iterator[Blocks]:
        """Yield the stems of a mix ``(2, samples)`` at 44.1 kHz as blocks ``(sources, 2, samples)``, one after another.

        Together they are what the library's ``Separator`` gives with ``shifts=0``. Silence gives zeros.
        """
        levels = measure_levels(mix)
        if levels.silent:
            for start in range(0, mix.shape[1], _BLOCK_SAMPLES):
                yield np.zeros((len(self.sources), *mix[:, start : start + _BLOCK_SAMPLES].shape), np.float32)
            return
        scale, mean = np.float32(levels.deviation + 1e-8), np.float32(levels.mean)  # as the library: sides may cancel
        for block in self._joined(mix, mean, scale):
            yield block * scale + mean

    def _joined(self, mix: Samples, mean: np.float32, scale: np.float32) -> Iterator[Blocks]:
        """Stems of the normalised mix: segments overlap, and count by a triangle that is highest in their middle."""
        num_samples, segment_samples = mix.shape[1], self.segment_samples
        stride = int((1 - self.overlap) * segment_samples)
        starts = range(0, num_samples, stride)
        rise = np.arange(1, segment_samples // 2 + 1)
        triangle = np.concatenate([rise, np.arange(segment_samples - segment_samples // 2, 0, -1)])
        weight = (triangle / triangle.max()).astype(np.float32)
        sums = np.zeros((len(self.sources), 2, segment_samples), np.float32)
        weights = np.zeros(segment_samples, np.float32)
        for start, stems in zip(starts, self._segments(mix, starts, mean, scale), strict=True):
            length = stems.shape[-1]
            sums[..., :length] += weight[:length] * stems
            weights[:length] += weight[:length]
            final = min(stride, num_samples - start)  # what the next segment no longer touches
            yield sums[..., :final] / weights[:final]
            for pending in (sums, weights):
                pending[..., : segment_samples - stride] = pending[..., stride:]
                pending[..., segment_samples - stride :] = 0

    def _segments(self, mix: Samples, starts: range, mean: np.float32, scale: np.float32) -> Iterator[Blocks]:
        """Stems of the segment at each start, ``(sources, 2, samples)``; the last ones are shorter."""

        def separate(several: Sequence[int]) -> list[Blocks]:
            cuts = [_Cut(mix.shape[1], start, self.segment_samples) for start in several]
            batch = self._forward(np.stack([cut.out_of(mix, mean, scale) for cut in cuts]))
            return [stems[..., cut.wanted] for cut, stems in zip(cuts, batch, strict=True)]

        return self.batches.stream(separate, starts)

    def _forward(self, segments: Blocks) -> Blocks:
        """The bag's stems ``(segments, sources, 2, samples)`` of segments ``(segments, 2, samples)``."""
        import torch

        place = next(self.bag.parameters()).device
        weights = torch.tensor(self.bag.weights, device=place)[:, :, None, None]  # (models, sources, 1, 1)
        with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, deterministic=True):
            batch = torch.from_numpy(segments).to(place)
            total = sum(model(batch) * weight for model, weight in zip(self.bag.models, weights, strict=True))
            stems: Blocks = (total / weights.sum(dim=0)).cpu().numpy()
        return stems


class _Cut(NamedTuple):
    """A segment of a track. At the end, where it would reach beyond, it begins earlier and ends in zeros."""

    num_samples: int
    start: int
    segment_samples: int

    @property
    def length(self) -> int:
        """Samples of the track from its start on."""
        return min(self.segment_samples, self.num_samples - self.start)

    @property
    def lead(self) -> int:
        """Samples before its start: half of what it lacks."""
        return (self.segment_samples - self.length) // 2

    @property
    def wanted(self) -> slice:
        return slice(self.lead, self.lead + self.length)

    def out_of(self, mix: Samples, mean: np.float32, scale: np.float32) -> Samples:
        """The normalised segment ``(2, segment_samples)``."""
        first = self.start - self.lead
        found = (mix[:, max(0, first) : first + self.segment_samples] - mean) / scale
        before = max(0, -first)
        return np.pad(found, ((0, 0), (before, self.segment_samples - before - found.shape[1])))
