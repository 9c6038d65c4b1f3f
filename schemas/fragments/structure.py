"""The form of a track: its sections."""

import pyarrow as pa

from schemas.fragment import Fragment, column

SECTION = pa.struct(
    [
        column(
            "start_s",
            pa.float32(),
            unit="s",
            doc="Start of the section: that of the track, or a downbeat; without any, of a block of about 2 s.",
        ),
        column("end_s", pa.float32(), unit="s", doc="End of the section: the start of the next, or that of the track."),
        column("type", pa.string(), doc="intro, verse, chorus, bridge, solo, break, outro or silence."),
        column("cluster", pa.int16(), doc="Sections that sound alike have the same number, by first appearance."),
        column("energy", pa.float32(), doc="0-1, by the loudness of the section as level's energy is by the track's."),
        column("has_vocals", pa.bool_(), doc="Whether a quarter of it is sung, by the vocal stem; null without stems."),
        column("lyrics", pa.string(), doc="Words that begin in it, empty if none do; null without lyrics."),
        column("confidence", pa.float32(), doc="0-1, how much the rule can know; an order, not a frequency."),
        column("rule", pa.string(), doc="The rule that gave the type, in words."),
    ]
)

STRUCTURE = Fragment(
    name="structure",
    version=1,
    doc=(
        "Sections by timbre, level and repetition; one where nothing changes, none below 1 s or if nothing is audible."
    ),
    fields=(column("sections", pa.list_(SECTION), doc="Sections in order, without gaps, over the whole track."),),
)
