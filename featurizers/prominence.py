"""When something in the range of voices stands out of the rest of a track.

In a mix the periodicity of a network that listens for one pitch falls with all that sounds beside the melody, and says
little of whether there is one. A melody is louder where voices are loud, though, than what is left when it rests: as
Salamon and Gómez ("Melody extraction from polyphonic music signals using pitch contour characteristics", IEEE Trans.
ASLP 2012) voice what is salient for the track that it is in, so a level between the two is looked for here (Otsu, "A
threshold selection method from gray-level histograms", IEEE Trans. SMC 1979).
"""

import numpy as np
import numpy.typing as npt

from featurizers.crepe import RATE_HZ

Floats = npt.NDArray[np.float32]

BAND_HZ = (300.0, 3500.0)  # formants; bass and kick drum are below, cymbals above
MIN_CONTRAST_DB = 6.0  # between the mean levels: a chord that lasts, or noise, has less
_RANGE_DB = 30.0  # below the loud frames: what is softer are pauses of everything
_LOUD_PERCENTILE = 95.0
_ORDER = 2
_BLOCK_SAMPLES = 60 * RATE_HZ  # filtered at a time, in double precision


def voice_band(samples: Floats) -> Floats:
    """``(samples,)`` at 16 kHz without what lies outside 300 to 3500 Hz, a millisecond late."""
    from scipy.signal import butter, sosfilt

    sections = butter(_ORDER, BAND_HZ, "bandpass", fs=RATE_HZ, output="sos")
    state = np.zeros((len(sections), 2))
    filtered = np.empty_like(samples)
    for start in range(0, len(samples), _BLOCK_SAMPLES):
        block = slice(start, start + _BLOCK_SAMPLES)
        filtered[block], state = sosfilt(sections, samples[block], zi=state)
    return filtered


def prominence_db(level_db: Floats) -> Floats:
    """How far each level of ``(frames,)`` is above that which best parts loud frames from soft; -inf if none does."""
    in_range = np.sort(level_db[level_db > np.percentile(level_db, _LOUD_PERCENTILE) - _RANGE_DB].astype(np.float64))
    if len(in_range) < 2:
        return np.full_like(level_db, -np.inf)
    sums = in_range.cumsum()
    num_soft = np.arange(1, len(in_range))
    num_loud = len(in_range) - num_soft
    contrast_db = (sums[-1] - sums[:-1]) / num_loud - sums[:-1] / num_soft
    best = int((num_soft * num_loud * contrast_db**2).argmax())
    if contrast_db[best] < MIN_CONTRAST_DB:
        return np.full_like(level_db, -np.inf)
    prominence: Floats = level_db - np.float32((in_range[best] + in_range[best + 1]) / 2)
    return prominence
