"""Text of others, such as names and errors, on one line of a terminal."""

import re

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def in_a_line(text: object) -> str:
    """What an error or a text says, in one line without the colours that libraries write for terminals."""
    return printable(" ".join(_COLOUR.sub("", str(text)).split()))


def printable(text: str) -> str:
    """Escape what would break a line or a terminal: control characters and lone surrogates."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
