# ruff: noqa: RUF001 - IPA looks like Latin
"""What the words sound like in each language, and where their phonemes are put in time."""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny_wav2vec2
from featurizers import phonemizer as phonemizer_module
from featurizers.alignment import AcousticModel
from featurizers.audio import Audio, Sound
from featurizers.featurizer import Extract, Features, Inputs
from featurizers.phonemes import MAX_PHRASE_S, PADDING_S, Phonemes, Word, align_phrase, read_phrases, share_out
from featurizers.phonemizer import UnknownLanguageError, phonemizer
from featurizers.weights_store import LOCATION, Store, WeightsError
from schemas.fragments.phonemes import PHONEMES
from voices import RATE_HZ, noise

WEIGHT = "wav2vec2-base-960h"
NOTHING = {"phonemes_ipa": None, "phonemes": [], "alignment": None, "phonemizer": None, "phonemes_model": None}


reader = functools.cache(phonemizer)


def ipa(language: str, text: str) -> str:
    """Words in IPA, phonemes joined by dots."""
    return " ".join(".".join(word.phonemes) for word in reader(language).read(text.split()))


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "Hello, my old friend", "h.ɛ.l.ˈoʊ m.ˈaɪ ˈoʊ.l.d f.ɹ.ˈɛ.n.d"),
        ("de", "Größe heißt Straße", "ɡ.ɾ.ˈøː.s.ə h.ˈa.ɪ.s.t ʃ.t.ɾ.ˈɑː.s.ə"),
        ("es", "¿Dónde está el corazón?", "d.ˈo.n.d.e e.s.t.ˈa e.l k.ˌo.ɾ.a.θ.ˈo.n"),
        ("fr", "les amis, je t'aime", "l.e.z a.m.i ʒ.ə t.ɛ.m"),
        ("it", "L'amore è bello", "l.a.m.ˈo.r.e e b.ˈɛ.l.l.o"),
        ("pt", "você, meu coração", "v.o.s.ˌe m.e.ʊ k.ˌu.ɾ.ɐ.s.ˈɐ̃.ʊ̃"),
    ],
)
def test_gruut_reads_the_languages_of_its_packs(language: str, text: str, expected: str) -> None:
    assert reader(language).name == "gruut"
    assert ipa(language, text) == expected


def test_espeak_reads_polish() -> None:
    assert reader("pl").name == "espeak-ng"
    assert ipa("pl", "Dzień dobry, żółw! 5") == "dʑ.ˈɛ.ɲ d.ˈɔ.b.r.ɨ ʒ.ˈu.w.f pʲ.ˈɛ.ɲ.tɕ"


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [("nl", "van", "v.ˈɑ.n"), ("ru", "мир", "mʲ.ˈi.r"), ("zh", "你好", "n.i2.χ.ˈɑu2"), ("no", "deg", "d.ˈeː.ɡ")],
)
def test_espeak_reads_what_gruut_has_no_pack_for(language: str, text: str, expected: str) -> None:
    assert reader(language).name == "espeak-ng"
    assert ipa(language, text) == expected


def test_a_missing_pack_goes_to_espeak_and_not_unnoticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from gruut import is_language_supported

    assert is_language_supported("nl")
    monkeypatch.setitem(phonemizer_module.GRUUT, "nl", ("nl", ""))
    assert phonemizer("nl").name == "espeak-ng"


@pytest.mark.parametrize("language", ["ja", "xx", "", None])
def test_a_language_that_neither_reads_is_named(language: str | None) -> None:
    with pytest.raises(UnknownLanguageError, match=repr(language)):
        phonemizer(language)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a live life I live", "ə l.ˈaɪ.v l.ˈaɪ.f ˈaɪ l.ˈɪ.v"),  # by the part of speech
        ("feelin' 'cause", "f.ˈi.l.ɪ.n k.ˈɔ.z"),
        ("don’t rock'n'roll", "d.ˈoʊ.n.t ɹ.ˈɑ.k.ə.n.ɹ.ˈoʊ.l"),
        ("ooh-la-la <b> &", "ˈu.l.ˈɑ.l.ˈɑ b.ˈi ˈæ.n.d"),
        ("(oh) ... — ♪ oh", "ˈoʊ    ˈoʊ"),
    ],
)
def test_english_words(text: str, expected: str) -> None:
    assert ipa("en", text) == expected


@pytest.mark.parametrize(
    ("word", "spoken"),
    [
        ("1999,", "nineteen ninety nine"),
        ("$5", "five dollars"),
        ("24/7", "twenty four seven"),
        ("#1", "one"),
        ("12:30", "twelve thirty"),
        ("Mr.", "Mister"),
        ("12345678901234567", "one two three four five six seven eight nine zero one two three four five six seven"),
    ],
)
def test_what_is_read_as_several_words_stays_one(word: str, spoken: str) -> None:
    before, found, after = reader("en").read(["party", word, "party"])
    assert found.spoken == spoken
    assert len(found.phonemes) >= 3
    assert before.phonemes == after.phonemes == ("p", "ˈɑ", "ɹ", "t", "i")


@pytest.mark.parametrize("language", ["en", "de", "pl"])
@settings(max_examples=15, deadline=None)
@given(
    words=st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.text("0123456789e.,-$", max_size=40),
        min_size=1,
        max_size=5,
    )
)
def test_every_word_gets_one_pronunciation_whatever_it_is(language: str, words: list[str]) -> None:
    assert len(reader(language).read(words)) == len(words)


@pytest.mark.parametrize("word", ["1" * 30, "$" + "9" * 40, "1e400", "9.9e+9999999"])
def test_no_number_is_too_large(word: str) -> None:
    (found,) = reader("en").read([word])
    assert found.phonemes
    assert len(found.spoken) < 300


def test_words_are_not_mixed_up_in_a_phrase() -> None:
    words = ["Dove", "25", "anni,", "è", "l'amore", "...", "(bello)", "24/7", "perché!", "città"]
    together = reader("it").read(words)  # Italian words sound alike everywhere
    assert together == [reader("it").read([word])[0] for word in words]


def lyrics(*words: tuple[str, float, float], language: str | None = "en") -> dict[str, Any]:
    rows = [{"word": word, "start_s": start_s, "end_s": end_s, "probability": 0.9} for word, start_s, end_s in words]
    text = " ".join(word for word, _, _ in words)
    return {"has_vocals": bool(words), "language": language if words else None, "text": text, "words": rows}


def sung(text: str, start_s: float = 0.2, word_s: float = 0.4, language: str = "en") -> dict[str, Any]:
    """Lyrics of words without pauses."""
    starts_s = [start_s + number * word_s for number in range(len(text.split()))]
    rows = ((word, at_s, at_s + word_s) for word, at_s in zip(text.split(), starts_s, strict=True))
    return lyrics(*rows, language=language)


def track(columns: dict[str, Any], samples: np.ndarray | None = None, rate_hz: int = RATE_HZ) -> Inputs:
    """A track with these vocals, or without any sound."""
    sources = {} if samples is None else {"vocals": Audio(np.atleast_2d(samples).astype(np.float32), rate_hz)}
    return Inputs(Sound.of(**sources), columns, "track", "vocals")


def voice(duration_s: float, seed: int = 0) -> np.ndarray:
    return noise(duration_s, 100, 4000, 0.1, seed)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store with the tiny model, named by the environment."""
    found = Store(tmp_path_factory.mktemp("weights"))
    tiny_wav2vec2.write_wav2vec2(found.path(WEIGHT))
    found.record(WEIGHT, "tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LOCATION, str(found.root))
        yield found.root


@pytest.fixture(scope="module")
def extract(store: Path) -> Extract:
    return Phonemes().load()


@pytest.fixture(scope="module")
def share() -> Extract:
    return Phonemes(aligner="shared").load()


@pytest.fixture(scope="module")
def model(store: Path) -> AcousticModel:
    return AcousticModel()


def times(features: Features) -> list[tuple[str, float, float]]:
    return [(row["phoneme"], row["start_s"], row["end_s"]) for row in features["phonemes"]]


def assert_in_order(features: Features, start_s: float, end_s: float) -> None:
    edges_s = [edge for _, *span_s in times(features) for edge in span_s]
    assert edges_s == sorted(edges_s)
    assert start_s <= edges_s[0]
    assert edges_s[-1] <= end_s


def test_settings_say_what_is_needed() -> None:
    assert Phonemes().hears == ("vocals",)
    assert Phonemes().weights == (WEIGHT,)
    assert Phonemes(aligner="shared").hears == ()
    assert Phonemes(aligner="shared").weights == ()


def test_shared_time_is_the_word_s_and_a_vowel_gets_twice_as_much(share: Extract) -> None:
    (features,) = share([track(lyrics(("Hello", 1.0, 1.6), ("you,", 2.0, 2.3)))])
    assert features["phonemes_ipa"] == "hɛlˈoʊ jˈu"
    assert times(features) == [
        ("h", 1.0, pytest.approx(1.1)),
        ("ɛ", pytest.approx(1.1), pytest.approx(1.3)),
        ("l", pytest.approx(1.3), pytest.approx(1.4)),
        ("ˈoʊ", pytest.approx(1.4), 1.6),
        ("j", 2.0, pytest.approx(2.1)),
        ("ˈu", pytest.approx(2.1), 2.3),
    ]
    assert [features[name] for name in ("alignment", "phonemizer", "phonemes_model")] == ["shared", "gruut", None]


@given(st.floats(0, 3600), st.floats(0, 30), st.lists(st.sampled_from(["ˈa", "b", "iː", "t͡ʃ"]), min_size=1))
def test_shared_time_adds_up_exactly(start_s: float, duration_s: float, phonemes: list[str]) -> None:
    end_s = start_s + duration_s
    bounds_s = share_out(Word(start_s, end_s, "word", tuple(phonemes)))
    assert len(bounds_s) == len(phonemes) + 1
    assert (bounds_s[0], bounds_s[-1]) == (start_s, end_s)
    assert (np.diff(bounds_s) >= 0).all()


def test_other_languages_are_shared_out_and_not_listened_to(extract: Extract) -> None:
    polish, german = extract([track(sung("Dzień dobry", language="pl")), track(sung("Guten Tag", language="de"))])
    assert [polish[name] for name in ("alignment", "phonemizer", "phonemes_model")] == ["shared", "espeak-ng", None]
    assert [german[name] for name in ("alignment", "phonemizer", "phonemes_model")] == ["shared", "gruut", None]
    assert [phoneme for phoneme, _, _ in times(polish)] == ["dʑ", "ˈɛ", "ɲ", "d", "ˈɔ", "b", "r", "ɨ"]


def test_an_unknown_language_fails(extract: Extract) -> None:
    with pytest.raises(UnknownLanguageError, match="'tl'"):
        extract([track(sung("mahal kita", language="tl"), voice(2))])


@pytest.mark.parametrize("columns", [lyrics(), {**lyrics(), "words": None}, sung("... — ♪")])
def test_nothing_sung_is_null(extract: Extract, columns: dict[str, Any]) -> None:
    assert extract([track(columns, voice(1))]) == [NOTHING]


def test_a_missing_weight_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOCATION, str(tmp_path))
    with pytest.raises(WeightsError, match=WEIGHT):
        Phonemes().load()
    Phonemes(aligner="shared").load()


def test_letters_are_where_torchaudio_finds_them(extract: Extract, store: Path) -> None:
    import torch
    from torchaudio.functional import forced_align, merge_tokens
    from torchaudio.models import wav2vec2_model
    from torchaudio.pipelines import WAV2VEC2_ASR_BASE_960H

    samples = voice(1.0).astype(np.float32)
    network = wav2vec2_model(**tiny_wav2vec2.SIZES, aux_num_out=32).eval()
    network.load_state_dict(torch.load(store / WEIGHT / tiny_wav2vec2.FILE, weights_only=True))
    with torch.inference_mode():
        logits = network(torch.from_numpy(samples[None]))[0]
    log_probs = torch.log_softmax(torch.cat([logits[..., :1], logits[..., 4:]], dim=-1), dim=-1)
    targets = [WAV2VEC2_ASR_BASE_960H.get_labels().index(letter) for letter in "HELLO"]
    path, scores = forced_align(log_probs, torch.tensor([targets]))
    h, e, first_l, _, o = (0.02 * span.start for span in merge_tokens(path[0], scores[0]))

    (features,) = extract([track(lyrics(("Hello,", 0.0, 1.0)), samples)])
    assert times(features) == [("h", h, e), ("ɛ", e, first_l), ("l", first_l, o), ("ˈoʊ", o, 1.0)]
    assert features["alignment"] == "ctc"
    assert features["phonemes_model"].startswith(f"{WEIGHT}@")


class Dictated(AcousticModel):
    """Hears what it is told, and remembers how much it was given."""

    def __init__(self, path: str) -> None:
        self.labels = {letter: label for label, letter in enumerate("-|ETAONIHSRDLUMWCFGYPBVK'XJQZ")}
        self.path = path
        self.heard_samples: list[int] = []

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        self.heard_samples.append(len(samples))
        path = self.path.ljust(len(samples) // 320, "-")
        log_probs = np.full((len(path), 29), -10, np.float32)
        log_probs[np.arange(len(path)), [self.labels[letter] for letter in path]] = -0.01
        return log_probs


def words(*read: tuple[str, str, float, float]) -> list[Word]:
    return [Word(start_s, end_s, spoken, tuple(phonemes.split())) for spoken, phonemes, start_s, end_s in read]


def test_a_held_vowel_lasts_to_the_next_letter_and_a_word_to_its_end() -> None:
    #                 0    0.1       0.3       0.5       0.7       0.9       1.1
    model = Dictated("-----LO--------------------------------VE|---M-E--------")
    phrase = words(("love", "l ˈʌ v", 0.0, 0.85), ("me", "m ˈi", 0.85, 1.1))
    love, me = align_phrase(model, np.zeros(round(1.1 * RATE_HZ), np.float32), [phrase], 0) or []
    assert love == pytest.approx([0.1, 0.12, 0.78, 0.85])
    assert me == pytest.approx([0.9, 0.94, 1.1])


def test_a_word_heard_late_ends_late_but_before_the_next() -> None:
    model = Dictated("-" * 20 + "ME-|OHHH|OH")
    phrase = words(("me", "m ˈi", 0.0, 0.3), ("oh", "ˈoʊ", 0.3, 0.4), ("oh", "ˈoʊ", 0.4, 1.0))
    me, first_oh, second_oh = align_phrase(model, np.zeros(RATE_HZ, np.float32), [phrase], 0) or []
    assert me == pytest.approx([0.4, 0.42, 0.44])
    assert first_oh == pytest.approx([0.48, 0.56])
    assert second_oh == pytest.approx([0.58, 1.0])


def test_a_phrase_is_heard_up_to_half_of_the_pause() -> None:
    phrases = [words(("oh", "ˈoʊ", at_s, at_s + 1.0)) for at_s in (1.0, 2.4, 4.0)]
    model = Dictated("--OH")
    found = [align_phrase(model, np.zeros(6 * RATE_HZ, np.float32), phrases, index) for index in range(3)]
    assert [bounds[0][0] for bounds in found if bounds] == pytest.approx([1.04, 2.24, 3.74])
    assert model.heard_samples == [round(RATE_HZ * s) for s in (1.2, 1.5, 1.3)]


@pytest.mark.parametrize(
    "phrase",
    [
        words(("ой", "ˈo j", 0.0, 1.0)),
        words(("incomprehensibilities", "ˈɪ n", 0.0, 0.2)),
        words(("oh", "ˈoʊ", 0.0, MAX_PHRASE_S + 2 * PADDING_S + 0.1)),
    ],
    ids=["no letters", "too short", "too long"],
)
def test_what_cannot_be_aligned_is_none(model: AcousticModel, phrase: list[Word]) -> None:
    assert align_phrase(model, voice(20).astype(np.float32), [phrase], 0) is None


def test_impossible_phrases_are_shared_out_and_the_others_aligned(extract: Extract) -> None:
    columns = lyrics(("incomprehensibilities", 0.0, 0.1), ("hello", 3.0, 4.0))
    (features,) = extract([track(columns, voice(5))])
    spans = times(features)
    assert features["alignment"] == "ctc"
    assert (spans[0][1], [end_s for _, _, end_s in spans if end_s < 3][-1]) == (0.0, 0.1)
    (alone,) = extract([track(lyrics(("incomprehensibilities", 0.0, 0.1)), voice(5))])
    assert (alone["alignment"], alone["phonemes_model"]) == ("shared", None)


def test_phrases_end_at_pauses_and_stay_short() -> None:
    def sizes(*spans: tuple[float, float]) -> list[int]:
        rows = [{"word": "oh", "start_s": start_s, "end_s": end_s} for start_s, end_s in spans]
        return [len(phrase) for phrase in read_phrases(rows, reader("en"))]

    assert sizes((0, 1), (1.4, 2), (2.5, 3), (3.1, 4)) == [2, 2]
    assert sizes(*((0.1 * i, 0.1 * i + 0.1) for i in range(90))) == [40, 40, 10]
    assert sizes(*((4.0 * i, 4.0 * i + 4) for i in range(7))) == [3, 3, 1]
    assert sizes((0, 40), (40, 41)) == [1, 1]


def test_a_long_song_is_heard_in_pieces() -> None:
    rows = sung("oh my love " * 100)["words"]
    phrases = list(read_phrases(rows, reader("en")))
    model = Dictated("")
    for index in range(len(phrases)):
        align_phrase(model, np.zeros(130 * RATE_HZ, np.float32), phrases, index)
    assert len(model.heard_samples) == len(phrases) >= 8
    assert max(model.heard_samples) <= (MAX_PHRASE_S + 2 * PADDING_S) * RATE_HZ


def test_numbers_are_aligned_by_how_they_are_read(extract: Extract) -> None:
    (features,) = extract([track(lyrics(("in", 0.2, 0.4), ("1999", 0.4, 1.8)), voice(2))])
    assert features["phonemes_ipa"] == "ˈɪn nˈaɪntˈinnˈaɪntinˈaɪn"
    assert features["alignment"] == "ctc"


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["oh", "1999", "...", "mists"]), st.floats(0, 9), st.floats(0, 2)), min_size=1),
    st.floats(0.01, 8),
    st.booleans(),
)
def test_times_are_in_order_and_within_the_words(
    extract: Extract, found: list[tuple[str, float, float]], duration_s: float, in_order: bool
) -> None:
    rows = [(word, start_s, start_s + length_s) for word, start_s, length_s in found]
    rows = sorted(rows, key=lambda row: row[1]) if in_order else rows
    (features,) = extract([track(lyrics(*rows), voice(duration_s))])
    if features != NOTHING:
        assert_in_order(features, min(row[1] for row in rows), max(row[2] for row in rows))
        assert "".join(phoneme for phoneme, _, _ in times(features)) == features["phonemes_ipa"].replace(" ", "")


def test_one_at_a_time_equals_all_at_once_and_again(extract: Extract) -> None:
    texts = ["hello darkness my old friend", "tak daleko stąd", "we don't talk"]
    tracks = [
        track(sung(text, language=language), voice(3, seed))
        for seed, (text, language) in enumerate(zip(texts, ["en", "pl", "en"], strict=True))
    ]
    together = extract(tracks)
    assert [features for one in tracks for features in extract([one])] == together == extract(tracks)
    assert [features["alignment"] for features in together] == ["ctc", "shared", "ctc"]


@pytest.mark.parametrize(
    ("samples", "rate_hz"),
    [
        (np.zeros(RATE_HZ), RATE_HZ),
        (np.full(RATE_HZ, 0.5), RATE_HZ),
        (voice(0.05), RATE_HZ),
        (np.zeros(1), RATE_HZ),
        (voice(2)[:16_000], 8_000),
        (np.tile(voice(6), (2, 1)), 44_100),
    ],
    ids=["silence", "DC", "0.05 s", "one sample", "8 kHz", "stereo"],
)
def test_odd_audio_is_aligned_or_shared(extract: Extract, samples: np.ndarray, rate_hz: int) -> None:
    columns = sung("hello darkness")
    (features,) = extract([track(columns, samples, rate_hz)])
    assert features["alignment"] in ("ctc", "shared")
    assert_in_order(features, 0.2, columns["words"][-1]["end_s"])


def test_rows_fit_the_fragment(extract: Extract) -> None:
    tracks = [track(sung("hello you"), voice(2)), track(lyrics()), track(sung("cześć", language="pl"))]
    rows = [{"track_id": str(index), **features} for index, features in enumerate(extract(tracks))]
    table = pa.Table.from_pylist(rows, schema=PHONEMES.schema)
    assert table["phonemes_ipa"].to_pylist() == ["hɛlˈoʊ jˈu", None, "tʃˈɛɕtɕ"]
    assert set(rows[0]) == {"track_id", *PHONEMES.names}
    assert table["phonemes"].to_pylist()[1] == []
