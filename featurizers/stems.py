"""The stems of a track: voice, drums, bass and the rest, separated by Demucs and kept as FLAC files."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from featurizers.audio import AudioFile, Samples, View
from featurizers.featurizer import Extract, Features, Featurizer, Inputs
from featurizers.separation import RATE_HZ, Blocks, Demucs
from featurizers.weights import model_id
from featurizers.weights_store import weight_folder
from schemas.fragments.stems import NAMES, STEMS

Model = Literal["htdemucs", "htdemucs_6s", "htdemucs_ft"]
Floats = npt.NDArray[np.float64]

FOUR = ("vocals", "drums", "bass", "other")
KNOWN: dict[str, tuple[str, ...]] = {"htdemucs": FOUR, "htdemucs_6s": NAMES, "htdemucs_ft": FOUR}
"""Model -> the stems that it separates."""
_MIX_44K = View("mix", RATE_HZ)
FLAC_BYTES_A_S = 80_000.0
_FLAC_BLOCK_SAMPLES = 2**15


@dataclass(frozen=True)
class Stems(Featurizer):
    """Separates the mix; the stems in ``keep`` become files that others can hear, the rest is only measured.

    ``htdemucs_ft`` is four networks, each tuned to one stem: somewhat better and four times as slow.
    Segments overlap by the share ``overlap``. Raises ValueError for settings that cannot be.
    """

    model: Model = "htdemucs"
    keep: tuple[str, ...] = FOUR
    overlap: float = 0.25
    writes = STEMS
    cost = 1.2
    gpu_share = 0.5

    def __post_init__(self) -> None:
        if self.model not in get_args(Model):
            expected = ", ".join(get_args(Model))
            raise ValueError(f"model is {self.model!r}, expected one of {expected}: choose one of them")
        known = KNOWN[self.model]
        unknown = [stem for stem in self.keep if stem not in known]
        if unknown:
            raise ValueError(
                f"keep names {unknown[0]!r}, expected a list of stems of {self.model}, {', '.join(known)}: take it out"
            )
        if "vocals" not in self.keep:
            raise ValueError(f"keep is {list(self.keep)}, expected 'vocals' in it, which other fragments hear: add it")
        if not 0 <= self.overlap <= 0.9:
            raise ValueError(f"overlap is {self.overlap}, expected 0 to 0.9: 0.25 is what Demucs uses")
        # One order, so that the same stems have one fingerprint; recipes give lists.
        object.__setattr__(self, "keep", tuple(stem for stem in known if stem in self.keep))

    @property
    def weights(self) -> tuple[str, ...]:  # type: ignore[override]  # which one depends on a setting
        """The weight of the model that is set."""
        return (self.model,)

    @property
    def offers(self) -> Mapping[str, str]:  # type: ignore[override]  # what can be heard depends on a setting
        """Every stem that is kept, and the column with its file."""
        return {stem: f"{stem}_uri" for stem in self.keep}

    @property
    def object_bytes_a_s(self) -> float:  # type: ignore[override]  # as many files as stems are kept
        """FLAC in stereo, of music that is sparser than a mix."""
        return FLAC_BYTES_A_S * len(self.keep)

    def load(self) -> Extract:
        demucs = Demucs.load(weight_folder(self.model), self.model, self.overlap)

        def extract(batch: Sequence[Inputs]) -> list[Features]:
            with ExitStack() as unfinished:  # an error leaves no files behind
                rows = [self._features(inputs, demucs, unfinished) for inputs in batch]
                unfinished.pop_all()
            return rows

        return extract

    def _features(self, inputs: Inputs, demucs: Demucs, unfinished: ExitStack) -> Features:
        folder = Path(tempfile.mkdtemp(prefix="muze-stems-"))
        unfinished.callback(shutil.rmtree, folder, ignore_errors=True)
        measures = self._separate(as_stereo(inputs.audio(_MIX_44K).samples), demucs, folder)
        features: Features = dict.fromkeys(STEMS.names) | {"residual_share": measures.residual_share}
        for stem, peak, share in zip(demucs.sources, measures.peaks, measures.energy_shares, strict=True):
            features |= {f"{stem}_peak": float(peak), f"{stem}_energy_share": share}
            if stem in self.keep:
                features[f"{stem}_uri"] = _write_flac(folder / stem, float(peak))
        return features | {"stems_model": model_id(*self.weights)}

    def _separate(self, mix: Samples, demucs: Demucs, folder: Path) -> "Measures":
        """Measure all stems and write those to keep below the folder, as raw float32 with the sides interleaved.

        What peak a stem has is known only at its end, so that its FLAC has to wait.
        """
        measures = Measures(len(demucs.sources))
        with ExitStack() as stack:
            files = {stem: stack.enter_context((folder / stem).open("wb")) for stem in self.keep}
            for stems in demucs.separate(mix):
                start = measures.num_samples
                measures.add(mix[:, start : start + stems.shape[-1]], stems)
                for stem, samples in zip(demucs.sources, stems, strict=True):
                    if stem in files:
                        files[stem].write(samples.T.tobytes())
        return measures


class Measures:
    """Peaks and energies of stems that come block by block."""

    def __init__(self, num_stems: int) -> None:
        self.num_samples = 0
        self.peaks = np.zeros(num_stems, np.float32)
        self._energies = np.zeros(num_stems)
        self._mix_energy = 0.0
        self._residual_energy = 0.0

    def add(self, mix: Samples, stems: Blocks) -> None:
        """Take a block of the mix ``(2, samples)`` and of its stems ``(stems, 2, samples)``."""
        self.num_samples += mix.shape[1]
        self.peaks = np.maximum(self.peaks, np.abs(stems).max(axis=(1, 2)))
        self._energies += _energy(stems)
        self._mix_energy += float(_energy(mix))
        self._residual_energy += float(_energy(mix - stems.sum(axis=0)))

    @property
    def energy_shares(self) -> list[float | None]:
        """Share of each stem in the energy of all; None if they have none."""
        total = self._energies.sum()
        return [float(energy / total) if total else None for energy in self._energies]

    @property
    def residual_share(self) -> float | None:
        """Energy that no stem accounts for over that of the mix; None where there was nothing to separate."""
        return self._residual_energy / self._mix_energy if self._energies.any() and self._mix_energy else None


def _energy(samples: Samples) -> Floats:
    """Sum of squares over channels and samples."""
    energy: Floats = np.einsum("...cn,...cn->...", samples, samples, dtype=np.float64)
    return energy


def as_stereo(samples: Samples) -> Samples:
    """Return ``(2, samples)``: stereo as it is, mono on both sides, the mean of more channels on both sides.

    The engine has folded down more than two channels already, by the loudspeakers that they belong to.
    """
    num_channels, num_samples = samples.shape
    if num_channels == 2:
        return samples
    mono = samples if num_channels == 1 else samples.mean(axis=0, keepdims=True, dtype=np.float32)
    return np.broadcast_to(mono, (2, num_samples))


def _write_flac(raw: Path, peak: float) -> AudioFile:
    """Turn a raw file into a FLAC beside it, divided by the peak if that is above full scale."""
    import soundfile

    path = raw.with_suffix(".flac")
    scale = np.float32(max(peak, 1.0))
    with raw.open("rb") as file, soundfile.SoundFile(path, "w", RATE_HZ, 2, "PCM_16") as flac:
        while len(block := np.fromfile(file, np.float32, 2 * _FLAC_BLOCK_SAMPLES)):
            flac.write(block.reshape(-1, 2) / scale)
    raw.unlink()
    return AudioFile(path)
