"""The lanes of a track's picture: what is drawn under one another along the same time axis."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from jobs.pictures.track_chords import chord_spans, numeral_spans
from jobs.pictures.track_colours import PLAIN, SECTIONS
from jobs.pictures.track_spans import Span, share, spans_of
from pipeline.track_rows import TrackRows

Kind = Literal["blocks", "beats", "waveform", "spectrogram", "pitch"]

FRAGMENTS = ("level", "rhythm", "harmony", "structure", "theory", "pitch", "lyrics", "phonemes", "prompt")
"""What a picture reads, beside ``tracks``."""


@dataclass(frozen=True)
class Lane:
    """One lane. Either it has something to show, or ``absent`` says why not."""

    name: str
    title: str
    kind: Kind
    spans: Sequence[Span] = ()
    note: str = ""
    """What holds for the whole lane, in few words."""
    absent: str = ""


def lanes(track: TrackRows, silent: str = "") -> list[Lane]:
    """Every lane from top to bottom; ``silent`` says why there is no sound, if there is none."""
    return [
        _lane(track, "sections", "Sections", "structure", section_spans, "no section was found"),
        Lane("waveform", "Waveform", "waveform", absent=silent),
        _lane(track, "beats", "Beats", "rhythm", beat_spans, "no pulse was found", kind="beats", note=_pulse),
        _lane(track, "chords", "Chords", "harmony", chord_spans, "no chord was found"),
        _lane(track, "numerals", "Numerals", "theory", numeral_spans, "no numeral: no key or no chords", note=_form),
        Lane("spectrogram", "Spectrogram", "spectrogram", absent=silent),
        _pitch_lane(track),
        _lane(track, "words", "Words", "lyrics", word_spans, "no word was heard", note=_language),
        _lane(track, "phonemes", "Phonemes", "phonemes", phoneme_spans, "nothing is pronounced"),
    ]


def _lane(
    track: TrackRows,
    name: str,
    title: str,
    fragment: str,
    find: Callable[[Mapping[str, Any]], list[Span]],
    nothing: str,
    kind: Kind = "blocks",
    note: Callable[[Mapping[str, Any]], str] | None = None,
) -> Lane:
    if fragment not in track.rows:
        return Lane(name, title, kind, absent=track.absent[fragment])
    row = track.rows[fragment]
    spans = find(row)
    if not spans:
        return Lane(name, title, kind, absent=nothing)
    return Lane(name, title, kind, spans, note(row) if note else "")


def section_spans(row: Mapping[str, Any]) -> list[Span]:
    """Sections by their type, with all that is known of each in its detail."""
    return [
        Span(start_s, end_s, item["type"] or "?", _section_detail(item), SECTIONS.get(item["type"], PLAIN))
        for start_s, end_s, item in spans_of(row.get("sections"))
    ]


def _section_detail(section: Mapping[str, Any]) -> str:
    has_vocals = section.get("has_vocals")
    parts = [
        f"cluster {section['cluster']}" if section.get("cluster") is not None else "",
        f"energy {section['energy']:.2f}" if section.get("energy") is not None else "",
        "" if has_vocals is None else "sung" if has_vocals else "not sung",
        f"confidence {share(section['confidence'])}" if section.get("confidence") is not None else "",
        f"by rule: {section['rule']}" if section.get("rule") else "",
    ]
    return ", ".join(part for part in parts if part)


def beat_spans(row: Mapping[str, Any]) -> list[Span]:
    """Each beat until the next; its label is its number in the bar, and downbeats are ``strong``."""
    times = [time for time in row.get("beats_s") or [] if time is not None]
    numbers = row.get("beat_numbers") or []
    numbers = numbers if len(numbers) == len(times) else [None] * len(times)
    downbeats = set(row.get("downbeats_s") or [])
    spans: list[Span] = []
    bar = 0
    for index, (time, number) in enumerate(zip(times, numbers, strict=True)):
        strong = time in downbeats or (not downbeats and number == 1)
        bar += strong
        end_s = times[index + 1] if index + 1 < len(times) else time + (time - times[index - 1] if index else 0.5)
        place = f"bar {bar}" if bar else "before the first bar"
        detail = place if number is None else f"{place}, beat {number}"
        spans.append(Span(time, end_s, str(bar) if strong else str(number or ""), detail, strong=strong))
    return spans


def _pulse(row: Mapping[str, Any]) -> str:
    tempo_bpm, metre = row.get("tempo_bpm"), row.get("time_signature")
    return " · ".join(text for text in (f"{tempo_bpm:.1f} bpm" if tempo_bpm else "", metre or "") if text)


def _form(row: Mapping[str, Any]) -> str:
    return row.get("progression") or ""


def _pitch_lane(track: TrackRows) -> Lane:
    """F0; its spans are the breaths."""
    row = track.rows.get("pitch")
    if row is None:
        return Lane("pitch", "F0", "pitch", absent=track.absent["pitch"])
    breaths = [Span(start_s, end_s, "", "breath") for start_s, end_s, _ in spans_of(row.get("breaths"))]
    sung = any(value is not None for value in row.get("f0_hz") or []) and row.get("f0_hop_s")
    if not sung and not breaths:
        return Lane("pitch", "F0", "pitch", absent="nothing is voiced")
    return Lane("pitch", "F0", "pitch", breaths, _vibrato(row))


def _vibrato(row: Mapping[str, Any]) -> str:
    source = f"of the {row['pitch_source']}" if row.get("pitch_source") else ""
    rate_hz, depth_cents, extent = (row.get(f"vibrato_{name}") for name in ("rate_hz", "depth_cents", "extent"))
    vibrato = "no vibrato"
    if rate_hz and depth_cents is not None:
        vibrato = f"vibrato {rate_hz:.1f} Hz, ±{depth_cents:.0f} cents"
        vibrato += f", {share(extent)} of the time" if extent is not None else ""
    return " · ".join(text for text in (source, vibrato) if text)


def word_spans(row: Mapping[str, Any]) -> list[Span]:
    """The words, without the space that some recognisers put before."""
    return [
        Span(start_s, end_s, (item["word"] or "").strip(), _probability(item))
        for start_s, end_s, item in spans_of(row.get("words"))
    ]


def _probability(word: Mapping[str, Any]) -> str:
    return f"probability {share(word['probability'])}" if word.get("probability") is not None else ""


def _language(row: Mapping[str, Any]) -> str:
    return row.get("language") or ""


def phoneme_spans(row: Mapping[str, Any]) -> list[Span]:
    """The phonemes in IPA."""
    return [Span(start_s, end_s, item["phoneme"] or "") for start_s, end_s, item in spans_of(row.get("phonemes"))]
