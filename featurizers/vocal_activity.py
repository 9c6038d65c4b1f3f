"""When somebody sings: the level of the vocal stem over time.

Syed, Meresman Higgs, Cífka and Sandler, "Exploiting music source separation for automatic lyrics transcription with
Whisper" (arXiv 2506.15514, 2025), cut songs for Whisper at the level of the separated voice, because speech detectors
reject much singing. Here as there a frame's level decides; two thresholds, as in other segmentations of audio by
level, keep a phrase whole where it dips. The stem of an instrumental is not silent, it holds what bled into it: quiet
in itself, or next to the mix.

The numbers below are choices from how singing and separators behave, not fits to annotated songs.
"""

from itertools import pairwise

import numpy as np
import numpy.typing as npt

from featurizers.audio import Audio
from featurizers.spans import Mask, runs

Floats = npt.NDArray[np.float64]
Span = tuple[float, float]  # (start_s, end_s)

HOP_S = 0.01
MIN_ENERGY_SHARE = 10 ** (-25 / 10)  # bleed stays some 25 dB below the mix
MIN_LEVEL_DBFS = -45.0  # what separators leave of an instrumental is mostly below
LOUD_PERCENTILE = 95.0  # of the frames above that level, so that long pauses do not count
START_BELOW_LOUD_DB = 25.0  # quiet verses are within it, bleed into the pauses of a sung track is mostly not
LAST_BELOW_START_DB = 6.0  # consonants and fading notes dip by that much within a phrase
MAX_GAP_S = 0.2  # closures of plosives; breaths take longer
MIN_SPAN_S = 0.3  # shorter than any sung line, longer than a drum hit that bled
MAX_PAUSE_S = 3.0  # within a chunk: recognisers invent text in long pauses
_QUIET_FRAMES = 10  # a cut within a span is in the middle of the quietest 0.1 s


def find_vocals(audio: Audio, energy_share: float | None) -> list[Span]:
    """Return ``(start_s, end_s)`` of every span in which somebody sings, in order and apart by at least 0.2 s.

    ``audio`` is a mono vocal stem at 16 kHz, ``energy_share`` the stem's share of the energy of all stems
    (``vocals_energy_share``), None if unknown. A share below -25 dB or a stem that never exceeds -45 dBFS is bleed:
    nobody sings.
    """
    if energy_share is not None and energy_share < MIN_ENERGY_SHARE:
        return []
    sung = _sung_frames(_levels_dbfs(audio))
    spans = [(start * HOP_S, min(stop * HOP_S, audio.duration_s)) for start, stop in runs(sung)]
    return [(start_s, end_s) for start_s, end_s in spans if end_s - start_s >= MIN_SPAN_S]


def total_s(spans: list[Span]) -> float:
    """Summed length of spans that do not overlap."""
    return sum(end_s - start_s for start_s, end_s in spans)


def cut_vocals(audio: Audio, spans: list[Span], max_s: float) -> list[list[Span]]:
    """Return the spans in chunks of at most ``max_s`` from the start of the first span to the end of the last.

    Chunks end at pauses above 3 s and else, as late as half of ``max_s`` allows, at the longest pause; a span without
    any is cut where it is quietest. Bain, Huh, Han and Zisserman, "WhisperX" (Interspeech 2023), cut and merge speech
    likewise.
    """
    chunks = []
    while spans:
        cut_s = _next_cut_s(audio, spans, max_s)
        chunks.append([(start_s, min(end_s, cut_s)) for start_s, end_s in spans if start_s < cut_s])
        spans = [(max(start_s, cut_s), end_s) for start_s, end_s in spans if end_s > cut_s]
    return chunks


def _next_cut_s(audio: Audio, spans: list[Span], max_s: float) -> float:
    """Where the chunk that starts with the first span ends, anywhere in a pause; infinity if all spans fit."""
    middle_s, last_s = spans[0][0] + max_s / 2, spans[0][0] + max_s
    pauses = [(before[1], after[0]) for before, after in pairwise(spans) if before[1] <= last_s]
    long = [pause for pause in pauses if pause[1] - pause[0] > MAX_PAUSE_S]
    if not long and spans[-1][1] <= last_s:
        return np.inf
    late = long[:1] or [pause for pause in pauses if pause[0] >= middle_s]
    if late:
        start_s, end_s = max(late, key=lambda pause: pause[1] - pause[0])
        return (start_s + end_s) / 2
    span_end_s = next(end_s for _, end_s in spans if end_s > last_s)
    last_s = min(last_s, span_end_s - max_s / 4)  # leave no scrap of the span
    window = audio.samples[:, round(middle_s * audio.rate_hz) : round(last_s * audio.rate_hz)]
    levels_dbfs = _levels_dbfs(Audio(window, audio.rate_hz))
    smooth = np.convolve(levels_dbfs, np.ones(_QUIET_FRAMES), mode="valid")
    return middle_s + HOP_S * (int(smooth.argmin()) + _QUIET_FRAMES / 2)


def _levels_dbfs(audio: Audio) -> Floats:
    """RMS of every 10 ms, ``(frames,)``, without the offset of the whole stem; -120 in digital silence."""
    samples = audio.samples[0]
    hop_samples = round(HOP_S * audio.rate_hz)
    offset = float(samples.mean(dtype=np.float64)) if len(samples) else 0.0
    blocks = np.pad(samples, (0, -len(samples) % hop_samples), constant_values=offset).reshape(-1, hop_samples)
    power = np.einsum("ij,ij->i", blocks, blocks, dtype=np.float64) / hop_samples
    power += offset**2 - 2 * offset * blocks.mean(axis=1, dtype=np.float64)
    levels: Floats = 10 * np.log10(power.clip(1e-12))
    return levels


def _sung_frames(levels_dbfs: Floats) -> Mask:
    """Whether somebody sings in each of ``(frames,)``: from what is loud enough to start, while it lasts."""
    sung = np.zeros(len(levels_dbfs), bool)
    audible_dbfs = levels_dbfs[levels_dbfs > MIN_LEVEL_DBFS]
    if not len(audible_dbfs):
        return sung
    start_dbfs = max(MIN_LEVEL_DBFS, float(np.percentile(audible_dbfs, LOUD_PERCENTILE)) - START_BELOW_LOUD_DB)
    for start, stop in runs(_without_gaps(levels_dbfs > start_dbfs - LAST_BELOW_START_DB)):
        sung[start:stop] = levels_dbfs[start:stop].max() > start_dbfs
    return sung


def _without_gaps(mask: Mask) -> Mask:
    """The mask with the gaps between its runs closed that are shorter than 0.2 s."""
    closed = mask.copy()
    for (_, stop), (start, _) in pairwise(runs(mask)):
        closed[stop:start] |= start - stop < round(MAX_GAP_S / HOP_S)
    return closed
