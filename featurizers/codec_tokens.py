"""The mix as tokens of an audio codec, which language models of music train on."""

from dataclasses import dataclass

from featurizers.audio import View
from featurizers.codecs import Encoder, load_encoder
from featurizers.featurizer import Extract, Features, Featurizer, Inputs
from schemas.codecs import CODECS, NEURAL
from schemas.fragments.codec_tokens import CODEC_TOKENS


@dataclass(frozen=True)
class CodecTokens(Featurizer):
    """Tokens of ``codec``: EnCodec at 32 kHz with four codebooks of 2048 (Copet et al., "MusicGen", 2023) by default,
    DAC with nine of 1024, or the codec of sinusoids, which needs no weights.
    """

    codec: str = "encodec-32khz"
    writes = CODEC_TOKENS

    def __post_init__(self) -> None:
        if self.codec not in CODECS:
            raise ValueError(f"codec is {self.codec!r}, expected one of {', '.join(CODECS)}: choose one of them")

    @property
    def weights(self) -> tuple[str, ...]:  # type: ignore[override]  # which ones is a setting
        """Those of the codec, if it has any."""
        return (self.codec,) if self.codec in NEURAL else ()

    @property
    def cost(self) -> float:  # type: ignore[override]  # a network takes longer
        """Of the codec."""
        return 0.15 if self.codec in NEURAL else 0.01

    @property
    def gpu_share(self) -> float:  # type: ignore[override]  # only a network needs one
        """Of the codec."""
        return 0.1 if self.codec in NEURAL else 0.0

    def load(self) -> Extract:
        encoder = load_encoder(self.codec)
        return lambda batch: [_features(inputs, encoder) for inputs in batch]


def _features(inputs: Inputs, encoder: Encoder) -> Features:
    samples = inputs.audio(View("mix", encoder.rate_hz, 1)).samples[0]
    known = dict.fromkeys(CODEC_TOKENS.names) | {"codec_tokens_model": encoder.identity}
    if len(samples) < encoder.hop_samples:
        return known
    tokens = encoder.encode(samples)
    return known | {
        "tokens": tokens.astype("<u2").tobytes(),
        "tokens_shape": list(tokens.shape),
        "tokens_rate_hz": encoder.rate_hz / encoder.hop_samples,
        "codebook_size": encoder.codebook_size,
    }
