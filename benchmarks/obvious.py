"""The script that muze replaces: one loop over files, each library called as its documentation shows.

Run as ``python benchmarks/obvious.py OUT.pickle FILE...``; ``benchmarks/build.py`` does. It gets what helps a plain
script: madmom's compatibility shim, models loaded once, and all cores that the libraries use by themselves.
"""

import pickle
import sys
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pyloudnorm
import soundfile
import torch
import torchcrepe
from resemblyzer import VoiceEncoder, preprocess_wav

from featurizers.madmom_compat import madmom_names


class Models:
    """Everything that is worth loading once."""

    def __init__(self) -> None:
        from madmom.features import downbeats
        from madmom.features.chords import CNNChordFeatureProcessor, CRFChordRecognitionProcessor
        from madmom.features.key import CNNKeyRecognitionProcessor

        downbeats._process_dbn = _viterbi_pair
        self.downbeats = downbeats.RNNDownBeatProcessor()
        self.bars = downbeats.DBNDownBeatTrackingProcessor(beats_per_bar=[3, 4], fps=100)
        self.key = CNNKeyRecognitionProcessor()
        self.chord_features = CNNChordFeatureProcessor()
        self.chords = CRFChordRecognitionProcessor()
        self.voice = VoiceEncoder("cpu", verbose=False)


def _viterbi_pair(process_tuple: tuple[Any, Any]) -> np.ndarray:
    """madmom stacks (path, probability) pairs of unequal shapes, which numpy refuses by now; as objects it goes."""
    pair = np.empty(2, dtype=object)
    pair[:] = process_tuple[0].viterbi(process_tuple[1])
    return pair


def analyse(path: str, models: Models) -> dict[str, Any]:
    """All features of one file."""
    from madmom.features.key import key_prediction_to_label

    stereo, rate_hz = soundfile.read(path, always_2d=True)
    y, sr = librosa.load(path, sr=22050)
    pcm = (librosa.load(path, sr=44100)[0] * 32767).astype(np.int16)
    f0_hz, periodicity = pitch(path)
    return {
        "duration_s": len(stereo) / rate_hz,
        "loudness_lufs": pyloudnorm.Meter(rate_hz).integrated_loudness(stereo),
        **timbre(y, sr),
        "beats": models.bars(models.downbeats(pcm)),
        "key": key_prediction_to_label(models.key(pcm)),
        "chords": [tuple(chord) for chord in models.chords(models.chord_features(pcm))],
        "chroma_mean": librosa.feature.chroma_cqt(y=y, sr=sr).mean(axis=1),
        "f0_hz": f0_hz,
        "periodicity": periodicity,
        "voice_embedding": models.voice.embed_utterance(preprocess_wav(Path(path))),
    }


def timbre(y: np.ndarray, sr: int) -> dict[str, Any]:
    """Every librosa feature from the samples, as its documentation calls it."""
    mfcc = librosa.feature.mfcc(y=y, sr=sr, n_mfcc=20)
    return {
        "mfcc_mean": mfcc.mean(axis=1),
        "mfcc_std": mfcc.std(axis=1),
        "spectral_centroid_hz_mean": librosa.feature.spectral_centroid(y=y, sr=sr).mean(),
        "spectral_bandwidth_hz_mean": librosa.feature.spectral_bandwidth(y=y, sr=sr).mean(),
        "spectral_rolloff_hz_mean": librosa.feature.spectral_rolloff(y=y, sr=sr).mean(),
        "spectral_flatness_mean": librosa.feature.spectral_flatness(y=y).mean(),
        "spectral_contrast_mean_db": librosa.feature.spectral_contrast(y=y, sr=sr).mean(axis=1),
        "zero_crossing_rate_mean": librosa.feature.zero_crossing_rate(y).mean(),
        "onsets_s": librosa.onset.onset_detect(y=y, sr=sr, units="time"),
        "tempogram_ratio": librosa.feature.tempogram_ratio(y=y, sr=sr).mean(axis=1),
    }


def pitch(path: str) -> tuple[np.ndarray, np.ndarray]:
    """torchcrepe as its README shows, with the tiny model and its default (Viterbi) decoder."""
    audio = torch.from_numpy(librosa.load(path, sr=16000)[0])[None]
    f0, periodicity = torchcrepe.predict(
        audio, 16000, 160, 65, 1100, "tiny", batch_size=512, device="cpu", return_periodicity=True
    )
    return f0[0].numpy(), periodicity[0].numpy()


def main() -> None:
    out, *paths = sys.argv[1:]
    with madmom_names():  # madmom uses names at run time that numpy has dropped
        models = Models()
        found = {path: analyse(path, models) for path in paths}
    Path(out).write_bytes(pickle.dumps(found))


if __name__ == "__main__":
    main()
