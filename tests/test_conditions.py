"""The table of conditions, and the ids of names in it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.fragments.structure import SECTION
from training.conditions import BY_NAME, CONDITIONS, CURVE_HOP_S, SECTION_TYPES


def test_names_are_unique_and_tables_fit_their_labels() -> None:
    assert len(BY_NAME) == len(CONDITIONS)
    assert all(condition.size == len(condition.labels) + 1 for condition in CONDITIONS if condition.labels)
    assert CURVE_HOP_S == 0.01


def test_section_types_are_those_of_the_fragment() -> None:
    doc = SECTION.field("type").metadata[b"doc"].decode()
    assert all(name in doc for name in SECTION_TYPES)


@pytest.mark.parametrize(
    ("name", "label", "id"), [("key_index", 0, 1), ("key_index", 23, 24), ("section_type", "x", 0)]
)
def test_ids_of_listed_names(name: str, label: str | int, id: int) -> None:
    assert BY_NAME[name].label_id(label) == id


@given(st.text())
def test_any_name_has_a_hashed_id(name: str) -> None:
    artist = BY_NAME["artist"]
    assert 1 <= artist.label_id(name) < artist.size
    assert artist.label_id(None) == 0


def test_hashed_ids_are_the_same_for_ever() -> None:
    assert [BY_NAME["genre"].label_id(genre) for genre in ("rock", "Rock", "jazz")] == [27, 27, 380]
