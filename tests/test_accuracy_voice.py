"""The accuracy benchmark on answers whose worth is known: voices, what they sing and who they are."""

from typing import Any

import numpy as np
import pytest

from benchmarks.scoring.line import score_f0, score_note, score_parts, score_vibrato
from benchmarks.scoring.piece import Contour, Found, Span
from benchmarks.scoring.text import score_phonemes, score_words
from benchmarks.scoring.voices import equal_error_rate, score_voices

HOP_S = 0.01


def tone(f0_hz: float, duration_s: float = 2.0) -> Contour:
    times_s = np.arange(0, duration_s, HOP_S)
    return Contour(times_s.tolist(), [f0_hz] * len(times_s))


def sung(f0_hz: float, duration_s: float = 2.0) -> Found:
    return {"f0_hz": tone(f0_hz, duration_s).f0_hz, "f0_hop_s": HOP_S}


LEVEL_RPA = "RPA, vibrato averaged out"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (sung(220), {"RPA": 1, "RCA": 1, "VR": 1, "VFA": 0, "OA": 1, "right where voiced": 1}),
        (sung(440), {"RPA": 0, "RCA": 1, "VR": 1, "VFA": 0, "OA": 0.5, "right where voiced": 0}),
        (sung(220, 4), {"RPA": 1, "RCA": 1, "VR": 1, "VFA": 1, "OA": 0.5, "right where voiced": 0.5}),
        (sung(np.nan), {"RPA": 0, "RCA": 0, "VR": 0, "VFA": 0, "OA": 0.5, "right where voiced": 0}),
        ({"f0_hz": None, "f0_hop_s": None}, {"RPA": 0, "RCA": 0, "VR": 0, "VFA": 0, "OA": 0, "right where voiced": 0}),
    ],
)
def test_f0_of_a_tone_that_ends_half_way(found: Found, expected: dict[str, float]) -> None:
    times_s, f0_hz = tone(220, 4)
    scores = score_f0({"f0": Contour(times_s, [hz if t < 2 else 0.0 for t, hz in zip(times_s, f0_hz, strict=True)])}, found)  # fmt: skip # noqa: E501
    expected = {**expected, LEVEL_RPA: expected["RPA"]}
    assert scores == pytest.approx({f"F0 {name}": value for name, value in expected.items()}, abs=0.01)


def test_a_pitch_given_for_an_unvoiced_frame_counts_for_pitch_but_not_for_voicing() -> None:
    guessed = {"f0_hz": [np.nan] * 200, "f0_unvoiced_hz": [220.0] * 200, "f0_hop_s": HOP_S}
    expected = {"RPA": 1, "RCA": 1, "VR": 0, "VFA": 0, "OA": 0, "right where voiced": 0, LEVEL_RPA: 1}
    assert score_f0({"f0": tone(220)}, guessed) == pytest.approx({f"F0 {name}": v for name, v in expected.items()})


def test_f0_of_many_voices_counts_while_somebody_sings_whatever_the_hop() -> None:
    times_s, f0_hz = tone(220, 4)
    half = Contour(times_s, [hz if t < 2 else 0.0 for t, hz in zip(times_s, f0_hz, strict=True)])
    found = {"f0_hz": [220.0] * 60 + [np.nan] * 100, "f0_hop_s": 0.025}
    assert score_parts({"f0_parts": [half]}, found)["F0 of any voice"] == pytest.approx(0.75, abs=0.01)


def test_f0_of_many_voices_may_be_that_of_any_of_them() -> None:
    choir = {"f0_parts": [tone(220), tone(330), Contour([0.0, 2.0], [0.0, 0.0])]}
    assert [score_parts(choir, sung(hz))["F0 of any voice"] for hz in (220, 332, 440, np.nan)] == [1, 1, 0, 0]


def test_a_single_note_is_right_within_50_cents_and_in_any_octave_apart() -> None:
    scores = [tuple(score_note({"note_midi": 69}, sung(hz)).values()) for hz in (440, 450, 880, 466.2, np.nan)]
    assert scores == [(1, 1), (1, 1), (0, 1), (0, 0), (0, 0)]
    below = [tuple(score_note({"note_midi": 60}, sung(hz)).values()) for hz in (261.6, 252, 130.8, 126)]
    assert below == [(1, 1), (0, 0), (0, 1), (0, 0)]  # 252 Hz are 65 cents below middle C
    assert score_note({"note_midi": 69}, {"f0_hz": [np.nan, 440.0, 440.0]})["single notes"] == 1


def test_a_written_note_is_level_and_the_sung_one_is_once_vibrato_is_averaged_out() -> None:
    time_s = np.arange(0, 4, HOP_S)
    wavering = 220 * 2 ** (100 / 1200 * np.sin(2 * np.pi * 6 * time_s))
    pause = np.where(np.abs(time_s - 2) < 0.3, np.nan, wavering)
    guess = np.where(np.isnan(pause), 300.0, np.nan)
    scores = score_f0({"f0": tone(220, 4)}, {"f0_hz": pause, "f0_unvoiced_hz": guess, "f0_hop_s": HOP_S})
    within = 0.85 * 2 / np.pi * np.arcsin(0.5)  # of the period, a sine is this long below half its height
    expected = {"RPA": within, "RCA": within, LEVEL_RPA: 0.85}
    assert {name: scores[f"F0 {name}"] for name in expected} == pytest.approx(expected, abs=0.03)


def test_a_truth_that_wavers_is_levelled_as_what_is_found_is() -> None:
    time_s = np.arange(0, 4, HOP_S)
    wavering = 220 * 2 ** (100 / 1200 * np.sin(2 * np.pi * 6 * time_s))
    truth = Contour(time_s.tolist(), np.where(time_s < 2, wavering, 0.0).tolist())
    assert score_f0({"f0": truth}, sung(220))["F0 RPA"] == pytest.approx(1 / 3, abs=0.03)
    assert score_f0({"f0": truth}, sung(220))[f"F0 {LEVEL_RPA}"] == pytest.approx(1, abs=0.03)
    assert score_f0({"f0": truth}, sung(247))[f"F0 {LEVEL_RPA}"] == 0, "two semitones off"


def test_vibrato_is_looked_for_in_every_annotated_span() -> None:
    time_s = np.arange(0, 4, HOP_S)
    wavering = 220 * 2 ** (60 / 1200 * np.sin(2 * np.pi * 5.5 * time_s) * (time_s < 2))
    found = {"f0_hz": wavering, "f0_hop_s": HOP_S, "vibrato_rate_hz": 5.4, "vibrato_depth_cents": 58}
    spans = [Span(0, 2, "yes"), Span(2, 4, "no")]
    scores = score_vibrato({"vibrato": spans, "vibrato_rate_hz": 5.5, "vibrato_depth_cents": 60}, found)
    assert scores == pytest.approx(
        {"vibrato spans F": 1, "vibrato rate error, Hz": 0.1, "vibrato depth error, cents": 2}
    )
    swapped = [Span(0, 2, "no"), Span(2, 4, "yes")]
    assert score_vibrato({"vibrato": swapped}, found) == {"vibrato spans F": 0}
    both = [Span(0, 2, "yes"), Span(2, 4, "yes")]
    assert score_vibrato({"vibrato": both}, found) == {"vibrato spans F": pytest.approx(2 / 3)}
    assert score_vibrato({"vibrato": spans[1:]}, found) == {}, "nothing there and nothing found is no figure"
    sparse = {"f0_hz": wavering[::2], "f0_hop_s": 2 * HOP_S}
    assert score_vibrato({"vibrato": spans, "vibrato_rate_hz": 5.5}, sparse) == {"vibrato spans F": 1}
    nothing = {"f0_hz": None, "f0_hop_s": None}
    assert score_vibrato({"vibrato": spans, "vibrato_rate_hz": 5.5}, nothing) == {"vibrato spans F": 0}


def test_equal_error_rate() -> None:
    assert equal_error_rate([0.8, 0.9], [0.1, 0.2]) == 0
    assert equal_error_rate([0.1, 0.2], [0.8, 0.9]) == 1
    assert equal_error_rate([0.2, 0.6, 0.7, 0.9], [0.1, 0.3, 0.4, 0.65]) == pytest.approx(0.25)
    assert equal_error_rate([0.5] * 4, [0.5] * 4) == pytest.approx(0.5)


def test_voices_of_separate_speakers_are_told_apart_and_confused_ones_are_not() -> None:
    def score(*embeddings: Any) -> dict[str, float]:
        return score_voices(
            [({"speaker": name}, {"voice_embedding": e}) for name, e in zip("aabb", embeddings, strict=True)]
        )

    x, y = [1.0, 0.0], [0.0, 1.0]
    assert score(x, x, y, y) == {"voices EER": 0, "nearest is the same": 1, "retrieval mAP": 1}
    assert score([0.1, 0.0], [0.1, 0.01], [5.0, 9.0], [4.0, 9.0])["voices EER"] == 0, "however long they are"
    confused = score(x, y, x, y)
    assert confused["nearest is the same"] == 0
    assert confused["retrieval mAP"] == pytest.approx(1 / 3), "of equals those of others come first"
    assert score(x, None, y, y)["nearest is the same"] == 0.5, "nothing is near a file without an embedding"
    assert score(x, None, y, y)["voices EER"] == 0.5, "a file without an embedding is unlike every other"
    assert score_voices([({"speaker": name}, {"voice_embedding": x}) for name in "ab"]) == {}
    assert score_voices([({"speaker": "a"}, {"voice_embedding": x})] * 2) == {}


WORDS = [Span(0.0, 0.5, "Don't"), Span(0.5, 1.0, "stop,"), Span(1.0, 1.5, "now")]


def test_words_are_timed_where_they_were_recognised() -> None:
    found = [{"word": word, "start_s": start_s, "end_s": start_s + 0.4} for word, start_s in (("don’t", 0.1), ("step", 0.5), ("now!", 1.5))]  # fmt: skip # noqa: E501, RUF001
    scores = score_words({"words": WORDS}, {"words": found})
    assert scores == pytest.approx(
        {"word error rate": 1 / 3, "word starts, mean error, s": 0.3, "word starts within 0.3 s": 0.5}
    )
    assert score_words({"words": WORDS}, {"words": None}) == {"word error rate": 1}


def test_words_that_are_left_out_or_added_and_signs_between_them_do_not_shift_the_others() -> None:
    signed = [Span(0.0, 0.0, "-"), *WORDS]
    heard = (("oh", -0.5), ("♪", 0.0), ("don't", 0.05), ("stop", 0.85))
    found = [{"word": word, "start_s": start_s, "end_s": start_s + 0.1} for word, start_s in heard]
    assert score_words({"words": signed}, {"words": found}) == pytest.approx(
        {"word error rate": 2 / 3, "word starts, mean error, s": 0.2, "word starts within 0.3 s": 0.5}
    )
    assert score_words({"words": WORDS}, {"words": found[:1] + found[2:3]})["word error rate"] == pytest.approx(1)
    assert score_words({"words": WORDS}, {"words": found[2:3]})["word error rate"] == pytest.approx(2 / 3)


def test_phoneme_boundaries_count_without_names_and_silence() -> None:
    spans = [Span(0, 1, "pau"), Span(1, 1.2, "k"), Span(1.2, 1.5, "a"), Span(1.5, 2, "sil")]
    found = [{"start_s": 1.03, "end_s": 1.2}, {"start_s": 1.2, "end_s": 1.5}]
    scores = score_phonemes({"phonemes": spans}, {"phonemes": found})
    assert scores == pytest.approx({"phoneme boundaries F, 20 ms": 2 / 3, "phoneme boundaries F, 50 ms": 1})
    assert set(score_phonemes({"phonemes": spans}, {"phonemes": None}).values()) == {0}
