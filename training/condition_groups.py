"""Which conditions latent diffusion takes, and how wide each group of them is when they are fused."""

GROUPS: dict[str, tuple[int, tuple[str, ...]]] = {
    "section": (128, ("section_type",)),
    "position": (128, ("section_position",)),
    "energy": (64, ("section_energy",)),
    "tempo": (64, ("tempo_bpm",)),
    "key": (64, ("key_index",)),
    "text": (512, ("prompt",)),
    "loudness": (64, ("loudness_lufs",)),
    "has_vocals": (32, ("has_vocals",)),
    "sentiment": (64, ("sentiment", "sentiment_score")),
    "genre": (64, ("genre",)),
    "artist": (64, ("artist",)),
    "clap": (128, ("clap_audio", "clap_text")),
    "beat": (64, ("num_beats", "beats", "time_signature")),
    "chord": (64, ("current_chord",)),
    "phoneme": (128, ("phonemes",)),
    "pitch": (64, ("f0_hz", "f0_coarse_hz", "voiced")),
    "vibrato": (64, ("vibrato_rate_hz", "vibrato_depth_cents", "vibrato_extent")),
    "breath": (32, ("breaths",)),
    "phoneme_times": (64, ("phonemes_s",)),
}
"""Group -> its width and its conditions, whose encodings are added. The first eleven are the published base of 1248,
the others the 608 that were optional; together they go through one MLP."""

SPANS_OF = {"phonemes_s": "phonemes"}
"""What has no presence of its own: a window has the times of its phonemes if it has the phonemes."""

VOICES = ("voice", "ecapa")
"""What is attended to beside the text."""

CONDITIONS = (*(name for _, names in GROUPS.values() for name in names if name not in SPANS_OF), *VOICES)
"""The 26 inputs of the published table, the score of the sentiment, and the coarse F0."""
