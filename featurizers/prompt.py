"""A caption of a track: what tags and measured features say, put into words by templates or by an endpoint."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from featurizers.featurizer import Extract, Features, Featurizer
from featurizers.prompt_endpoint import Endpoint
from featurizers.prompt_templates import LANGUAGES, Facts, caption
from schemas.fragments.prompt import PROMPT

Columns = Mapping[str, Any]

SLOW_BELOW_BPM, FAST_FROM_BPM = 80, 130
QUIET_BELOW, LOUD_FROM = 0.45, 0.75
"""Of ``energy``: -24.25 and -13.75 LUFS. In between, loudness is not worth a word."""
DARK_BELOW_HZ, BRIGHT_FROM_HZ = 1400.0, 2800.0
"""Of the mean spectral centroid."""

_PARTS = {"verse": "verses", "chorus": "choruses", "bridge": "a bridge", "solo": "a solo"}
_YEARS = range(1860, 2101)
_MAX_GENRE, _MAX_ARTIST = 40, 80  # characters; longer ones are no names
_GENRE = re.compile(r"(?=.*[^\W\d_])[^\W_](?:[^\W_]|[&'+ -])*")
_SAYS_NOTHING = frozenset(
    {"", "default", "genre", "misc", "miscellaneous", "n a", "none", "null", "other", "undefined", "unknown", "various"}
)
_SAYS_WHO_SINGS = frozenset({"a cappella", "acapella", "instrumental", "vocal"})


@dataclass(frozen=True)
class Prompt(Featurizer):
    """Says genre, year, tempo, key, metre, loudness, brightness, form, chords, voice and sentiment, where known.

    What is measured is said only if it is certain: tempo and metre need ``min_tempo_confidence``, key and chords
    ``min_key_confidence``, form and a genre that no tag names ``min_label_confidence``. The artist is named only if
    ``name_artist`` is set. With ``endpoint``, the base URL of a server that speaks OpenAI's API (Ollama:
    ``http://localhost:11434/v1``), a language model words the same facts; its key, if it wants one, comes from
    the environment variable MUZE_PROMPT_API_KEY. Raises ValueError if the endpoint is no URL or holds a password.
    """

    min_tempo_confidence: float = 0.5
    min_key_confidence: float = 0.5
    min_label_confidence: float = 0.5
    name_artist: bool = False
    endpoint: str | None = None
    endpoint_model: str = ""
    timeout_s: float = 30.0
    writes = PROMPT
    hears = ()
    reads = ("tracks",)
    prefers = ("rhythm", "harmony", "structure", "theory", "level", "timbre", "lyrics")
    cost = 0.0001

    def __post_init__(self) -> None:
        if self.endpoint is None:
            return
        parts = urlsplit(self.endpoint)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ValueError(f"endpoint is {self.endpoint!r}: expected a URL such as http://localhost:11434/v1")
        if "@" in parts.netloc or parts.query:
            raise ValueError("endpoint holds more than an address, and settings are stored: use MUZE_PROMPT_API_KEY")

    def load(self) -> Extract:
        write: Callable[[Facts, str], str] = caption
        source = "template"
        if self.endpoint is not None:
            write = Endpoint(self.endpoint, self.endpoint_model, self.timeout_s).caption
            source = f"endpoint:{self.endpoint_model}"
        return lambda batch: [self._features(write, inputs.columns, inputs.track_id, source) for inputs in batch]

    def _features(self, write: Callable[[Facts, str], str], columns: Columns, track_id: str, source: str) -> Features:
        return {"prompt": write(self.facts(columns), track_id), "prompt_source": source}

    def facts(self, columns: Columns) -> Facts:
        """What may be said of a track with these columns."""
        has_vocals = columns.get("has_vocals")
        return Facts(
            genre=_genre(columns.get("genre_tag"), has_vocals) or self._heard_genre(columns),
            artist=_name(columns.get("artist")) if self.name_artist else None,
            year=columns.get("year") if columns.get("year") in _YEARS else None,
            loudness=_word(columns.get("energy"), "quiet", QUIET_BELOW, None, LOUD_FROM, "loud"),
            brightness=_brightness(columns.get("spectral_centroid_hz_mean")),
            key=columns.get("key") if _reaches(columns.get("key_confidence"), self.min_key_confidence) else None,
            **(_pulse(columns) if _reaches(columns.get("tempo_confidence"), self.min_tempo_confidence) else {}),
            time_signature=self._time_signature(columns),
            progression=self._progression(columns),
            form=_form(columns.get("sections") or [], self.min_label_confidence),
            has_vocals=has_vocals,
            **(_voice(columns) if has_vocals else {}),
        )

    def _heard_genre(self, columns: Columns) -> str | None:
        genres = columns.get("genres") or []
        return genres[0]["genre"] if genres and _reaches(genres[0]["confidence"], self.min_label_confidence) else None

    def _time_signature(self, columns: Columns) -> str | None:
        confidences = (columns.get("tempo_confidence"), columns.get("time_signature_confidence", 1.0))
        sure = all(_reaches(confidence, self.min_tempo_confidence) for confidence in confidences)
        return columns.get("time_signature") if sure else None

    def _progression(self, columns: Columns) -> str | None:
        sure = _reaches(columns.get("theory_confidence"), self.min_key_confidence)
        return columns.get("progression") if sure else None


def _form(sections: Sequence[Mapping[str, Any]], least: float) -> str | None:
    """What a song has of verses, choruses, a bridge and a solo, if it has two of them for sure."""
    sure = {section["type"] for section in sections if _reaches(section["confidence"], least)}
    found = [words for name, words in _PARTS.items() if name in sure]
    return f"{', '.join(found[:-1])} and {found[-1]}" if len(found) > 1 else None


def _pulse(columns: Columns) -> dict[str, Any]:
    tempo_bpm = _number(columns.get("tempo_bpm"))
    rounded_bpm = None if tempo_bpm is None else round(tempo_bpm)
    return {
        "tempo_bpm": rounded_bpm,
        "tempo": _word(rounded_bpm, "slow", SLOW_BELOW_BPM, "mid-tempo", FAST_FROM_BPM, "fast"),
    }


def _voice(columns: Columns) -> dict[str, Any]:
    sentiment = columns.get("sentiment")
    return {
        "language": LANGUAGES.get(columns.get("language") or ""),
        "lyrics_sentiment": sentiment if sentiment in ("positive", "negative") else None,
    }


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else value


def _reaches(confidence: float | None, least: float) -> bool:
    known = _number(confidence)
    return known is not None and known >= least


def _word(
    value: float | None, low: str, low_below: float, between: str | None, high_from: float, high: str
) -> str | None:
    number = _number(value)
    if number is None:
        return None
    return low if number < low_below else high if number >= high_from else between


def _brightness(centroid_hz: float | None) -> str | None:
    """Dark, bright or None; the centroid of silence is 0, and says nothing."""
    return _word(centroid_hz or None, "dark", DARK_BELOW_HZ, None, BRIGHT_FROM_HZ, "bright")


def _genre(tag: str | None, has_vocals: bool | None) -> str | None:
    """The first genre of a tag, as it is written within a sentence; None if it is no plain name of one."""
    first = _name(re.split(r"[;,/|\0]", tag or "")[0])
    if first is None or len(first) > _MAX_GENRE or not _GENRE.fullmatch(first):
        return None
    genre = first if first.isupper() and len(first) <= 4 else first.lower()  # EDM stays, ROCK AND ROLL does not
    measured_instead = has_vocals is not None and genre.lower() in _SAYS_WHO_SINGS
    return None if measured_instead else genre


def _name(tag: str | None) -> str | None:
    """A tag on one line; None if it is too long, cannot be printed, or names nothing."""
    name = " ".join((tag or "").split())
    plain = " ".join(re.sub(r"[\W_]+", " ", name.casefold()).split())
    return None if plain in _SAYS_NOTHING or len(name) > _MAX_ARTIST or not name.isprintable() else name
