"""A song as samples: every part played by its instrument, panned, mixed, and mastered to the loudness it asks for."""

from collections.abc import Iterator
from functools import cache, partial

import numpy as np
import numpy.typing as npt

from jobs.demo import instruments
from jobs.demo.score import Bar, Song, bars, chord_tones
from jobs.demo.voice import Signal, sing

Stereo = npt.NDArray[np.float32]  # (2, samples)
Hit = tuple[float, float, Signal]  # start in seconds, linear gain, sound

LOWEST_KEY_MIDI = 55
LOWEST_BASS_MIDI = 36
PAN = {"drums": 0.0, "snaps": 0.3, "bass": 0.0, "keys": -0.35, "pad": 0.35, "voice": 0.0}
"""Left -1, right 1."""
FOUR = {"kick": {0: 1.0, 2: 0.8}, "snare": {1: 0.7, 3: 0.7}}
THREE = {"kick": {0: 1.0}, "snare": {1: 0.45, 2: 0.45}}


def render(song: Song) -> tuple[Stereo, int]:
    """Samples ``(2, samples)`` and rate in Hz. The same song gives the same samples.

    ValueError if the song cannot be as loud as it asks without clipping.
    """
    mix = np.zeros((2, round(song.duration_s * song.rate_hz)), np.float32)
    parts = {"drums": _drums, "snaps": _snaps, "bass": _bass, "keys": _keys, "pad": _pad}
    for name, play in parts.items():
        level_db = getattr(song.mix, f"{name}_db")
        if level_db is not None:
            _add(mix, _placed(play(song), mix.shape[1], song.rate_hz), level_db, PAN[name])
    _add(mix, sing(song), song.mix.voice_db, PAN["voice"])
    return _mastered(mix, song), song.rate_hz


def loudness_lufs(samples: Stereo, rate_hz: int) -> float:
    """Integrated loudness by ITU-R BS.1770-4 (filter coefficients of its tables, at 48 kHz); -inf for silence."""
    import scipy.signal

    at_48k = scipy.signal.resample_poly(samples, 48000 // np.gcd(48000, rate_hz), rate_hz // np.gcd(48000, rate_hz), 1)
    shelf = [1.53512485958697, -2.69169618940638, 1.19839281085285, 1, -1.69065929318241, 0.73248077421585]
    high_pass = [1, -2, 1, 1, -1.99004745483398, 0.99007225036621]
    power = (scipy.signal.sosfilt([shelf, high_pass], at_48k, axis=1) ** 2).sum(axis=0)
    steps = np.add.reduceat(power, np.arange(0, len(power) - len(power) % 4800, 4800))[: len(power) // 4800]
    blocks = np.convolve(steps, np.ones(4), "valid") / 19200
    with np.errstate(divide="ignore"):
        loud = blocks[_lufs(blocks) > -70]
        gated = loud[_lufs(loud) > _lufs(loud.mean()) - 10] if loud.size else loud
        return float(_lufs(gated.mean())) if gated.size else -np.inf


def _lufs(power: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    lufs: npt.NDArray[np.float64] = -0.691 + 10 * np.log10(power)
    return lufs


def _mastered(mix: Stereo, song: Song) -> Stereo:
    gain = 10 ** ((song.loudness_lufs - loudness_lufs(mix, song.rate_hz)) / 20)
    if np.abs(mix).max() * gain >= 1:
        raise ValueError(f"{song.title!r} clips at {song.loudness_lufs} LUFS: ask for less.")
    return (mix * gain).astype(np.float32)


def _add(mix: Stereo, part: Signal, level_db: float, pan: float) -> None:
    angle = (pan + 1) * np.pi / 4  # equal power
    gains = 10 ** (level_db / 20) * np.array([[np.cos(angle)], [np.sin(angle)]])
    mix += gains.astype(np.float32) * part


def _placed(hits: Iterator[Hit], num_samples: int, rate_hz: int) -> Signal:
    part = np.zeros(num_samples, np.float32)
    for start_s, gain, sound in hits:
        first = round(start_s * rate_hz)
        part[first : first + len(sound)] += np.float32(gain) * sound[: num_samples - first]
    return part


def _gain(bar: Bar) -> float:
    return float(10 ** (bar.section.gain_db / 20))


def _drums(song: Song) -> Iterator[Hit]:
    kit = {name: getattr(instruments, name)(song.rate_hz) for name in ("kick", "snare", "hat", "crash")}
    pattern = THREE if song.beats_per_bar == 3 else FOUR
    for bar in bars(song):
        if bar.opens_section:
            yield bar.start_s, 0.5 * _gain(bar), kit["crash"]
        for beat, beat_s in enumerate(bar.beats_s):
            yield beat_s, (0.6 if beat == 0 else 0.4) * _gain(bar), kit["hat"]
            yield beat_s + bar.beat_s / 2, 0.2 * _gain(bar), kit["hat"]
            for drum, hits in pattern.items():
                if beat in hits:
                    yield beat_s, hits[beat] * _gain(bar), kit[drum]


def _snaps(song: Song) -> Iterator[Hit]:
    sound = instruments.snap(song.rate_hz)
    for bar in bars(song):
        for beat, beat_s in enumerate(bar.beats_s):
            yield beat_s, (1.0 if beat == 0 else 0.5) * _gain(bar), sound


def _bass(song: Song) -> Iterator[Hit]:
    """The root where a chord starts, again in the middle of a bar of four."""
    sound = cache(partial(instruments.bass, rate_hz=song.rate_hz))
    for bar in bars(song):
        for chord in bar.chords:
            root = LOWEST_BASS_MIDI + (chord_tones(chord.label)[0] - LOWEST_BASS_MIDI) % 12
            num_notes = 2 if len(bar.chords) == 1 and bar.num_beats == 4 else 1
            note_s = (chord.end_s - chord.start_s) / num_notes
            for i in range(num_notes):
                yield chord.start_s + i * note_s, _gain(bar), sound(root, round(note_s, 9))


def _keys(song: Song) -> Iterator[Hit]:
    """The chord on every beat, strongest on the first."""
    sound = cache(partial(instruments.keys, rate_hz=song.rate_hz))
    for bar in bars(song):
        for beat, beat_s in enumerate(bar.beats_s):
            chord = next(chord for chord in reversed(bar.chords) if chord.start_s <= beat_s + 1e-6)
            for midi in _voicing(chord.label):
                yield beat_s, (1.0 if beat == 0 else 0.6) * _gain(bar), sound(midi, bar.beat_s)


def _pad(song: Song) -> Iterator[Hit]:
    sound = cache(partial(instruments.pad, rate_hz=song.rate_hz))
    for bar in bars(song):
        for chord in bar.chords:
            for midi in _voicing(chord.label):
                yield chord.start_s, _gain(bar), sound(midi, round(chord.end_s - chord.start_s, 9))


def _voicing(label: str) -> list[int]:
    """Close position within one octave, so that neighbouring chords move little."""
    return [LOWEST_KEY_MIDI + (tone - LOWEST_KEY_MIDI) % 12 for tone in chord_tones(label)]
