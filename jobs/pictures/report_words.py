"""Numbers, times and names as a report says them."""

from collections.abc import Mapping
from typing import Any

from jobs.pictures.report_charts import value
from jobs.tables import readable_bytes
from pipeline.cost import readable_duration
from pipeline.printable import printable

MINUS, NONE, _THIN = "\u2212", "\u2013", "\u202f"
_MAX_TEXT = 160


def count(number: float | None) -> str:
    """A whole number in groups of three: 1 234 567."""
    return NONE if number is None else f"{number:,.0f}".replace(",", _THIN).replace("-", MINUS)


def number(amount: float | None) -> str:
    """A number with what digits matter: 0.42, 12.3, 1 234."""
    if amount is None:
        return NONE
    return count(amount) if abs(amount) >= 100 else f"{amount:.3g}".replace("-", MINUS)


def percent(share: float | None) -> str:
    """A share, rounded so that only everything is 100 % and only nothing 0 %."""
    if share is None:
        return NONE
    tenths = round(share * 1000)
    if share > 0:
        tenths = max(tenths, 1)
    if share < 1:
        tenths = min(tenths, 999)
    return f"{tenths / 10:g}{_THIN}%"


def stat(amount: float, unit: str) -> str:
    """A value of a distribution: with one decimal, or for seconds as a clock shows them."""
    if unit != "s":
        return f"{amount:.1f}".replace("-", MINUS)
    return value(round(amount), unit) if amount >= 10 else f"{amount:.2g} s"


def hours(amount: float | None) -> str:
    """Hours as ``status`` says them, and above a hundred as a number."""
    if amount is None:
        return NONE
    return f"{count(amount)} h" if amount >= 100 else readable_duration(amount * 3600)


def duration(seconds: float | None) -> str:
    return NONE if seconds is None else readable_duration(seconds)


def when(moment: str | None) -> str:
    """An ISO time to the minute."""
    return NONE if moment is None else moment[:16].replace("T", " ")


def file_name(uri: str) -> str:
    """The last part of a path or URL, on one line whatever it holds."""
    return plain(uri.rstrip("/").rpartition("/")[2])


def plain(text: str) -> str:
    """A file name or message for a page: control characters spelled out, and cut where it is long."""
    shown = printable(text)
    return shown if len(shown) <= _MAX_TEXT else f"{shown[: _MAX_TEXT - 1]}…"


def tag(text: str | None) -> str:
    """A tag for a page: without control characters, cut where it is long; writing systems stay whole."""
    shown = "".join(c for c in text or "" if c >= " " and not "\x7f" <= c <= "\x9f")
    return shown if len(shown) <= _MAX_TEXT else f"{shown[: _MAX_TEXT - 1]}…"


def titled(track: Mapping[str, Any]) -> str:
    """What to call a track: its title, else its file, else its id."""
    if track["title"]:
        return tag(track["title"])
    return file_name(track["uri"]) if track["uri"] else str(track["track_id"])


FILTERS = {
    "count": count,
    "number": number,
    "percent": percent,
    "hours": hours,
    "stat": stat,
    "duration": duration,
    "when": when,
    "file_name": file_name,
    "plain": plain,
    "tag": tag,
    "titled": titled,
    "readable_bytes": readable_bytes,
}
