"""Our networks and decoders against madmom's own, called as its documentation shows, on a song rendered here."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from featurizers import madmom_chords, madmom_chroma, madmom_key, madmom_onnx, madmom_spectrogram
from featurizers.audio import Audio, Sound
from featurizers.featurizer import Featurizer, Inputs
from featurizers.harmony import Harmony
from featurizers.madmom_bars import tempi, track_bars
from featurizers.madmom_chords import ChordDecoder, ChordNetwork
from featurizers.madmom_chroma import ChromaNetwork
from featurizers.madmom_compat import madmom_names
from featurizers.madmom_downbeats import FRAMES_PER_S, DownbeatNetworks
from featurizers.madmom_key import KeyNetwork
from featurizers.madmom_spectrogram import filterbank, magnitudes
from featurizers.rhythm import Rhythm

RATE_HZ = 44100
DURATION_S = 15.05  # no whole number of frames
# of probabilities and features between 0 and 1; the recurrent networks amplify rounding errors in
# their input up to four hundred times, ours and madmom's alike
TOLERANCE, RECURRENT_TOLERANCE = 1e-5, 1e-4


@pytest.fixture(scope="module")
def samples() -> np.ndarray:
    """Strummed triads over a bass and clicks on every beat, with the first chord late."""
    rng = np.random.default_rng(3)
    beat_s, num_samples = 60 / 132, round(DURATION_S * RATE_HZ)
    time_s = np.arange(round(beat_s * RATE_HZ)) / RATE_HZ
    song = rng.normal(0, 1e-3, num_samples)
    for beat in range(int((DURATION_S - 0.4) / beat_s)):
        root, third = ((0, 4), (9, 3), (5, 4), (7, 4))[beat // 4 % 4]
        pitches_hz = [220 * 2 ** ((root + step) / 12) for step in (-24, 0, third, 7, 12)]
        partials = [np.sin(2 * np.pi * hz * k * time_s) / k for hz in pitches_hz for k in range(1, 9)]
        strum = 0.05 * np.sum(partials, axis=0) * np.exp(-2 * time_s)
        click = (0.8 if beat % 4 == 0 else 0.3) * rng.standard_normal(len(time_s)) * np.exp(-60 * time_s)
        into = song[round((0.4 + beat * beat_s) * RATE_HZ) :][: len(time_s)]
        into += (strum + click)[: len(into)]
    scaled: np.ndarray = (song / np.abs(song).max()).astype(np.float32)
    return scaled


@pytest.fixture(scope="module")
def madmom_bars() -> Callable[[np.ndarray], np.ndarray]:
    """madmom's tracker, where current numpy refuses to stack a path and its log probability."""
    with madmom_names():
        from madmom.features import downbeats

        tracker = downbeats.DBNDownBeatTrackingProcessor(beats_per_bar=[3, 4], fps=FRAMES_PER_S)

    def decode(hmm_and_activations: tuple[Any, np.ndarray]) -> np.ndarray:
        pair = np.empty(2, dtype=object)
        pair[:] = hmm_and_activations[0].viterbi(hmm_and_activations[1])
        return pair

    def track(activations: np.ndarray) -> np.ndarray:
        with madmom_names(), pytest.MonkeyPatch.context() as patch:
            patch.setattr(downbeats, "_process_dbn", decode)
            beats: np.ndarray = tracker(activations)
            return beats

    return track


def inputs(samples: np.ndarray) -> Inputs:
    return Inputs(Sound.of(mix=Audio(samples[None], RATE_HZ)))


def spectrogram(samples: np.ndarray, bands: tuple[int, int, int], frames_per_s: int) -> np.ndarray:
    bank = filterbank(8192, *bands)
    return np.concatenate([bank.log_bands(chunk) for chunk in magnitudes(samples, 8192, RATE_HZ // frames_per_s)])


def test_downbeat_activations_and_beats_are_madmoms(
    samples: np.ndarray, madmom_bars: Callable[..., np.ndarray]
) -> None:
    with madmom_names():
        from madmom.features.downbeats import RNNDownBeatProcessor

        theirs = RNNDownBeatProcessor()(samples)
    ours = DownbeatNetworks()(samples)
    np.testing.assert_allclose(ours, theirs, atol=RECURRENT_TOLERANCE, rtol=0)

    bars, expected = track_bars(ours, (3, 4), tempi(FRAMES_PER_S)), madmom_bars(theirs)
    assert len(expected) > 20
    np.testing.assert_array_equal(np.stack([bars.beat_frames / FRAMES_PER_S, bars.beat_numbers], axis=1), expected)


@pytest.mark.parametrize("seed", range(12))
def test_bars_of_random_activations_are_madmoms(seed: int, madmom_bars: Callable[..., np.ndarray]) -> None:
    rng = np.random.default_rng(seed)
    num_frames = int(rng.integers(30, 1000))
    activations = rng.dirichlet((0.5, 0.4, 6), num_frames)[:, :2].clip(1e-6).astype(np.float32)
    bars, expected = track_bars(activations, (3, 4), tempi(FRAMES_PER_S)), madmom_bars(activations)
    np.testing.assert_array_equal(np.stack([bars.beat_frames / FRAMES_PER_S, bars.beat_numbers], axis=1), expected)


def test_no_activation_gives_no_beats() -> None:
    bars = track_bars(np.full((500, 2), 0.01, dtype=np.float32), (3, 4), tempi(FRAMES_PER_S))
    assert len(bars.beat_frames) == len(bars.beat_numbers) == 0


def test_key_is_madmoms(samples: np.ndarray) -> None:
    with madmom_names():
        from madmom.features.key import KEY_LABELS, CNNKeyRecognitionProcessor, key_prediction_to_label

        theirs = CNNKeyRecognitionProcessor()(samples)
    ours = KeyNetwork()(spectrogram(samples, madmom_key.BANDS, madmom_key.FRAMES_PER_S))
    from_c = [*KEY_LABELS[3:12], *KEY_LABELS[:3], *KEY_LABELS[15:], *KEY_LABELS[12:15]]
    np.testing.assert_allclose(ours, [theirs[0, KEY_LABELS.index(label)] for label in from_c], atol=TOLERANCE)

    (row,) = Harmony().load()([inputs(samples)])
    assert row["key"] == key_prediction_to_label(theirs)


def test_chord_features_and_chords_are_madmoms(samples: np.ndarray) -> None:
    with madmom_names():
        from madmom.features.chords import CNNChordFeatureProcessor, CRFChordRecognitionProcessor

        theirs = CNNChordFeatureProcessor()(samples)
        expected = CRFChordRecognitionProcessor()(theirs)
    ours = ChordNetwork()(spectrogram(samples, madmom_chords.BANDS, madmom_chords.FRAMES_PER_S))
    np.testing.assert_allclose(ours, theirs, atol=TOLERANCE, rtol=0)

    chords = ChordDecoder()(ours)
    assert len(expected) > 5
    assert [chord.label for chord in chords] == expected["label"].tolist()
    np.testing.assert_allclose([chord.start_frame / 10 for chord in chords], expected["start"])
    np.testing.assert_allclose([chord.end_frame / 10 for chord in chords], expected["end"])


def test_chroma_is_the_mean_of_madmoms(samples: np.ndarray) -> None:
    with madmom_names():
        from madmom.audio.chroma import DeepChromaProcessor

        theirs = DeepChromaProcessor()(samples)
    ours = ChromaNetwork()(spectrogram(samples, madmom_key.BANDS, madmom_chroma.FRAMES_PER_S))
    np.testing.assert_allclose(ours, theirs.mean(axis=0), atol=TOLERANCE)


def test_chunks_leave_no_trace(samples: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    networks, chord_network, chroma_network = DownbeatNetworks(), ChordNetwork(), ChromaNetwork()
    samples = samples[: 7 * RATE_HZ]

    def everything() -> list[np.ndarray]:
        chord_bands = spectrogram(samples, madmom_chords.BANDS, madmom_chords.FRAMES_PER_S)
        key_bands = spectrogram(samples, madmom_key.BANDS, madmom_chroma.FRAMES_PER_S)
        return [chord_network(chord_bands), chroma_network(key_bands), networks(samples)]

    whole = everything()
    for module in (madmom_spectrogram, madmom_chords, madmom_chroma):
        monkeypatch.setattr(module, "_CHUNK_FRAMES", 32)
    monkeypatch.setattr(madmom_onnx, "_LSTM_CHUNK_FRAMES", 100)
    tolerances = (1e-6, 1e-6, RECURRENT_TOLERANCE)
    for chunked, unchunked, tolerance in zip(everything(), whole, tolerances, strict=True):
        np.testing.assert_allclose(chunked, unchunked, atol=tolerance, rtol=0)


@pytest.mark.parametrize("backward", [False, True])
def test_an_lstm_hands_its_state_from_chunk_to_chunk(backward: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    with madmom_names():
        from madmom.models import DOWNBEATS_BLSTM
    layer = madmom_onnx.read_layers(DOWNBEATS_BLSTM[0])[1]
    lstm = madmom_onnx.LstmLayer(layer.bwd_layer if backward else layer.fwd_layer, backward=backward)
    frames = np.random.default_rng(0).uniform(-1, 1, (257, 50)).astype(np.float32)
    whole = lstm(frames)
    monkeypatch.setattr(madmom_onnx, "_LSTM_CHUNK_FRAMES", 64)
    np.testing.assert_allclose(lstm(frames), whole, atol=1e-6, rtol=0)


@pytest.mark.parametrize("num_frames", [8, 13, 31, 64, 65, 71, 72, 100, 151])
def test_key_chunks_of_any_length_leave_no_trace(num_frames: int, monkeypatch: pytest.MonkeyPatch) -> None:
    network, bands = KeyNetwork(), np.random.default_rng(num_frames).random((num_frames, 105), dtype=np.float32)
    whole = network(bands)
    monkeypatch.setattr(madmom_key, "_CHUNK_FRAMES", 16)
    np.testing.assert_allclose(network(bands), whole, atol=1e-6, rtol=0)


def test_a_key_needs_eight_frames() -> None:
    with pytest.raises(ValueError, match="at least 8 frames, not 7"):
        KeyNetwork()(np.zeros((7, 105), dtype=np.float32))


@pytest.mark.parametrize("featurizer", [Rhythm(), Harmony()], ids=lambda featurizer: type(featurizer).__name__)
def test_a_batch_equals_its_tracks_one_by_one(featurizer: Featurizer, samples: np.ndarray) -> None:
    extract = featurizer.load()
    tracks = [samples, np.zeros(RATE_HZ, dtype=np.float32), samples[: 4 * RATE_HZ], samples[:1000], samples]
    alone = [row for track in tracks for row in extract([inputs(track)])]
    assert extract([inputs(track) for track in tracks]) == alone


def test_names_lent_to_madmom_are_taken_back(samples: np.ndarray) -> None:
    Rhythm().load()
    with madmom_names():
        assert vars(np)["float"] is float
    assert not any(name in vars(np) for name in ("float", "int"))
