"""Transcription of rendered voices by a tiny Whisper of random weights, against the library called directly.

What its nonsense words are proves nothing about lyrics; where, when and whether they are does.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from featurizers import lyrics
from featurizers.audio import Audio, Sound
from featurizers.featurizer import Extract, Features, Inputs
from featurizers.lyrics import Lyrics, text_of
from featurizers.lyrics_guards import Word
from featurizers.recogniser import Recogniser
from featurizers.sentiment import load_score, sentiment_of
from featurizers.vocal_activity import cut_vocals, find_vocals
from featurizers.weights import revision
from featurizers.weights_store import LOCATION, Store, WeightsError
from schemas.fragments.lyrics import LYRICS
from tiny_whisper import LANGUAGES, write_whisper
from voices import RATE_HZ, faded, harmonic, vibrato_hz

PHRASES = [(1.0, 3.0, 220), (4.5, 2.0, 330), (12.0, 6.0, 180), (19.0, 1.0, 262)]  # start_s, length_s, f0_hz
DURATION_S = 24.0
WEIGHT = "whisper-tiny"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a tiny Whisper, which the environment names."""
    store = Store(tmp_path_factory.mktemp("weights"))
    write_whisper(store.path(WEIGHT))
    store.record(WEIGHT, "tiny")
    return store.root


@pytest.fixture(autouse=True)
def _located(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOCATION, str(folder))


@pytest.fixture(scope="module")
def extract(folder: Path) -> Extract:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LOCATION, str(folder))
        return Lyrics(model="tiny", language="en").load()


@pytest.fixture(scope="module")
def whisper(folder: Path) -> Any:
    """The model, loaded by the library alone."""
    from faster_whisper import WhisperModel

    return WhisperModel(str(folder / WEIGHT), device="cpu", compute_type="int8", cpu_threads=1)


def stem(phrases: list[tuple[float, float, float]] = PHRASES, duration_s: float = DURATION_S) -> Audio:
    samples = np.zeros((1, round(duration_s * RATE_HZ)), np.float32)
    for start_s, length_s, f0_hz in phrases:
        note = faded(harmonic(vibrato_hz(f0_hz, 5.5, 60, length_s)))
        samples[0, round(start_s * RATE_HZ) :][: len(note)] += note
    return Audio(samples, RATE_HZ)


def inputs(audio: Audio, energy_share: float | None = 0.3, language_tag: str | None = None) -> Inputs:
    columns = {"vocals_energy_share": energy_share, "language_tag": language_tag}
    return Inputs(Sound.of(vocals=audio), columns, source="vocals")


def directly(whisper: Any, audio: Audio, clips: list[tuple[float, float]]) -> list[Any]:
    """Words as the library's own pipeline has them, all clips at once."""
    from faster_whisper import BatchedInferencePipeline

    segments, _ = BatchedInferencePipeline(whisper).transcribe(
        audio.samples[0],
        language="en",
        temperature=0.0,
        word_timestamps=True,
        vad_filter=False,
        clip_timestamps=[{"start": start_s, "end": end_s} for start_s, end_s in clips],
    )
    return [word for segment in segments for word in segment.words]


def test_words_are_the_library_s(whisper: Any, extract: Extract) -> None:
    audio = stem()
    [features] = extract([inputs(audio)])
    expected = directly(whisper, audio, [(1.0, 6.5), (12.0, 20.0)])
    assert len(expected) > 20
    ends_s = [(start_s, start_s + length_s) for start_s, length_s, _ in PHRASES]
    kept = [w for w in expected if any(w.end >= start_s - 0.2 and w.start <= end_s + 0.2 for start_s, end_s in ends_s)]
    assert [word["word"] for word in features["words"]] == [word.word.strip() for word in kept]
    for word, other in zip(features["words"], kept, strict=True):
        assert word["probability"] == pytest.approx(other.probability, abs=1e-3)
        if any(start_s <= other.start and other.end <= end_s for start_s, end_s in ends_s):
            assert (word["start_s"], word["end_s"]) == pytest.approx((other.start, other.end), abs=0.011)


def test_words_are_where_somebody_sings(extract: Extract) -> None:
    audio = stem()
    [features] = extract([inputs(audio)])
    spans = find_vocals(audio, None)
    words = features["words"]
    assert features["has_vocals"] is True
    assert features["vocal_ratio"] == pytest.approx(12 / DURATION_S, abs=0.01)
    assert all(word["start_s"] <= word["end_s"] for word in words)
    assert all(before["start_s"] <= after["start_s"] for before, after in pairwise(words))
    for word in words:
        assert any(start_s <= word["end_s"] and word["start_s"] <= end_s for start_s, end_s in spans)
    assert {sum(word["start_s"] > start_s for start_s, _ in spans) for word in words} >= {1, 3}
    assert features["text"].replace("\n", " ").split() == [word["word"] for word in words]
    assert "\n" in features["text"]


def test_a_moved_phrase_is_the_same_text_at_another_time(extract: Extract) -> None:
    here, there = (extract([inputs(stem([(start_s, 3.0, 220)]))])[0] for start_s in (1.0, 17.0))
    assert here["text"] == there["text"] != ""
    for word, moved in zip(here["words"], there["words"], strict=True):
        assert moved["start_s"] - word["start_s"] == pytest.approx(16, abs=0.011)
        assert moved["end_s"] - word["end_s"] == pytest.approx(16, abs=0.011)


def test_the_text_follows_what_is_sung(extract: Extract) -> None:
    low, high = (extract([inputs(stem([(1.0, 3.0, f0_hz)]))])[0] for f0_hz in (130, 520))
    assert low["text"] != high["text"]


def test_one_at_a_time_equals_all_at_once_and_again(extract: Extract) -> None:
    batch = [inputs(stem()), inputs(stem([], 3)), inputs(stem([(0.5, 1.5, 300)], 3))]
    together = extract(batch)
    assert together == [features for one in batch for features in extract([one])]
    assert together == extract(batch)


def test_many_chunks_at_once_say_what_one_after_the_other_does(folder: Path) -> None:
    recogniser = Recogniser.load(str(folder / WEIGHT), beam_size=2)
    audio = stem([(6.0 * number, 2.0, 150 + 30 * number) for number in range(5)], 32)
    chunks = cut_vocals(audio, find_vocals(audio, None), 28)
    assert len(chunks) == 5
    one, many = recogniser, Recogniser(recogniser.whisper, 2, batch_chunks=3)
    apart, together = (one.transcribe(audio, chunks, "en"), many.transcribe(audio, chunks, "en"))
    assert [segment.spans for segment in apart] == [segment.spans for segment in together] == chunks
    for segment, other in zip(apart, together, strict=True):
        assert [word.text for word in segment.words] == [word.text for word in other.words]
        assert segment.avg_logprob == pytest.approx(other.avg_logprob, abs=1e-3)


class Counted:
    """A model that counts what is asked of it."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.model, name)
        if not callable(found):
            return found
        return lambda *args, **kwargs: self.calls.append(name) or found(*args, **kwargs)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> tuple[Extract, Counted]:
    """A featurizer that detects the language, and the model in it."""
    load = Recogniser.load
    models = []

    def watched(folder: str, beam_size: int) -> Recogniser:
        recogniser = load(folder, beam_size)
        models.append(Counted(recogniser.whisper.model))
        recogniser.whisper.model = models[0]
        return recogniser

    monkeypatch.setattr(Recogniser, "load", watched)
    extract = Lyrics(model="tiny").load()
    models[0].calls.clear()
    return extract, models[0]


SILENT = {
    "0.05 s": (stem([(0, 0.05, 220)], 0.05), 0.5),
    "nothing at all": (Audio(np.zeros((1, 0), np.float32), RATE_HZ), None),
    "silence": (stem([]), None),
    "offset": (Audio(np.full((1, RATE_HZ), 0.5, np.float32), RATE_HZ), 0.5),
    "bleed": (stem(), 0.002),
    "faint bleed": (Audio(stem().samples * np.float32(0.01), RATE_HZ), 0.5),
}


@pytest.mark.parametrize("name", SILENT)
def test_without_vocals_whisper_is_not_asked(counted: tuple[Extract, Counted], name: str) -> None:
    extract, model = counted
    [features] = extract([inputs(*SILENT[name])])
    assert model.calls == []
    nothing: Features = dict.fromkeys(LYRICS.names)
    nothing |= {"has_vocals": False, "vocal_ratio": 0.0, "text": "", "words": [], "lyrics_guards": []}
    assert features == nothing | {"lyrics_model": f"{WEIGHT}@{revision(WEIGHT)}"}


def test_long_tracks_are_heard_chunk_by_chunk(
    counted: tuple[Extract, Counted], monkeypatch: pytest.MonkeyPatch
) -> None:
    extract, model = counted
    from faster_whisper.feature_extractor import FeatureExtractor

    lengths_s = []
    compute = FeatureExtractor.__call__
    monkeypatch.setattr(
        FeatureExtractor,
        "__call__",
        lambda self, samples, **options: lengths_s.append(len(samples) / RATE_HZ) or compute(self, samples, **options),
    )
    audio = stem([(1.0, 70.0, 220), (75.0, 3.0, 180)], 80)
    [features] = extract([inputs(audio)])
    assert max(lengths_s) <= 28
    num_chunks = len(cut_vocals(audio, find_vocals(audio, None), 28))
    assert 4 <= num_chunks <= 6
    assert model.calls.count("generate") == num_chunks
    assert model.calls.count("detect_language") == 3
    assert features["words"][0]["start_s"] == pytest.approx(1, abs=0.5)
    assert features["words"][-1]["start_s"] > 75


def test_the_language_is_the_one_of_most_singing(whisper: Any, counted: tuple[Extract, Counted]) -> None:
    extract, _ = counted
    audio = stem()
    [features] = extract([inputs(audio)])
    votes: dict[str, float] = {}
    for start_s, end_s, sung_s in ((1.0, 6.5, 5.0), (12.0, 20.0, 7.0)):
        samples = audio.samples[0, round(start_s * RATE_HZ) : round(end_s * RATE_HZ)]
        for language, probability in whisper.detect_language(samples)[2]:
            votes[language] = votes.get(language, 0) + probability * sung_s / 12
    assert votes.keys() == {*LANGUAGES}
    best = max(votes, key=lambda language: votes[language])
    assert features["language"] == best
    assert features["language_probability"] == pytest.approx(votes[best], abs=0.02)
    assert 0 < features["language_probability"] <= 1
    assert features["language_source"] == "vote"


def test_a_vote_weighs_by_sung_time() -> None:
    heard = {1.0: [("pl", 0.9), ("en", 0.1)], 4.0: [("en", 0.6), ("pl", 0.4)], 0.5: [("cs", 1.0)], 0.6: [("cs", 1.0)]}

    class Ears:
        def detect_language(self, samples: np.ndarray) -> tuple[None, None, list[tuple[str, float]]]:
            return None, None, heard[len(samples) / RATE_HZ]

    audio = Audio(np.zeros((1, 60 * RATE_HZ), np.float32), RATE_HZ)
    chunks = [[(10.0 * number, 10.0 * number + length_s)] for number, length_s in enumerate(heard)]
    language, probability = Recogniser(Ears(), 5, 1).vote(audio, chunks)
    assert (language, probability) == ("en", pytest.approx((0.1 * 1 + 0.6 * 4) / 5.6))


def test_a_tag_saves_the_vote_and_a_setting_outranks_it(counted: tuple[Extract, Counted], extract: Extract) -> None:
    voting, model = counted
    [features] = voting([inputs(stem(), language_tag="pol")])
    assert "detect_language" not in model.calls
    assert [features[name] for name in ("language", "language_probability", "language_source")] == ["pl", None, "tag"]
    [forced] = extract([inputs(stem(), language_tag="pol")])
    assert (forced["language"], forced["language_source"]) == ("en", "setting")
    [unclear] = voting([inputs(stem(), language_tag="zxx")])
    assert unclear["language_source"] == "vote"


def test_a_set_language_has_no_probability_and_english_a_sentiment(extract: Extract) -> None:
    [features] = extract([inputs(stem())])
    assert (features["language"], features["language_probability"]) == ("en", None)
    assert features["language_source"] == "setting"
    assert (features["sentiment"], features["sentiment_score"]) == ("neutral", 0.0)  # nonsense words


def test_other_languages_have_no_sentiment_and_their_own_text(extract: Extract) -> None:
    [english] = extract([inputs(stem())])
    [javanese] = Lyrics(model="tiny", language="jw").load()([inputs(stem())])
    assert javanese["language"] == "jv"
    assert javanese["sentiment"] is None
    assert javanese["sentiment_score"] is None
    assert javanese["text"] not in ("", english["text"])


@pytest.mark.parametrize(
    ("text", "sentiment"),
    [
        ("What a wonderful world, I love you", "positive"),
        ("I hate this cruel, lonely pain", "negative"),
        ("The train leaves the station at four", "neutral"),
    ],
)
def test_sentiment_of_lines(text: str, sentiment: str) -> None:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    score = load_score()(text)
    assert score == SentimentIntensityAnalyzer().polarity_scores(text)["compound"]
    assert sentiment_of(score) == sentiment


def test_a_song_scores_the_mean_of_its_lines_and_nothing_scores_none() -> None:
    score = load_score()
    love, pain = score("I love you"), score("so much pain")
    assert score("I love you\nso much pain") == pytest.approx((love + pain) / 2)
    assert score("I love you. so much pain") == pytest.approx((love + pain) / 2)
    assert score(" \n ") is None
    assert [sentiment_of(value) for value in (0.05, 0.049, -0.049, -0.05)] == [
        "positive",
        "neutral",
        "neutral",
        "negative",
    ]


def test_lines_end_at_pauses_and_some_languages_have_no_spaces() -> None:
    words = [Word(" So", 1, 1.4, 1), Word(" long,", 1.8, 2, 1), Word(" farewell", 2.6, 3, 1)]
    assert text_of(words) == "So long,\nfarewell"
    assert text_of([Word("さく", 0, 0.3, 1), Word("ら", 0.4, 0.6, 1)]) == "さくら"
    assert text_of([]) == ""


def test_guards_see_what_the_model_says_of_a_chunk(extract: Extract, monkeypatch: pytest.MonkeyPatch) -> None:
    transcribe = Recogniser.transcribe

    def doubtful(self: Recogniser, *args: Any) -> list[Any]:
        first, *others = transcribe(self, *args)
        return [first._replace(avg_logprob=-1.5, no_speech_prob=0.7), *others]

    monkeypatch.setattr(Recogniser, "transcribe", doubtful)
    [features] = extract([inputs(stem())])
    assert "no_speech" in features["lyrics_guards"]
    assert features["words"]
    assert min(word["start_s"] for word in features["words"]) >= 11.9


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "huge"}, "model is 'huge', expected one of tiny, base"),
        ({"beam_size": 0}, "beam_size is 0"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Lyrics(**settings)


def test_a_language_that_whisper_does_not_know() -> None:
    with pytest.raises(ValueError, match="language is 'English'"):
        Lyrics(model="tiny", language="English").load()


def test_weights_that_are_not_there_or_differ(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError, match="muze models pull whisper-base"):
        Lyrics(model="base").load()
    store = Store(tmp_path)
    write_whisper(store.path(WEIGHT))
    store.record(WEIGHT, "tiny")
    (store.path(WEIGHT) / "tokenizer.json").write_text("{}")
    monkeypatch.setenv(LOCATION, str(tmp_path))
    with pytest.raises(WeightsError, match=r"tokenizer\.json has"):
        Lyrics(model="tiny").load()


def test_rows_fit_the_fragment(extract: Extract) -> None:
    features = extract([inputs(stem()), inputs(stem([], 3))])
    table = pa.Table.from_pylist([{"track_id": str(i), **row} for i, row in enumerate(features)], schema=LYRICS.schema)
    assert set(features[0]) == set(LYRICS.names)
    assert table["has_vocals"].to_pylist() == [True, False]
    assert table["lyrics_model"].to_pylist() == [f"{WEIGHT}@{revision(WEIGHT)}"] * 2


def test_every_model_of_the_setting_has_a_weight() -> None:
    from typing import get_args

    from featurizers.weights import WEIGHTS

    assert {Lyrics(model=model).weights for model in get_args(lyrics.Model)} == {
        (name,) for name, weight in WEIGHTS.items() if "lyrics" in weight.fragments
    }
