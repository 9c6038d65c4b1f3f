"""The sections of a track: where they begin, which are the same music, and what each is in the form of a song."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from featurizers.audio import MIX, MIX_22K_MONO, MIX_44K_MONO, VOCALS_16K_MONO, View
from featurizers.bars import Floats, bar_edges_s, measure_bars
from featurizers.featurizer import Extract, Features, Featurizer, Inputs
from featurizers.level import Energies, energy_of, hop_energies, integrated_loudness_lufs
from featurizers.madmom_spectrogram import is_audible
from featurizers.section_clusters import group_sections
from featurizers.section_types import Part, section_types
from featurizers.segmentation import find_boundaries
from featurizers.spans import runs
from featurizers.vocal_activity import Span, find_vocals
from schemas.fragments.structure import STRUCTURE

MIN_TRACK_S = 1.0
MIN_SILENCE_S = 3.0
MIN_SILENCE_BARS = 2
MIN_SUNG_SHARE = 0.25
"""Of a section that has vocals: ad-libs do not make it sung."""

_HOP_S = 0.1
_SILENCE_ENERGY = 10 ** ((-70 + 0.691) / 10)  # the absolute gate of ITU-R BS.1770
_MIN_WEIGHTED_RATE_HZ = 8000
_AT_48K = View("mix", 48000)


@dataclass(frozen=True)
class Structure(Featurizer):
    """Sections of whole bars; see ``segmentation``, ``section_clusters`` and ``section_types`` for how each is had.

    Without beats, bars are blocks of 2 s. Where the recipe separates stems, vocals are looked for in theirs.
    """

    writes = STRUCTURE
    reads = ("rhythm",)
    prefers = ("lyrics", "stems")
    cost = 0.01

    def load(self) -> Extract:
        import librosa  # noqa: F401 - paid for here, not by the first track
        import scipy.linalg  # noqa: F401

        return lambda batch: [{"sections": _sections(inputs)} for inputs in batch]


def _sections(inputs: Inputs) -> list[Features]:
    """The sections of a track; none if it is shorter than 1 s or nothing in it is audible."""
    duration_s = inputs.audio(MIX).duration_s
    if duration_s < MIN_TRACK_S or not is_audible(inputs.audio(MIX_44K_MONO).samples[0]):
        return []
    energies = _hop_energies(inputs)
    edges_s = bar_edges_s(inputs.columns["downbeats_s"], duration_s)
    audible = audible_bars(energies, edges_s)
    bars = measure_bars(inputs.audio(MIX_22K_MONO).samples[0], edges_s)
    groups = group_sections(bars, find_boundaries(bars, edges_s, audible), audible)
    parts = [
        Part(float(edges_s[group.start]), float(edges_s[group.stop]), group.cluster, None, is_silent=group.is_silent)
        for group in groups
    ]
    return described(parts, energies, _vocals(inputs), inputs.columns.get("words"))


def _hop_energies(inputs: Inputs) -> Energies:
    """K-weighted energies of every 100 ms, as ``level`` has them."""
    audio = inputs.audio(MIX)
    return hop_energies(audio if audio.rate_hz >= _MIN_WEIGHTED_RATE_HZ else inputs.audio(_AT_48K))


def audible_bars(energies: Energies, edges_s: Floats) -> npt.NDArray[np.bool_]:
    """Whether each bar, ``(bars,)``, is audible: not in a silence of at least two bars and 3 s.

    ``energies (hops,)`` are K-weighted, of every 100 ms; a bar is silent if all of them are below -70 LUFS.
    """
    hops = [_hops(energies, start_s, end_s) for start_s, end_s in pairwise(edges_s)]
    silent = np.array([not (bar > _SILENCE_ENERGY).any() for bar in hops])
    audible = np.ones(len(silent), bool)
    for start, stop in runs(silent):
        long = stop - start >= MIN_SILENCE_BARS and edges_s[stop] - edges_s[start] >= MIN_SILENCE_S
        audible[start:stop] = not long
    return audible


def _hops(energies: Energies, start_s: float, end_s: float) -> Energies:
    return energies[round(start_s / _HOP_S) : max(round(end_s / _HOP_S), round(start_s / _HOP_S) + 1)]


def _vocals(inputs: Inputs) -> list[Span] | None:
    """When somebody sings, by the vocal stem; None where the recipe has no stems."""
    if "vocals_uri" not in inputs.columns:
        return None
    return find_vocals(inputs.audio(VOCALS_16K_MONO), inputs.columns["vocals_energy_share"])


def described(
    parts: Sequence[Part],
    energies: Energies,
    vocals: Sequence[Span] | None,
    words: Sequence[Mapping[str, Any]] | None,
) -> list[Features]:
    """The parts of a track with all that can be said of them, as rows of the column ``sections``."""
    full = [
        replace(
            part,
            energy=_energy(_hops(energies, part.start_s, part.end_s)),
            has_vocals=None if vocals is None else _sung_share(part, vocals) >= MIN_SUNG_SHARE,
            lyrics=None if words is None else " ".join(_words_of(part, words)),
        )
        for part in parts
    ]
    return [_row(part) | verdict._asdict() for part, verdict in zip(full, section_types(full), strict=True)]


def _row(part: Part) -> Features:
    return {name: value for name, value in asdict(part).items() if name != "is_silent"}


def _energy(energies: Energies) -> float | None:
    """As ``level`` has it of the track; 0 in silence."""
    loudness_lufs = integrated_loudness_lufs(energies)
    return 0.0 if loudness_lufs is None else energy_of(loudness_lufs)


def _sung_share(part: Part, vocals: Sequence[Span]) -> float:
    sung_s = sum(max(0.0, min(end_s, part.end_s) - max(start_s, part.start_s)) for start_s, end_s in vocals)
    return sung_s / part.duration_s


def _words_of(part: Part, words: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The words that begin in it; those without a time are in no section."""
    for word in words:
        if word["start_s"] is not None and part.start_s <= word["start_s"] < part.end_s:
            yield word["word"].strip()
