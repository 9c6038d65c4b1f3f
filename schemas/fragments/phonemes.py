"""What is pronounced, and when."""

import pyarrow as pa

from schemas.fragment import Fragment, column

PHONEME = pa.struct(
    [
        column("phoneme", pa.string(), doc="IPA symbol, with the stress mark that precedes it."),
        column("start_s", pa.float32(), unit="s", doc="Start of the span."),
        column("end_s", pa.float32(), unit="s", doc="End of the span."),
    ]
)

PHONEMES = Fragment(
    name="phonemes",
    version=1,
    doc="The lyrics in IPA with times; all null or empty where nothing is pronounced.",
    fields=(
        column(
            "phonemes_ipa",
            pa.string(),
            doc="Words of the lyrics in IPA with stress, separated by spaces; a number is one word.",
        ),
        column(
            "phonemes",
            pa.list_(PHONEME),
            doc="Every phoneme in order, without overlaps, within the span from the first word to the last.",
        ),
        column(
            "alignment",
            pa.string(),
            doc="ctc: times by forced alignment of the letters, save in phrases where that is impossible; shared: each"
            " word's time shared out, a vowel getting twice as much as a consonant.",
        ),
        column("phonemizer", pa.string(), doc="What gave the IPA: gruut or espeak-ng."),
        column("phonemes_model", pa.string(), doc="Model id and revision of the aligner; null where times are shared."),
    ),
)
