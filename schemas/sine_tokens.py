"""What the tokens of the codec of sinusoids mean: the numbers that its encoder and its decoder have to agree on.

Sound as a few partials and noise (Serra and Smith, "Spectral modeling synthesis", 1990), a frame every 20 ms, as neural
codecs have it, so that language models can learn and be tried where nobody has such a codec's weights. It keeps what
notes, chords and the beat are; it is no codec to listen to.
"""

from typing import NamedTuple

CODEC = "sines-16khz"
MODEL_ID = f"{CODEC}@1"
"""Counts up when a token's meaning changes."""
RATE_HZ = 16_000
HOP_SAMPLES = 320
LINES = 4
"""The first codebooks hold a partial each, the strongest first."""
CODEBOOKS = LINES + 1
"""The last holds the noise of ``BANDS``."""
CODEBOOK_SIZE = 2048

PITCHES = 128
PITCHES_AN_OCTAVE = 24
LOWEST_HZ = 55.0
LEVELS = 16
LEVEL_DB = 4.0
"""Token ``pitch * LEVELS + level``: a cosine of ``LOWEST_HZ * 2 ** (pitch / PITCHES_AN_OCTAVE)`` whose amplitude is
``(level - LEVELS + 1) * LEVEL_DB`` dB. Level 0 is nothing, and is token 0 alone."""


class Band(NamedTuple):
    """A band of noise: level 0 is nothing, the loudest has an RMS of ``LOUDEST_NOISE_DB``."""

    low_hz: float
    high_hz: float
    levels: int
    level_db: float


LOUDEST_NOISE_DB = -6.0
BANDS = (Band(30, 400, 8, 6.0), Band(400, 2500, 16, 4.0), Band(2500, 8000, 16, 4.0))
"""Token ``(low * 16 + middle) * 16 + high``, by their levels."""
