"""What others wrote, on one line of a terminal."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.printable import in_a_line, printable


def test_an_error_of_several_coloured_lines_is_one_plain_one() -> None:
    error = OSError("Generic error\n  \x1b[31m\u21b3\x1b[0m No space left on device\n")
    assert in_a_line(error) == "Generic error \u21b3 No space left on device"
    assert in_a_line("\x1b[1;32mgreen\x1b[m") == "green"


@given(st.text(st.characters()))
def test_nothing_breaks_a_line_and_what_breaks_none_stays(text: str) -> None:
    assert printable(text).isprintable()
    assert in_a_line(text).isprintable()
    assert printable(printable(text)) == printable(text)
    if text.isprintable():
        assert printable(text) == text
