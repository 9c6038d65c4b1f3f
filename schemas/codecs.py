"""The audio codecs whose tokens muze knows: encoded by ``featurizers.codecs``, decoded by ``training.codecs``."""

from schemas import sine_tokens

NEURAL = ("encodec-32khz", "dac-44khz")
"""By the names of their weights: ``facebook/encodec_32khz`` (4 x 2048 tokens, 50 frames a second) and
``descript/dac_44khz`` (9 x 1024, 86.13)."""
CODECS = (*NEURAL, sine_tokens.CODEC)
