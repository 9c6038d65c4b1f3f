"""Each guard on segments made for it, and what no guard may do to any."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from featurizers.lyrics_guards import (
    NEAR_S,
    Segment,
    Word,
    compression_ratio,
    guarded,
    unless_compressible,
    unless_no_speech,
    within_vocals,
    without_loops,
    without_repeats,
)

VERSE = "By the rivers of Babylon, there we sat down, yea, we wept, when we remembered Zion."
SPAN = (10.0, 38.0)


def segment(
    text: str, *, avg_logprob: float = -0.3, no_speech_prob: float = 0.01, word_s: float = 0.2, start_s: float = 10.0
) -> Segment:
    """A segment whose words follow each other from the start of the span on."""
    times_s = (start_s + word_s * number for number in range(10_000))
    words = [
        Word(f" {word}", time_s, time_s + word_s, 0.9) for word, time_s in zip(text.split(), times_s, strict=False)
    ]
    return Segment(words, avg_logprob, no_speech_prob, [SPAN])


def said(words: list[Word]) -> str:
    return "".join(word.text for word in words).strip()


def test_ordinary_lyrics_pass_untouched() -> None:
    one = segment(VERSE)
    assert guarded([one]) == (one.words, [])


@pytest.mark.parametrize(
    ("no_speech_prob", "avg_logprob", "dropped"),
    [(0.61, -1.01, True), (0.6, -1.01, False), (0.61, -1.0, False), (0.99, -0.2, False), (0.1, -3.0, False)],
)
def test_text_that_the_model_takes_for_a_pause_and_doubts(
    no_speech_prob: float, avg_logprob: float, dropped: bool
) -> None:
    one = segment(VERSE, avg_logprob=avg_logprob, no_speech_prob=no_speech_prob)
    assert unless_no_speech(one) == ([] if dropped else one.words)
    assert guarded([one]) == (([], ["no_speech"]) if dropped else (one.words, []))


def test_text_that_compresses_too_well() -> None:
    lines = [f"{number} bottles of beer on the wall, {number} bottles of beer, take one down" for number in "9876543"]
    one = segment(" ".join(lines), word_s=0.1)
    assert compression_ratio(said(one.words)) > 2.4
    assert unless_compressible(one) == []
    assert guarded([one]) == ([], ["compression"])


def test_the_ratio_is_that_of_whisper() -> None:
    from faster_whisper.transcribe import get_compression_ratio

    for text in ("", "la", VERSE, 5 * VERSE, "Żółć " * 40):
        assert compression_ratio(text) == get_compression_ratio(text)


def test_a_refrain_is_no_failed_text() -> None:
    one = segment(" ".join(4 * ["We shall overcome, we shall overcome some day."]))
    assert compression_ratio(said(one.words)) > 2.4
    assert guarded([one]) == (one.words, [])


@pytest.mark.parametrize("phrase", ["na", "Thank you.", "I'm going to be a good boy,"])
def test_a_loop_is_said_once(phrase: str) -> None:
    one = segment(f"Oh my darling {' '.join(20 * [phrase])} good night", word_s=0.1)
    words, fired = guarded([one])
    assert said(words) == f"Oh my darling {phrase} good night"
    assert fired == ["loop"]
    assert words[3] == one.words[3]  # the first time, and when it was


def test_eight_times_is_no_loop_and_nine_is() -> None:
    eight, nine = (segment(" ".join(number * ["la la hey"])) for number in (8, 9))
    assert without_loops(eight) == eight.words
    assert said(without_loops(nine)) == "la la hey"


def test_case_and_punctuation_hide_no_loop() -> None:
    assert said(without_loops(segment("Oh, oh! OH oh. Oh oh, oh oh? oh yes"))) == "Oh, yes"


def test_a_loop_that_breaks_off_leaves_its_beginning() -> None:
    assert said(without_loops(segment(9 * "one two three " + "one two"))) == "one two three one two"


@pytest.mark.parametrize(
    ("start_s", "end_s", "expected"),
    [
        (11, 12, (11, 12)),
        (9, 11, (10, 11)),
        (12.5, 15.5, (12.5, 15.5)),  # a long note through a pause
        (12.9, 14.2, (12.9, 13)),
        (9.8, 9.9, (10, 10)),  # near enough for Whisper's idea of time
        (13.1, 13.1, (13, 13)),
        (9.7, 9.79, None),
        (13.3, 14.7, None),
        (20, 21, None),
    ],
)
def test_words_are_trimmed_to_the_vocals_or_dropped(
    start_s: float, end_s: float, expected: tuple[float, float] | None
) -> None:
    one = Segment([Word(" so", start_s, end_s, 0.5)], -0.3, 0.0, [(10.0, 13.0), (15.0, 18.0)])
    assert [(word.start_s, word.end_s) for word in within_vocals(one)] == ([] if expected is None else [expected])
    assert guarded([one])[1] == ([] if expected else ["outside_vocals"])


def test_guards_act_on_one_segment_at_a_time_and_all_that_fired_are_named() -> None:
    doubted = segment("Thanks for watching", avg_logprob=-2, no_speech_prob=0.9)
    looped, late = segment(12 * "oh "), segment("good night", start_s=60)
    fine = segment(VERSE)
    words, fired = guarded([doubted, fine, looped, late])
    assert said(words) == f"{VERSE} oh"
    assert fired == ["loop", "no_speech", "outside_vocals"]


def test_no_segments_give_no_words() -> None:
    assert guarded([]) == ([], [])
    assert guarded([Segment([], -0.1, 0.1, [SPAN])]) == ([], [])


few_words = st.lists(st.sampled_from(["oh", "Oh,", "yes", "no", "la"]), max_size=60).map(" ".join)


@given(few_words, st.integers(1, 9))
def test_what_stays_is_what_was_said_in_its_order(text: str, at_most: int) -> None:
    words = segment(text).words
    kept = without_repeats(words, at_most)
    assert [word for word in words if word in kept] == kept
    assert bool(kept) == bool(words)


times_s = st.lists(st.floats(0, 40), min_size=1, max_size=20).map(sorted)


@given(times_s, times_s)
def test_times_stay_in_order_and_near_the_vocals(starts_s: list[float], edges_s: list[float]) -> None:
    spans = [(start_s, end_s) for start_s, end_s in zip(edges_s[::2], edges_s[1::2], strict=False)] or [SPAN]
    words = [Word(" a", start_s, start_s + 0.3 * (number % 3), 0.5) for number, start_s in enumerate(starts_s)]
    kept = within_vocals(Segment(words, -0.3, 0.0, spans))
    assert all(before.start_s <= after.start_s for before, after in pairwise(kept))
    for word in kept:
        assert word.start_s <= word.end_s
        assert min(max(start_s - word.end_s, word.start_s - end_s) for start_s, end_s in spans) <= NEAR_S
        assert spans[0][0] <= word.start_s <= word.end_s <= spans[-1][1]
