"""What is sung, and when."""

import pyarrow as pa

from schemas.fragment import Fragment, column

WORD = pa.struct(
    [
        column("word", pa.string(), doc="The word as written, with its punctuation."),
        column("start_s", pa.float32(), unit="s", doc="Start of the word."),
        column("end_s", pa.float32(), unit="s", doc="End of the word."),
        column("probability", pa.float32(), doc="Mean probability of the word's tokens, 0-1."),
    ]
)

LYRICS = Fragment(
    name="lyrics",
    version=2,
    doc="Transcription of the vocal stem by Whisper, with word times, its language and its sentiment.",
    fields=(
        column("has_vocals", pa.bool_(), doc="Whether somebody sings, by the level of the vocal stem."),
        column("vocal_ratio", pa.float32(), doc="Share of the track's time that is sung, 0-1."),
        column(
            "language",
            pa.string(),
            doc="ISO 639-1 code, or 639-3 where that has none (haw, yue); null without vocals.",
        ),
        column(
            "language_probability",
            pa.float32(),
            doc="Its mean probability over sung time, 0-1; null without vocals or if nobody voted.",
        ),
        column(
            "language_source",
            pa.string(),
            doc="setting (it was forced), tag (the track's language tag) or vote (by ear); null without vocals.",
        ),
        column("text", pa.string(), doc="The words, with a new line after a pause; empty if there are none."),
        column("words", pa.list_(WORD), doc="The words with their times, in order; empty if there are none."),
        column("sentiment", pa.string(), doc="positive, neutral or negative; null without words or if not English."),
        column(
            "sentiment_score",
            pa.float32(),
            doc="VADER's compound score, -1 to 1, mean over lines; null without words or if not English.",
        ),
        column(
            "lyrics_guards",
            pa.list_(pa.string()),
            doc="Guards against invented text that dropped words: no_speech, compression, loop, outside_vocals.",
        ),
        column("lyrics_model", pa.string(), doc="Model id and revision."),
    ),
)
