"""Tables for a terminal: every cell short whatever it holds, and widths shared out as evenly as can be."""

import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs.tables import cell, render

MANY = 3_000_000


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"", "0 bytes"),
        (bytes(812), "812 bytes"),
        (bytes(1_258_291), "1.2 MiB of bytes"),
        ([bytes(2048), b"ab"], "[2.0 KiB of bytes, 2 bytes]"),
        ([("a", [1])], "[(a, [1])]"),
        ({"a": bytes(2048), "b": [1, 2, 3, 4]}, "{a: 2.0 KiB of bytes, b: [1, 2, … 4 values]}"),
        ("x" * 1000, "x" * 1000),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_cell_says_what_it_holds(value: Any, text: str) -> None:
    assert cell(value) == text


@pytest.mark.parametrize(
    "value",
    ["x" * MANY, "\x1b" * MANY, ["x" * MANY] * 3, ("x" * MANY,) * 2, {"a": {"b": "x" * MANY}}, [["x" * MANY] * 3] * 3],
    ids=("text", "escapes", "list", "tuple", "struct", "lists"),
)
def test_a_cell_of_millions_is_cut_with_a_mark(value: Any) -> None:
    text = cell(value)
    assert len(text) == 1001
    assert text.endswith("…")


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12), st.integers(1, 200))
@example([40, 40, 40], 100)
@example([8, 9, 30], 35)
def test_widths_are_those_of_shrinking_the_widest_again_and_again(widths: list[int], width: int) -> None:
    names = [f"{at:x}" for at in range(len(widths))]
    out = render(names, [{name: "x" * size for name, size in zip(names, widths, strict=True)}], width)
    expected = shrunk(list(widths), width - 2 * (len(widths) - 1))
    if expected is None:
        assert out.startswith("── row 1 ──")
    else:
        assert [len(rule) for rule in re.findall("─+", out.splitlines()[1])] == expected


def shrunk(widths: list[int], room: int) -> list[int] | None:
    """The plain way: one character of the first of the widest at a time."""
    while sum(widths) > room:
        widest = widths.index(max(widths))
        if widths[widest] <= 8:
            return None
        widths[widest] -= 1
    return widths
