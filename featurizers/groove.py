"""The rhythm of onsets against beats: how syncopated, dense, accented, polyrhythmic and complex it is."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from featurizers.featurizer import Features
from featurizers.onset_grid import OnsetGrid
from featurizers.polyrhythm import find_polyrhythms
from featurizers.syncopation import SIXTEENTHS, bar_weights, mean_syncopation

_HALF_SYNCOPATION = 4.0  # that of the son clave
_MAX_INTERVAL_BITS = 3.0  # eight intervals, equally frequent

Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.intp]


def measure_groove(columns: Mapping[str, Any]) -> Features:
    """Return the rhythmic columns of fragment theory from those of rhythm and onsets.

    Onsets count at the nearest 16th between beats, whatever their band; several at one 16th are one. All instruments
    together are taken for one voice, so that even hi-hats fill the silences that another instrument's syncopation
    needs. Swung eighths become a dotted eighth and a 16th. Between onsets and beats everything is relative: tempo and
    the start of the track do not matter, but for the density.

    - ``syncopation``: see ``featurizers.syncopation``; mean over bars with onsets, a pickup counting as a bar. Null
      without beats or onsets among them.
    - ``note_density_hz``: onsets a second, from the first beat to the end of the last. Null without beats.
    - ``metric_strengths``: mean over bars of the strength of the strongest onset at each 16th of the bar, 0 where
      there is none, divided by the largest. Null without beats or onsets among them.
    - ``polyrhythms``: see ``featurizers.polyrhythm``; empty without beats.
    - ``rhythmic_complexity``: see there. Null where syncopation is.
    """
    grid = OnsetGrid.of(columns)
    if grid is None:
        empty = dict.fromkeys(("syncopation", "note_density_hz", "metric_strengths", "rhythmic_complexity"))
        return {**empty, "polyrhythms": []}
    sixteenths = grid.parts(SIXTEENTHS)
    strengths = np.full(SIXTEENTHS * len(grid.beats_s), -1.0)
    np.maximum.at(strengths, sixteenths[sixteenths >= 0], grid.strengths[sixteenths >= 0])
    sounding, bars, places = strengths >= 0, grid.bars(SIXTEENTHS), grid.places(SIXTEENTHS)
    syncopation = mean_syncopation(sounding, bar_weights(grid.beats_per_bar)[places], bars)
    return {
        "syncopation": syncopation,
        "note_density_hz": int((sixteenths >= 0).sum()) / grid.duration_s,
        "metric_strengths": _metric_strengths(strengths.clip(0), places, SIXTEENTHS * grid.beats_per_bar),
        "polyrhythms": find_polyrhythms(grid),
        "rhythmic_complexity": None if syncopation is None else rhythmic_complexity(syncopation, sounding, bars),
    }


def _metric_strengths(strengths: npt.NDArray[np.float64], places: Integers, num_places: int) -> list[float] | None:
    sums = np.bincount(places, weights=strengths, minlength=num_places)
    means = sums / np.maximum(1, np.bincount(places, minlength=num_places))
    loudest = means.max()
    return (means / loudest).tolist() if loudest > 0 else None


def rhythmic_complexity(syncopation: float, sounding: Flags, bars: Integers) -> float:
    """Mean of three parts, each 0-1: off the beat, uneven, and changing.

    - s / (s + 4), with s the syncopation: a half at that of the son clave.
    - Entropy of the intervals between successive onsets, in 16ths, over 3 bits, at most 1: 0 for an even rhythm.
    - Mean over successive bars of the share of their places with onsets that only one of them has (Jaccard
      distance): 0 where every bar is as the one before.
    """
    off_beat = syncopation / (syncopation + _HALF_SYNCOPATION)
    uneven = min(1.0, _entropy_bits(np.diff(np.flatnonzero(sounding))) / _MAX_INTERVAL_BITS)
    return float(np.mean([off_beat, uneven, _change(sounding, bars)]))


def _entropy_bits(values: Integers) -> float:
    shares = np.unique(values, return_counts=True)[1] / max(1, len(values))
    return float(-(shares * np.log2(shares)).sum())


def _change(sounding: Flags, bars: Integers) -> float:
    """Mean Jaccard distance of successive full bars; 0 if there are not two."""
    edges = [0, *np.flatnonzero(np.diff(bars)) + 1, len(bars)]
    rhythms = [sounding[start:stop] for start, stop in pairwise(edges)]
    pairs = [(one, other) for one, other in pairwise(rhythms) if len(one) == len(other)]
    distances = [(one ^ other).sum() / max(1, (one | other).sum()) for one, other in pairs]
    return float(np.mean(distances)) if distances else 0.0
