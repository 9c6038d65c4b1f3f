"""What a song is known to hold, as plain data. It comes from the composition alone, never from listening to it."""

from typing import Any

from jobs.demo.melody import CONTROL_RATE_HZ, SUSTAINED_S, breaths, f0_contour_hz, sung_notes
from jobs.demo.score import Bar, Song, Span, bars, chord_spans, section_spans

F0_HOP_S = 0.01


def truth(song: Song) -> dict[str, Any]:
    """Truth of one song, ready for JSON. Times in seconds from the start of the file.

    ``f0_hz`` has a value every ``f0_hop_s``, None where nobody sings. Vibrato is that of sustained notes, depth
    half of peak to peak, None without a singer. ``unaccompanied`` songs hold the voice and unpitched sound only.
    """
    all_bars = list(bars(song))
    return {
        "title": song.title,
        "artist": song.release.artist,
        "duration_s": round(song.duration_s, 6),
        "loudness_lufs": song.loudness_lufs,
        **_pulse(song, all_bars),
        "key": song.key,
        "chords": [_times(span) | {"label": span.label} for span in chord_spans(song)],
        "sections": [
            _times(span) | {"type": section.type, "gain_db": section.gain_db, "has_vocals": section.sung}
            for span, section in zip(section_spans(song), song.sections, strict=True)
        ],
        **_voice(song),
    }


def _pulse(song: Song, all_bars: list[Bar]) -> dict[str, Any]:
    return {
        "tempo_bpm": song.tempo_bpm,
        "time_signature": f"{song.beats_per_bar}/4",
        "beats_s": [round(beat_s, 6) for bar in all_bars for beat_s in bar.beats_s],
        "downbeats_s": [round(bar.start_s, 6) for bar in all_bars],
    }


def _voice(song: Song) -> dict[str, Any]:
    notes = sung_notes(song)
    f0_hz = f0_contour_hz(song)[:: round(F0_HOP_S * CONTROL_RATE_HZ)]
    return {
        "has_vocals": bool(notes),
        "unaccompanied": song.mix.is_unaccompanied,
        "notes": [
            {
                "start_s": round(note.start_s, 6),
                "end_s": round(note.end_s, 6),
                "midi": note.midi,
                "vowel": note.vowel,
                "has_vibrato": note.duration_s >= SUSTAINED_S,
            }
            for note in notes
        ],
        "f0_hop_s": F0_HOP_S,
        "f0_hz": [round(float(hz), 3) if hz else None for hz in f0_hz],
        "vibrato_rate_hz": song.singer.vibrato_rate_hz if song.singer else None,
        "vibrato_depth_cents": song.singer.vibrato_depth_cents if song.singer else None,
        "breaths": [_times(span) for span in breaths(song)],
    }


def _times(span: Span) -> dict[str, Any]:
    return {"start_s": round(span.start_s, 6), "end_s": round(span.end_s, 6)}
