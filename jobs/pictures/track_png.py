"""The picture of a track as PNG: 1920 pixels wide, as high as its lanes need."""

import io
import warnings
from typing import Any

import numpy as np

from jobs.pictures.track_axes import (
    INK,
    MUTED,
    PAPER,
    RULE,
    draw_blocks,
    draw_pitch,
    draw_spectrogram,
    draw_waveform,
    families,
)
from jobs.pictures.track_lanes import Lane
from jobs.pictures.track_picture import Picture
from jobs.pictures.track_spans import clock

WIDTH_PX = 1920
_DPI = 120
_LEFT_IN, _RIGHT_IN = 1.75, 0.35
_HEADER_IN, _FOOTER_IN, _GAP_IN = 1.5, 0.6, 0.09
_HEIGHTS_IN = {"blocks": 0.34, "beats": 0.3, "waveform": 1.0, "spectrogram": 2.2, "pitch": 1.7}
_ABSENT_IN = 0.26
_FACT_IN = 3.5
_STEPS_S = (0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200)
_MAX_TICKS = 16


def png_of(picture: Picture) -> bytes:
    """Draw with matplotlib's Agg, without its global state."""
    from matplotlib.figure import Figure

    height_in = _HEADER_IN + _FOOTER_IN + sum(_height_in(lane) + _GAP_IN for lane in picture.lanes)
    figure = Figure((WIDTH_PX / _DPI, height_in), dpi=_DPI, facecolor=PAPER)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)  # a script without an installed font
        return _drawn(figure, picture)


def _drawn(figure: Any, picture: Picture) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(figure)
    _write_header(figure, picture)
    top_in, axes = figure.get_figheight() - _HEADER_IN, None
    for lane in picture.lanes:
        axes = _draw_lane(figure, picture, lane, top_in)
        top_in -= _height_in(lane) + _GAP_IN
    _label_time(axes, picture)
    file = io.BytesIO()
    canvas.print_png(file)
    return file.getvalue()


def _height_in(lane: Lane) -> float:
    return _ABSENT_IN if lane.absent else _HEIGHTS_IN[lane.kind]


def _write_header(figure: Any, picture: Picture) -> None:
    """Title and facts, shortened to what there is room for: tags may be long."""
    top_in, end_in = figure.get_figheight(), figure.get_figwidth() - _RIGHT_IN
    _shorten(_write(figure, 0.35, top_in - 0.52, picture.title, fontsize=21, weight="bold"), end_in)
    _shorten(_write(figure, 0.36, top_in - 0.8, picture.subtitle, fontsize=12, color=MUTED), end_in)
    x_in = 0.36
    for fact in picture.facts:
        value = _write(figure, x_in, top_in - 1.24, fact.value, fontsize=13, weight="bold")
        name = f"{fact.name.upper()}  {fact.note}".rstrip()
        label = _write(figure, x_in, top_in - 1.05, name, fontsize=7.5, color=MUTED)
        for text in (value, label):
            _shorten(text, min(end_in, x_in + _FACT_IN))
        x_in = max(_end_in(value), _end_in(label)) + 0.4
        if x_in > end_in - 0.8:
            break


def _shorten(text: Any, end_in: float) -> None:
    """Cut a text where it would go past an end, with an ellipsis."""
    shown = " ".join(text.get_text().split())
    text.set_text(shown)
    while len(shown) > 1 and _end_in(text) > end_in:
        shown = shown[: max(1, min(len(shown) - 1, int(len(shown) * (end_in / _end_in(text)))))].rstrip()
        text.set_text(f"{shown}…")


def _write(figure: Any, x_in: float, y_in: float, text: str, **style: Any) -> Any:
    """Text at inches from the lower left; never read as mathematics, as tags may hold dollar signs."""
    x, y = x_in / figure.get_figwidth(), y_in / figure.get_figheight()
    return figure.text(x, y, text, **{"color": INK, "parse_math": False, "fontfamily": families(), **style})


def _end_in(text: Any) -> float:
    return float(text.get_window_extent().x1 / _DPI)


def _draw_lane(figure: Any, picture: Picture, lane: Lane, top_in: float) -> Any:
    width_in, height_in = figure.get_figwidth(), figure.get_figheight()
    tall_in = _height_in(lane)
    box = (
        _LEFT_IN / width_in,
        (top_in - tall_in) / height_in,
        1 - (_LEFT_IN + _RIGHT_IN) / width_in,
        tall_in / height_in,
    )
    axes = figure.add_axes(box, facecolor="none")
    axes.set_xlim(0, picture.duration_s)
    axes.tick_params(left=False, bottom=False, labelleft=False, labelbottom=False)
    axes.spines[:].set_visible(False)
    _head(figure, lane, top_in, tall_in)
    if lane.absent:
        style: dict[str, Any] = {"fontsize": 8.5, "style": "italic", "color": MUTED, "va": "center"}
        axes.text(0.004, 0.5, lane.absent, transform=axes.transAxes, parse_math=False, **style)
        axes.set_facecolor("#f2f3f5")
        return axes
    _DRAW[lane.kind](axes, picture, lane)
    starts = [span.start_s for span in picture.lane("sections").spans if span.start_s > 0]
    if lane.name != "sections":
        axes.vlines(starts, 0, 1, transform=axes.get_xaxis_transform(), color=INK, alpha=0.28, lw=0.7, ls=(0, (3, 3)))
    return axes


def _head(figure: Any, lane: Lane, top_in: float, tall_in: float) -> None:
    low = tall_in < 0.6
    y_in = top_in - (tall_in / 2 if low else 0.14)
    place = {"va": "center", "ha": "left"}
    _write(figure, 0.36, y_in, lane.title, fontsize=9.5, **place)
    if not low:
        for line, note in enumerate(lane.note.replace(", ", " · ").split(" · ")):
            _write(figure, 0.36, y_in - 0.2 - 0.15 * line, note, fontsize=7.5, color=MUTED, **place)


def _label_time(axes: Any, picture: Picture) -> None:
    """The time axis, below the last lane."""
    step_s = next((step for step in _STEPS_S if picture.duration_s / step <= _MAX_TICKS), _STEPS_S[-1])
    times = np.arange(0, picture.duration_s + 1e-9, step_s)
    texts = [clock(time) if step_s >= 1 else f"{time:.1f} s" for time in times]
    axes.set_xticks(times, texts, fontsize=8.5, color=MUTED)
    axes.tick_params(bottom=True, labelbottom=True, color=RULE, length=4)


_DRAW = {
    "blocks": draw_blocks,
    "beats": draw_blocks,
    "waveform": draw_waveform,
    "spectrogram": draw_spectrogram,
    "pitch": draw_pitch,
}
