"""Language tags as people and programs write them."""

import pytest

from featurizers.language_tag import language_of

CODES = ("en", "de", "fr", "pl", "pt", "zh", "ja", "no", "tl", "jw", "yue", "haw", "he", "cs")


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("en", "en"),
        ("ENG", "en"),
        ("en-US", "en"),
        ("pt_BR", "pt"),
        ("ger", "de"),
        ("deu", "de"),
        ("Deutsch", "de"),
        ("german", "de"),
        ("polski", "pl"),
        ("zho", "zh"),
        ("cmn", "zh"),
        ("nob", "no"),
        ("fil", "tl"),
        ("tgl", "tl"),
        ("jv", "jw"),
        ("jav", "jw"),
        ("yue", "yue"),
        ("iw", "he"),
        ("日本語", "ja"),
        ("eng; en", "en"),
        ("fre; fra", "fr"),
    ],
)
def test_what_a_tag_names(tag: str, code: str) -> None:
    assert language_of(tag, CODES) == code


@pytest.mark.parametrize("tag", [None, "", "und", "zxx", "XXX", "mul", "eng; fre", "instrumental", "\ud83c", ";", "sv"])
def test_what_names_no_single_language_that_is_known(tag: str | None) -> None:
    assert language_of(tag, CODES) is None
