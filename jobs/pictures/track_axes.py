"""How each kind of lane is drawn on matplotlib axes."""

from functools import lru_cache
from typing import Any

import numpy as np

from jobs.pictures.track_lanes import Lane
from jobs.pictures.track_picture import Picture
from jobs.pictures.track_spans import Span
from jobs.pictures.track_spectrum import mel_of_hz

PAPER, INK, MUTED, RULE, ACCENT, WAVE = "#ffffff", "#1c2230", "#6a7280", "#c9ced6", "#b4472e", "#5f7f9e"
_LIGHTNESS = 0.885
_LABEL_PT = 8.0
_SPECTRUM = ("#ffffff", "#dfe7ee", "#9fb9cf", "#5a86ad", "#2f4f80", "#1b2550", "#0c1028")
_FREQUENCIES_HZ = (100, 500, 1000, 2000, 5000, 10_000)
_PITCHES_HZ = (50, 100, 200, 300, 400, 600, 800, 1000, 1500, 2000)
_SEMITONE = 2 ** (1 / 12)
_FONTS = ("DejaVu Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "WenQuanYi Micro Hei", "Noto Sans", "Arial Unicode MS")


@lru_cache(maxsize=1)
def families() -> list[str]:
    """Fonts that are installed, of those that between them have most scripts; each helps the one before it out."""
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return [name for name in _FONTS if name in installed]


def draw_blocks(axes: Any, _: Picture, lane: Lane) -> None:
    """Spans as blocks with the labels that fit; beats as ticks, strong ones longer and with their bar."""
    axes.set_ylim(0, 1)
    if lane.kind == "beats":
        _draw_ticks(axes, lane)
        return
    from matplotlib.collections import PolyCollection

    corners = [[(s.start_s, 0), (s.end_s, 0), (s.end_s, 1), (s.start_s, 1)] for s in lane.spans]
    colours = [span.tone.rgb(_LIGHTNESS) for span in lane.spans]
    wide = [_pixels(axes, span) >= 4 for span in lane.spans]
    edges = [PAPER if is_wide else colour for is_wide, colour in zip(wide, colours, strict=True)]
    axes.add_collection(PolyCollection(corners, facecolors=colours, edgecolors=edges, linewidths=0.8), autolim=False)
    strong = [span.start_s for span in lane.spans if span.strong]
    axes.vlines(strong, 0, 1, color=ACCENT, lw=1.6)
    for span in lane.spans:
        _label(axes, span, 0.46)


def _draw_ticks(axes: Any, lane: Lane) -> None:
    weak = [span.start_s for span in lane.spans if not span.strong]
    strong = [span for span in lane.spans if span.strong]
    axes.vlines(weak, 0.0, 0.3, color=MUTED, lw=0.5, alpha=0.8)
    axes.vlines([span.start_s for span in strong], 0.0, 0.62, color=INK, lw=1.0)
    every = _every(axes, strong)
    for bar in strong[::every]:
        axes.text(bar.start_s, 0.66, bar.label, fontsize=6.5, color=MUTED, va="bottom", ha="center", parse_math=False)


def _every(axes: Any, bars: list[Span]) -> int:
    """Label every bar, or every 2nd, 4th ... where there is no room for all."""
    if len(bars) < 2:
        return 1
    apart = _width(axes) * (bars[-1].start_s - bars[0].start_s) / (len(bars) - 1) / axes.get_xlim()[1]
    every = 1
    while every * apart < 26:
        every *= 2
    return every


def _width(axes: Any) -> float:
    return float(axes.get_window_extent().width)


def _pixels(axes: Any, span: Span) -> float:
    return _width(axes) * (span.end_s - span.start_s) / float(axes.get_xlim()[1])


def _label(axes: Any, span: Span, y: float) -> None:
    room = _pixels(axes, span)
    if span.label and room > 6 and _text_width(span.label) * axes.figure.dpi / 72 + 2 <= room:
        middle = (span.start_s + span.end_s) / 2
        place = {"ha": "center", "va": "center", "clip_on": True}
        axes.text(
            middle, y, span.label, fontsize=_LABEL_PT, color=INK, parse_math=False, fontfamily=families(), **place
        )


@lru_cache(maxsize=4096)
def _text_width(text: str) -> float:
    """Points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(family=families(), size=_LABEL_PT)
    return float(text_to_path.get_text_width_height_descent(text, font, False)[0])


def draw_waveform(axes: Any, picture: Picture, _: Lane) -> None:
    """The envelope, its peak filling the lane."""
    wave = picture.waveform
    assert wave is not None
    low, high = wave.extremes / max(wave.peak, 1e-6)
    times = (np.arange(len(low)) + 0.5) * wave.bin_s
    axes.set_ylim(-1.04, 1.04)
    axes.fill_between(times, low, high, color=WAVE, lw=0.4)


def draw_spectrogram(axes: Any, picture: Picture, _: Lane) -> None:
    """Mel bands with a scale in hertz."""
    from matplotlib.colors import LinearSegmentedColormap

    spectrum = picture.spectrogram
    assert spectrum is not None
    low, high = (float(mel_of_hz(f)) for f in (spectrum.lowest_hz, spectrum.highest_hz))
    ends_s = spectrum.levels.shape[1] * spectrum.frame_s
    colours = LinearSegmentedColormap.from_list("spectrum", _SPECTRUM)
    axes.imshow(
        spectrum.levels, aspect="auto", origin="lower", extent=(0, ends_s, low, high), cmap=colours, vmin=0, vmax=255
    )
    axes.set_xlim(0, picture.duration_s)
    shown = [f for f in _FREQUENCIES_HZ if spectrum.lowest_hz < f < spectrum.highest_hz]
    _scale(axes, [float(mel_of_hz(f)) for f in shown], [f"{f // 1000} kHz" if f >= 1000 else f"{f} Hz" for f in shown])


def draw_pitch(axes: Any, picture: Picture, lane: Lane) -> None:
    """F0 on a logarithmic scale, with breaths as bands."""
    axes.set_yscale("log")
    axes.minorticks_off()
    lowest_hz, highest_hz = pitch_range_hz(picture)
    axes.set_ylim(lowest_hz, highest_hz)
    shown = [f for f in _PITCHES_HZ if lowest_hz < f < highest_hz]
    _scale(axes, [float(f) for f in shown], [f"{f} Hz" for f in shown])
    axes.hlines(shown, 0, picture.duration_s, color=RULE, lw=0.5)
    times = np.arange(len(picture.f0_hz)) * picture.f0_hop_s
    axes.plot(times, picture.f0_hz, color=ACCENT, lw=1.1)
    for breath in lane.spans:
        axes.axvspan(breath.start_s, breath.end_s, color=WAVE, alpha=0.35, lw=0)


def pitch_range_hz(picture: Picture) -> tuple[float, float]:
    """From the lowest to the highest F0 but for the outermost per cent, and three semitones more on each side."""
    voiced = picture.f0_hz[np.isfinite(picture.f0_hz) & (picture.f0_hz > 0)]
    if not len(voiced):
        return 80.0, 800.0
    low, high = np.percentile(voiced, [1, 99])
    return float(low / _SEMITONE**3), float(high * _SEMITONE**3)


def _scale(axes: Any, places: list[float], texts: list[str]) -> None:
    axes.set_yticks(places, texts, fontsize=7, color=MUTED)
    axes.tick_params(axis="y", left=True, labelleft=True, color=RULE, length=3, pad=2)
