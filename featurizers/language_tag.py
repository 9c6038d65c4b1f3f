"""What a language tag means: files say it as a code of two or three letters, a locale, or a name in some language."""

import re
from collections.abc import Collection
from functools import cache

_SAME = (("jv", "jw"), ("nb", "no"), ("fil", "tl"))
"""Code -> Whisper's code of the same language; the first is of CLDR's preferred form."""
_PARTS = re.compile(r"\s*[;,/]\s*")


def language_of(tag: str | None, codes: Collection[str]) -> str | None:
    """Return the one of ``codes`` (Whisper's) that a tag names; None if it names none of them or several.

    Codes are ISO 639-1, 639-2 or 639-3, alone or in a locale (``eng``, ``pt-BR``); names are English or the language's
    own (CLDR, through babel).
    """
    found = {_code(part, frozenset(codes)) for part in _PARTS.split(tag or "") if part}
    return found.pop() if len(found) == 1 else None


def _code(text: str, codes: frozenset[str]) -> str | None:
    from babel.core import get_global

    word = text.strip().casefold()
    code = re.split("[-_]", word)[0]
    candidates = (code, get_global("language_aliases").get(code), _names(codes).get(word))
    same = dict(_SAME)
    return next((each for code in candidates if code for each in (code, same.get(code)) if each in codes), None)


@cache
def _names(codes: frozenset[str]) -> dict[str, str]:
    """Name in lower case -> code, English names and the language's own."""
    from babel import Locale, UnknownLocaleError

    preferred = {ours: cldr for cldr, ours in _SAME}
    names = {}
    for code in sorted(codes):
        cldr = preferred.get(code, code)
        names[Locale("en").languages.get(cldr, code).casefold()] = code
        try:
            names[Locale.parse(cldr).languages.get(cldr, code).casefold()] = code
        except UnknownLocaleError:
            continue
    return names
