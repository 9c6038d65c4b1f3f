"""The theory of a track: what follows by rule from its key, chords, beats, onsets and sections."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from featurizers import harmonic_measures, voice_leading
from featurizers.cadences import find_cadences
from featurizers.featurizer import Extract, Features, Featurizer
from featurizers.genres import guess_genres
from featurizers.groove import measure_groove
from featurizers.harte import ChordSpan, read_chords
from featurizers.meter import Meter
from featurizers.progressions import find_progressions, names_by_time
from featurizers.roman_numerals import Key, read_numerals
from schemas.fragments.theory import THEORY


@dataclass(frozen=True)
class Theory(Featurizer):
    """Harmony, rhythm and genre by stated rules, without audio or models.

    The rules, their sources and their limits stand in the modules that it calls: ``roman_numerals``, ``progressions``,
    ``cadences``, ``voice_leading``, ``harmonic_measures``, ``groove`` and ``genres``. Absent sections, stems, CLAP
    embeddings and levels only leave out what would follow from them.
    """

    writes = THEORY
    reads = ("rhythm", "harmony", "onsets")
    prefers = ("structure", "stems", "clap", "level")
    hears = ()
    cost = 0.0002

    def load(self) -> Extract:
        import scipy.optimize  # noqa: F401 - paid for here, not by the first track

        return lambda batch: [_features(inputs.columns) for inputs in batch]


def _features(columns: Mapping[str, Any]) -> Features:
    spans = read_chords(columns.get("chords"))
    harmony, names = _harmony(columns, spans)
    groove = measure_groove(columns)
    return {
        **harmony,
        **_voices(spans),
        "theory_confidence": harmonic_measures.theory_confidence(columns.get("key_confidence"), spans),
        **groove,
        "genres": guess_genres({**columns, **groove}, names),
    }


def _harmony(columns: Mapping[str, Any], spans: list[ChordSpan]) -> tuple[Features, list[str]]:
    """The columns that follow from chords in a key, and the names of progressions, that of most time first."""
    key, meter = Key.of_index(columns.get("key_index")), Meter.of(columns)
    readings = read_numerals(spans, key) if key else []
    progressions = find_progressions(readings, meter.downbeats_s)
    names = names_by_time(progressions)
    return {
        "roman_numerals": [reading.row for reading in readings],
        "progression": next(iter(names), None),
        "progressions": [asdict(progression) for progression in progressions],
        "cadences": [asdict(cadence) for cadence in find_cadences(readings, meter, _sections_s(columns))],
        "harmonic_rhythm_per_bar": harmonic_measures.harmonic_rhythm_per_bar(spans, meter),
        "harmonic_complexity": harmonic_measures.harmonic_complexity(readings),
    }, names


def _voices(spans: list[ChordSpan]) -> Features:
    score = voice_leading.score(spans)
    quality = None if score is None else voice_leading.quality(score)
    return {"voice_leading_score": score, "voice_leading_quality": quality}


def _sections_s(columns: Mapping[str, Any]) -> list[tuple[float, float]]:
    """Starts and ends of the sections that have both; none without structure."""
    times_s = [(section.get("start_s"), section.get("end_s")) for section in columns.get("sections") or () if section]
    known = [(a, b) for a, b in times_s if a is not None and b is not None and math.isfinite(b - a)]
    return [(start_s, end_s) for start_s, end_s in known if end_s > start_s]
