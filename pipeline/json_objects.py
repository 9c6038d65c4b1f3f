"""The objects of a JSON array, one after the other, from a file of any size."""

import json
import re
from collections.abc import Iterator
from typing import IO, Any

_CHUNK_CHARACTERS = 2**20
_MAX_CHARACTERS = 2**26  # of one object; half an hour with an F0 contour takes about four million
_SPACE = re.compile(r"[ \t\r\n]*")


def json_objects(file: IO[str]) -> Iterator[dict[str, Any]]:
    """Yield the objects of an array; in memory there is one of them, and a chunk of text.

    NaN and Infinity, which Python writes though JSON lacks them, are read as None. Raises ValueError with one sentence
    where the file is no array of objects.
    """
    text = _Text(file)
    text.take("[", "it does not begin with an array")
    number = 0
    while text.peek() != "]":
        if number:
            text.take(",", f"object {number} is followed by neither a comma nor the end of the array")
        number += 1
        yield text.take_object(number)
    text.take("]", "")
    if text.peek():
        raise ValueError("something follows the array")


class _Text:
    """What was read of a file and is not used up yet."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._text = ""
        self._place = 0
        self._decoder = json.JSONDecoder(parse_constant=lambda _: None)

    def peek(self) -> str:
        """The next character that is no white space; empty at the end of the file."""
        while True:
            space = _SPACE.match(self._text, self._place)
            assert space is not None, "it matches nothing, too"
            self._place = space.end()
            if self._place < len(self._text):
                return self._text[self._place]
            if not self._read():
                return ""

    def take(self, character: str, problem: str) -> None:
        if self.peek() != character:
            raise ValueError(problem)
        self._place += 1

    def take_object(self, number: int) -> dict[str, Any]:
        if self.peek() != "{":
            raise ValueError(f"item {number} is no object")
        while True:
            try:
                found, self._place = self._decoder.raw_decode(self._text, self._place)
            except json.JSONDecodeError as error:  # malformed, or not read to its end
                if len(self._text) - self._place > _MAX_CHARACTERS or not self._read():
                    raise ValueError(f"object {number} is malformed: {error.msg}") from error
            except RecursionError as error:
                raise ValueError(f"object {number} is nested too deeply") from error
            else:
                return dict(found)

    def _read(self) -> bool:
        """Read on, twice as much as is waiting, so that a long object is not parsed again too often."""
        waiting = self._text[self._place :]
        chunk = self._file.read(max(_CHUNK_CHARACTERS, len(waiting)))
        self._text, self._place = waiting + chunk, 0
        return bool(chunk)
