"""How values are distributed over the tracks: histograms of numbers, counts of words, labels that few agree on.

Every figure is of all tracks: ``tracks`` have the value, ``without`` have not.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, count, takewhile
from typing import Any

from jobs.pictures.report_views import CARD, Views, quoted

MAX_BINS = 40
MAX_VALUES = 24
AGREEMENT_THRESHOLD = 0.5


@dataclass(frozen=True)
class Measure:
    """A number that tracks have."""

    name: str
    title: str
    fragment: str
    column: str
    unit: str


@dataclass(frozen=True)
class Category:
    """A word that tracks have; ``value`` is the SQL for it if it is not the column itself."""

    name: str
    title: str
    fragment: str
    column: str
    value: str = ""


MEASURES = (
    Measure("tempo", "Tempo", "rhythm", "tempo_bpm", "BPM"),
    Measure("loudness", "Loudness", "level", "loudness_lufs", "LUFS"),
    Measure("duration", "Duration", CARD, "duration_s", "s"),
)
CATEGORIES = (
    Category("key", "Key", "harmony", "key"),
    Category("genre", "Genre as tagged", CARD, "genre_tag"),
    Category("genre_guess", "Genre as guessed", "theory", "genres", "genres[1].genre"),
    Category("language", "Language sung", "lyrics", "language"),
)
RIGHTS = Category("rights", "Rights", CARD, "rights")
LICENCE = Category(
    "licence", "Licence in the sidecar", CARD, "metadata", "coalesce(metadata->>'licence', metadata->>'license')"
)
CONSENT = Category("consent", "Consent in the sidecar", CARD, "metadata", "metadata->>'consent'")
_CLOCK_STEPS_S = (10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0)
_AGREEMENTS = {
    "tempo": "tempo_agreement",
    "beats": "beat_agreement",
    "key": "key_agreement",
    "chords": "chord_agreement",
}


def distributions(views: Views) -> list[dict[str, Any]]:
    """Histograms and counts of what the dataset has columns for."""
    numbers = [histogram(views, m) for m in MEASURES if m.fragment == CARD or views.have(m.fragment, m.column)]
    words = [counts(views, c) for c in CATEGORIES if c.fragment == CARD or views.have(c.fragment, c.column)]
    return [*numbers, *words]


def histogram(views: Views, measure: Measure) -> dict[str, Any]:
    """Counts in equal bins of a round width, each from its edge up to the next.

    The bins span the bulk of the values; how many lie ``below`` and ``above`` is told beside them.
    """
    values = f"SELECT {measure.column}::DOUBLE AS v {_source(measure.fragment)} WHERE isfinite(v)"
    facts = views.row(f"""
        SELECT count(*) AS tracks, (SELECT count(*) FROM {CARD}) - count(*) AS without, min(v) AS min,
               median(v) AS median, max(v) AS max FROM ({values})""")
    first, step, num_bins = _bins(views, values, measure.unit) if facts["tracks"] else (0, 1.0, 0)
    found = views.rows(f"SELECT floor(v / {step!r})::BIGINT AS bin, count(*) AS n FROM ({values}) GROUP BY bin")
    by_bin = {row["bin"] - first: row["n"] for row in found}
    return {
        "name": measure.name,
        "title": measure.title,
        "kind": "histogram",
        "unit": measure.unit,
        **facts,
        "edges": [round((first + n) * step, 9) for n in range(num_bins + 1)] if num_bins else [],
        "counts": [by_bin.get(n, 0) for n in range(num_bins)],
        "below": sum(n for bin_, n in by_bin.items() if bin_ < 0),
        "above": sum(n for bin_, n in by_bin.items() if bin_ >= num_bins),
    }


def _source(fragment: str) -> str:
    """All tracks, with the columns of a fragment: a row of no track counts for nothing."""
    return f"FROM {CARD}" if fragment == CARD else f"FROM {CARD} JOIN {quoted(fragment)} USING (track_id)"


def _bins(views: Views, values: str, unit: str) -> tuple[int, float, int]:
    """First bin in steps, the step, and how many.

    The axis goes at most as far beyond the bulk, nine tenths of the values, as that is wide, or as a tenth of it is
    high: outliers do not stretch it, and values that are all but equal look so. Few values get few bins.
    """
    ends = views.row(f"""
        WITH bulk AS (SELECT quantile_cont(v, 0.05) AS low, quantile_cont(v, 0.95) AS high FROM ({values}))
        SELECT min(v) AS low, max(v) AS high, count(*) AS n FROM ({values}), bulk
        WHERE v BETWEEN low - greatest(high - low, abs(low) / 10) AND high + greatest(high - low, abs(low) / 10)""")
    low, high = ends["low"], ends["high"]
    most = min(MAX_BINS, 4 + int(2 * math.sqrt(ends["n"])))
    step = next(step for step in round_steps(unit) if high // step - low // step < most)
    first = math.floor(low / step)
    return first, step, math.floor(high / step) - first + 1


def round_steps(unit: str) -> Iterator[float]:
    """Round widths from 0.001 up: 1, 2 and 5 times powers of ten, for seconds those that clocks show."""
    powers_of_ten = (float(f"{digit}e{power}") for power in count(-3) for digit in (1, 2, 5))
    if unit != "s":
        return powers_of_ten
    return chain(takewhile(lambda step: step < 10, powers_of_ten), _CLOCK_STEPS_S, (3600 * 2.0**n for n in count(1)))


def counts(views: Views, category: Category) -> dict[str, Any]:
    """The most frequent values, and how many tracks and values are left over."""
    value = f"nullif(trim({category.value or category.column}), '')"
    source = f"FROM (SELECT {value} AS value {_source(category.fragment)})"
    found = views.rows(f"""
        SELECT value, count(*) AS count {source} WHERE value IS NOT NULL
        GROUP BY value ORDER BY count DESC, value LIMIT {MAX_VALUES}""")
    whole = views.row(
        f"SELECT count(value) AS tracks, count(DISTINCT value) AS num, (SELECT count(*) FROM {CARD}) AS n {source}"
    )
    return {
        "name": category.name,
        "title": category.title,
        "kind": "counts",
        "tracks": whole["tracks"],
        "without": whole["n"] - whole["tracks"],
        "values": found,
        "others": whole["tracks"] - sum(row["count"] for row in found),
        "num_others": whole["num"] - len(found),
    }


def rights(views: Views) -> list[dict[str, Any]]:
    """What the tags say of rights, or the sidecar in their place; its licence and consent where any track has them."""
    beside = [counts(views, category) for category in (LICENCE, CONSENT)]
    return [counts(views, RIGHTS), *(found for found in beside if found["tracks"])]


def agreements(views: Views) -> list[dict[str, Any]]:
    """How many tracks have a label on which estimators agree to less than half."""
    found = []
    for label, column in _AGREEMENTS.items():
        for fragment in [name for name in sorted(views.columns) if name != "features" and views.have(name, column)]:
            row = views.row(f"""
                SELECT count({column}) AS tracks, count(*) FILTER ({column} < {AGREEMENT_THRESHOLD}) AS below,
                       median({column}) AS median {_source(fragment)}""")
            found.append({"label": label, "fragment": fragment, "column": column, **row})
    return [row for row in found if row["tracks"]]
