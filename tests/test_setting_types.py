"""Values of settings, as YAML reads them, against the types that are declared."""

from typing import Any, Literal

import pytest

from schemas.setting_types import UNFIT, fitted, in_words


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (3, int, 3),
        (3, float, 3.0),
        (3.0, int, UNFIT),
        (True, int, UNFIT),
        (True, float, UNFIT),
        (1, bool, UNFIT),
        ("1e-4", float, UNFIT),
        ("a", str, "a"),
        (None, str, UNFIT),
        (None, str | None, None),
        (4, str | float, 4.0),
        ("tiny", Literal["tiny", "full"], "tiny"),
        ("large", Literal["tiny", "full"], UNFIT),
        (True, Literal[1, 2], UNFIT),
        ([1, 2], tuple[int, ...], (1, 2)),
        ([], tuple[int, ...], ()),
        ([1, "b"], tuple[int, ...], UNFIT),
        ([1, "b"], tuple[float, str], (1.0, "b")),
        ([1], tuple[float, str], UNFIT),
        ("ab", tuple[str, ...], UNFIT),
        ({"a": 1}, dict[str, int], {"a": 1}),
    ],
    ids=str,
)
def test_a_value_fits_its_type_or_does_not(value: Any, hint: Any, expected: Any) -> None:
    found = fitted(value, hint)
    assert found is UNFIT if expected is UNFIT else found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (int | None, "a whole number or null"),
        (Literal["a", "b"], "one of a, b"),
        (tuple[str, ...], "a list of which each is a text"),
        (tuple[float, bool], "a list of a number, true or false"),
        (bytes, "<class 'bytes'>"),
    ],
)
def test_what_is_expected_is_said_in_words(hint: Any, words: str) -> None:
    assert in_words(hint) == words
