"""Guesses at the genre, each with its reasons in words."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from featurizers.featurizer import Features
from featurizers.genre_rules import GENRES, Evidence, Range

LEAST_CONFIDENCE = 0.15
MAX_GUESSES = 5
CLAP_SHARE = 0.7
_WEIGHTS = {"harmony": 3.0, "tempo": 2.0, "instruments": 2.0, "level": 1.0, "groove": 1.0, "metre": 1.0}
"""How much each kind of evidence counts among the rules."""
_LEAST_CLAP_SCORE = 0.1
_TELLING_WIDTH_BPM = 40.0


class Finding(NamedTuple):
    """What one kind of evidence says: the share of its conditions that hold, and those in words."""

    share: float
    reasons: list[str]


def guess_genres(columns: Mapping[str, Any], progression_names: Sequence[str]) -> list[Features]:
    """Return ``{genre, confidence, reasons}`` of up to five genres with a confidence of 0.15 or more, highest first.

    The confidence is 0.7 times CLAP's zero-shot score plus 0.3 times the share of the genre's rules that hold, by
    weight: harmony (named progressions) 3, tempo 2, instruments (energy shares of stems) 2, level, groove and metre 1
    each. A kind of evidence with several conditions counts by the share of them that hold, a range of tempo wider than
    40 BPM by 40 over its width. What is not known does not hold. So rules alone never reach more than 0.3: they tell
    what is usual in a genre, and much music shares it. CLAP's share is that of its accuracy on ten genres as its
    authors report it (71 %). Neither is calibrated, and one track can have several genres, so that the confidences
    need not add up to 1.

    ``columns`` may have those of rhythm, level, stems and clap, and ``syncopation`` and ``note_density_hz`` of theory;
    any may be absent or None. The genre tag is not used. Empty where nothing is known.
    """
    scores = {row["genre"]: float(row["score"]) for row in columns.get("clap_genres") or ()}
    guesses = [
        _guess(genre, scores.get(genre, 0.0), list(_findings(evidence, columns, progression_names)))
        for genre, evidence in GENRES.items()
    ]
    likely = [guess for guess in guesses if guess["confidence"] >= LEAST_CONFIDENCE]
    return sorted(likely, key=lambda guess: -float(guess["confidence"]))[:MAX_GUESSES]


def _guess(genre: str, clap_score: float, findings: list[tuple[str, Finding]]) -> Features:
    whole = sum(_WEIGHTS[kind] for kind, _ in findings)
    held = sum(_WEIGHTS[kind] * finding.share for kind, finding in findings) / whole
    sounds = [f"sounds like {genre} to CLAP ({clap_score:.2f})"] if clap_score >= _LEAST_CLAP_SCORE else []
    return {
        "genre": genre,
        "confidence": CLAP_SHARE * clap_score + (1 - CLAP_SHARE) * held,
        "reasons": sounds + [reason for _, finding in findings for reason in finding.reasons],
    }


def _findings(evidence: Evidence, columns: Mapping[str, Any], names: Sequence[str]) -> Iterator[tuple[str, Finding]]:
    """Yield what each kind of evidence says that the genre has rules for."""
    if evidence.progressions:
        used = [name for name in dict.fromkeys(names) if name in evidence.progressions]
        yield "harmony", Finding(float(bool(used)), [f"uses {name}" for name in used])
    yield "tempo", _tempo(columns.get("tempo_bpm"), evidence.tempo_bpm)
    if evidence.stems:
        yield "instruments", _in_ranges(columns, evidence.stems, _stem)
    if evidence.level:
        yield "level", _in_ranges(columns, evidence.level, _plain)
    if evidence.groove:
        yield "groove", _in_ranges(columns, evidence.groove, _plain)
    metre = columns.get("time_signature")
    fits = metre in evidence.metres
    yield "metre", Finding(float(fits), [f"in {metre}"] if fits else [])


def _tempo(tempo_bpm: float | None, usual_bpm: Range) -> Finding:
    if tempo_bpm is None or not usual_bpm.holds(tempo_bpm):
        return Finding(0.0, [])
    telling = min(1.0, _TELLING_WIDTH_BPM / (usual_bpm.high - usual_bpm.low))
    return Finding(telling, [f"tempo {tempo_bpm:.0f} {usual_bpm:g}"])


def _in_ranges(
    columns: Mapping[str, Any], ranges: Mapping[str, Range], word: Callable[[str, float, Range], str]
) -> Finding:
    values = {name: columns.get(name) for name in ranges}
    held = {name: value for name, value in values.items() if value is not None and ranges[name].holds(value)}
    return Finding(len(held) / len(ranges), [word(name, value, ranges[name]) for name, value in held.items()])


def _stem(name: str, value: float, share: Range) -> str:
    return f"{name.removesuffix('_energy_share')} {value:.0%} of the energy, {share:.0%}"


def _plain(name: str, value: float, range_: Range) -> str:
    quantity = name.removesuffix("_lu").removesuffix("_hz").replace("_", " ")
    return f"{quantity} {value:.2g} {range_:g}"
