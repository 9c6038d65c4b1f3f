"""What is measured: for each feature its truth, its scorer, and the libraries that are called directly beside it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.scoring import direct, form, harmony, line, pulse, text, voices
from benchmarks.scoring.direct import Load
from benchmarks.scoring.piece import Found, Truth

Score = Callable[[Truth, Found], dict[str, float]]
ScoreAll = Callable[[Sequence[tuple[Truth, Found]]], dict[str, float]]


@dataclass(frozen=True)
class Feature:
    """A feature that can be scored wherever ``truth`` is known and the dataset has ``column`` of ``fragment``."""

    title: str
    truth: str
    fragment: str
    column: str
    score: Score | None = None
    score_all: ScoreAll | None = None
    """For figures that only many files have together."""
    applies: Callable[[Truth], bool] = lambda truth: True  # noqa: ARG005
    """Whether there is anything to score where the truth is known."""
    direct: Mapping[str, Load] = field(default_factory=dict)
    difference: str = ""
    """What muze does otherwise than the direct calls."""


BARS = {"madmom": direct.madmom_bars, "librosa": direct.librosa_beats}
F0 = {"torchcrepe": direct.torchcrepe_f0, "pyin": direct.librosa_pyin}

FEATURES = (
    Feature(
        "Beats",
        "beats_s",
        "rhythm",
        "beats_s",
        pulse.score_beats,
        direct=BARS,
        difference="muze runs madmom's networks through ONNX and its bar model; beats lie between frames, end with the"
        " last that something begins at, and are counted at another level where that is better to tap and the networks"
        " hardly tell them apart.",
    ),
    Feature("Downbeats", "downbeats_s", "rhythm", "downbeats_s", pulse.score_downbeats, direct=BARS),
    Feature("Metre", "time_signature", "rhythm", "time_signature", pulse.score_metre, direct=BARS),
    Feature(
        "Tempo",
        "tempi_bpm",
        "rhythm",
        "tempo_bpm",
        pulse.score_tempo,
        direct=BARS,
        difference="muze lays a line through the beats; of madmom's beats the median interval is taken here.",
    ),
    Feature(
        "Onsets",
        "onsets_s",
        "onsets",
        "onsets",
        pulse.score_onsets,
        direct={"librosa": direct.librosa_onsets},
        difference="muze takes the flux every 6 ms, librosa every 23; muze asks for a share of a strong onset.",
    ),
    Feature(
        "Key",
        "key",
        "harmony",
        "key",
        harmony.score_key,
        direct={"madmom": direct.madmom_key},
        difference="muze weighs madmom's network against the tones and the chords, and corrects for the tuning.",
    ),
    Feature(
        "Chords",
        "chords",
        "harmony",
        "chords",
        harmony.score_chords,
        direct={"madmom": direct.madmom_chords},
        difference="muze corrects what madmom's network hears for the tuning, and lets chords change on beats.",
    ),
    Feature(
        "Tuning",
        "tuning_cents",
        "harmony",
        "tuning_cents",
        harmony.score_tuning,
        direct={"librosa": direct.librosa_tuning},
    ),
    Feature(
        "Sections",
        "sections",
        "structure",
        "sections",
        form.score_sections,
        applies=form.has_form,
        direct={"librosa": direct.librosa_sections},
        difference="muze cuts whole bars by timbre, level and repetition; librosa has to be told how many sections"
        f" ({direct.CLUSTERS}), and does not say which are alike.",
    ),
    Feature(
        "F0",
        "f0",
        "pitch",
        "f0_hz",
        line.score_f0,
        direct=F0,
        difference="muze decodes tiny CREPE without dither, refines F0 on the harmonics, and calls voiced what is"
        " periodic by hysteresis and loud enough, or less periodic where the range of voices stands out of the mix,"
        " with gaps of 30 ms bridged; the threshold of 0.21 keeps most frames. In a mix of which no vocals are"
        " separated, all of them track whatever predominates: recall then comes with false alarms. Written notes"
        " are level, where they are the truth of a recording, and what is sung wavers about them: muze and torchcrepe"
        " follow that, and pyin, whose frames are longer, levels it.",
    ),
    Feature("F0 of many voices", "f0_parts", "pitch", "f0_hz", line.score_parts, direct=F0),
    Feature("Single notes", "note_midi", "pitch", "f0_hz", line.score_note, direct=F0),
    Feature(
        "Vibrato",
        "vibrato",
        "pitch",
        "f0_hz",
        line.score_vibrato,
        difference="None of the libraries finds vibrato.",
    ),
    Feature(
        "Voices",
        "speaker",
        "singer",
        "voice_embedding",
        score_all=voices.score_voices,
        direct={"resemblyzer": direct.resemblyzer_voice},
        difference="muze skips Resemblyzer's speech detector, which rejects singing, and levels loud audio as well as"
        " quiet.",
    ),
    Feature("Words", "words", "lyrics", "words", text.score_words),
    Feature("Phonemes", "phonemes", "phonemes", "phonemes", text.score_phonemes),
)
