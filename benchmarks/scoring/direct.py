"""Each library called directly, as its documentation shows: what a user would otherwise run.

Every loader returns a function from the path of a file to what is found, by the names of muze's columns.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scoring.piece import Found
from featurizers.madmom_compat import madmom_names

Call = Callable[[str], Found]
Load = Callable[[], Call]

CLUSTERS = 8
"""librosa's agglomerative segmentation has to be told how many."""


@cache
def obvious_models() -> Any:
    """The models of ``benchmarks/obvious.py``, with its repairs of madmom."""
    with madmom_names():
        from benchmarks.obvious import Models

        return Models()


def madmom_bars() -> Call:
    """RNNDownBeatProcessor and DBNDownBeatTrackingProcessor for 3 and 4 beats; tempo from the median interval."""
    models = obvious_models()

    def call(path: str) -> Found:
        with madmom_names():
            beats = np.asarray(models.bars(models.downbeats(_pcm(path)))).reshape(-1, 2)
        times_s, numbers = beats.T
        return {
            "beats_s": times_s,
            "downbeats_s": times_s[numbers == 1],
            "tempo_bpm": float(60 / np.median(np.diff(times_s))) if len(times_s) > 1 else None,
            "time_signature": f"{numbers.max():.0f}/4" if len(numbers) else None,
        }

    return call


def librosa_beats() -> Call:
    """librosa.beat.beat_track: tempo and beats."""
    import librosa

    def call(path: str) -> Found:
        y, sr = librosa.load(path)
        tempo_bpm, beats_s = librosa.beat.beat_track(y=y, sr=sr, units="time")
        return {"beats_s": beats_s, "tempo_bpm": float(np.atleast_1d(tempo_bpm)[0]) or None}

    return call


def librosa_onsets() -> Call:
    """librosa.onset.onset_detect."""
    import librosa

    def call(path: str) -> Found:
        y, sr = librosa.load(path)
        return {"onsets": [{"time_s": time_s} for time_s in librosa.onset.onset_detect(y=y, sr=sr, units="time")]}

    return call


def madmom_key() -> Call:
    """CNNKeyRecognitionProcessor."""
    models = obvious_models()

    def call(path: str) -> Found:
        with madmom_names():
            from madmom.features.key import key_prediction_to_label

            return {"key": key_prediction_to_label(models.key(_pcm(path)))}

    return call


def librosa_tuning() -> Call:
    """librosa.estimate_tuning."""
    import librosa

    def call(path: str) -> Found:
        y, sr = librosa.load(path)
        return {"tuning_cents": 100 * float(librosa.estimate_tuning(y=y, sr=sr))}

    return call


def madmom_chords() -> Call:
    """CNNChordFeatureProcessor and CRFChordRecognitionProcessor."""
    models = obvious_models()

    def call(path: str) -> Found:
        with madmom_names():
            found = models.chords(models.chord_features(_pcm(path)))
        return {"chords": [{"start_s": start_s, "end_s": end_s, "label": label} for start_s, end_s, label in found]}

    return call


def librosa_sections() -> Call:
    """librosa.segment.agglomerative of chroma_cqt synchronised to beat_track."""
    import librosa

    def call(path: str) -> Found:
        y, sr = librosa.load(path)
        _, beats = librosa.beat.beat_track(y=y, sr=sr)
        beats = librosa.util.fix_frames(beats)  # begins with frame 0
        chroma = librosa.util.sync(librosa.feature.chroma_cqt(y=y, sr=sr), beats, aggregate=np.median)
        first = librosa.segment.agglomerative(chroma, min(CLUSTERS, chroma.shape[1]))
        starts_s = librosa.frames_to_time(beats[first], sr=sr)
        ends_s = [*starts_s[1:], len(y) / sr]
        spans = zip(starts_s, ends_s, strict=True)
        return {"sections": [{"start_s": a, "end_s": b, "cluster": i} for i, (a, b) in enumerate(spans)]}

    return call


def torchcrepe_f0() -> Call:
    """torchcrepe.predict with the tiny model, periodicity filtered and thresholded at 0.21 as its README does."""
    import librosa
    import torch
    import torchcrepe

    def call(path: str) -> Found:
        audio = torch.from_numpy(librosa.load(path, sr=16000)[0])[None]
        f0_hz, periodicity = torchcrepe.predict(
            audio, 16000, 160, 65, 1100, "tiny", batch_size=512, device="cpu", return_periodicity=True
        )
        periodicity = torchcrepe.filter.median(periodicity, 3)
        voiced_hz = torchcrepe.threshold.At(0.21)(f0_hz, periodicity)[0].numpy()
        return {"f0_hz": voiced_hz, "f0_unvoiced_hz": f0_hz[0].numpy(), "f0_hop_s": 0.01}

    return call


def librosa_pyin() -> Call:
    """librosa.pyin."""
    import librosa

    def call(path: str) -> Found:
        y, sr = librosa.load(path)
        f0_hz, voiced, _ = librosa.pyin(y, fmin=65, fmax=1100, sr=sr, fill_na=None)
        return {"f0_hz": np.where(voiced, f0_hz, np.nan), "f0_unvoiced_hz": f0_hz, "f0_hop_s": 512 / sr}

    return call


def resemblyzer_voice() -> Call:
    """preprocess_wav and VoiceEncoder.embed_utterance."""
    encoder = obvious_models().voice
    from resemblyzer import preprocess_wav

    return lambda path: {"voice_embedding": encoder.embed_utterance(preprocess_wav(Path(path)))}


def _pcm(path: str) -> Any:
    """What madmom takes without ffmpeg: mono at 44.1 kHz in 16 bit."""
    import librosa

    return (librosa.load(path, sr=44100)[0] * 32767).astype(np.int16)
