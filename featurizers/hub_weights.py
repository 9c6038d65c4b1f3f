"""Weights that have to be pulled once, pinned to a revision."""

from featurizers.clap_weights import CLAP_WEIGHTS
from featurizers.codec_weights import CODEC_WEIGHTS
from featurizers.rhythm_weights import RHYTHM_WEIGHTS
from featurizers.training_weights import TRAINING_WEIGHTS
from featurizers.voice_weights import VOICE_WEIGHTS
from featurizers.whisper_weights import WHISPER_WEIGHTS

HUB_WEIGHTS = (
    *VOICE_WEIGHTS,
    *WHISPER_WEIGHTS,
    *CLAP_WEIGHTS,
    *RHYTHM_WEIGHTS,
    *CODEC_WEIGHTS,
    *TRAINING_WEIGHTS,
)
