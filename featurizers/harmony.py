"""Key, chords, chroma and tuning: by madmom's networks with templates as a second opinion, or by templates alone."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from featurizers.audio import MIX_44K_MONO
from featurizers.featurizer import Extract, Features, Featurizer, Inputs
from featurizers.harmony_agreement import chord_agreement, key_agreement
from featurizers.harmony_estimates import by_networks, by_templates
from featurizers.key_profiles import KEYS, Doubles, probabilities, profile_correlations
from featurizers.madmom_harmony import HarmonyNetworks
from featurizers.madmom_spectrogram import is_audible
from featurizers.note_chroma import NoteListener
from featurizers.weights import model_id
from schemas.fragments.harmony import HARMONY

Method = Literal["madmom", "templates"]
MODEL_FREE = "note-templates"

_COSTS = {"madmom": 0.012, "templates": 0.004}
_KEY_FRAMES = 14  # madmom's network needs more; templates say nothing of less either


@dataclass(frozen=True)
class Harmony(Featurizer):
    """Key and chords by ``method``, on the beats of fragment rhythm where the recipe has it.

    ``madmom``: convolutional networks (Korzeniowski and Widmer), which must not be used commercially; its key is
    weighed against tones and chords. ``templates``: triads in the chroma of notes, and profiles; no weights.
    Raises ValueError for settings that cannot be.
    """

    method: Method = "madmom"
    writes = HARMONY
    prefers = ("rhythm",)

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            expected = ", ".join(get_args(Method))
            raise ValueError(f"method is {self.method!r}, expected one of {expected}: choose one of them")

    @property
    def weights(self) -> tuple[str, ...]:  # type: ignore[override]  # depends on a setting
        """What the networks load; nothing for templates."""
        return ("madmom-key", "madmom-chords", "madmom-chroma") if self.method == "madmom" else ()

    @property
    def cost(self) -> float:  # type: ignore[override]  # depends on a setting
        """CPU seconds a second of audio."""
        return _COSTS[self.method]

    def load(self) -> Extract:
        hear = _Hearing(HarmonyNetworks() if self.method == "madmom" else None)
        model = model_id(*self.weights) or MODEL_FREE
        return lambda batch: [{**hear(inputs), "harmony_model": model} for inputs in batch]


@dataclass(frozen=True)
class _Hearing:
    """The columns of a track, the model's excepted, by networks if there are any, else by templates."""

    networks: HarmonyNetworks | None
    listen: NoteListener = field(default_factory=NoteListener)

    def __call__(self, inputs: Inputs) -> Features:
        audio = inputs.audio(MIX_44K_MONO)
        if not is_audible(audio.samples[0]):
            return _silence()
        known_s = inputs.columns.get("beats_s")
        beats_s = () if known_s is None else known_s
        notes = self.listen(audio.samples[0])
        plain = chosen = by_templates(notes, audio.duration_s, beats_s)
        if self.networks is not None:
            heard = self.networks(audio.samples[0], notes.tuning_cents or 0)
            chosen = by_networks(heard, audio.duration_s, beats_s)
        other_key = profile_correlations(plain.chroma) if chosen is plain else plain.key_log_odds
        has_key = len(notes.treble) > _KEY_FRAMES
        return {
            **(_key_columns(chosen.key_log_odds, other_key) if has_key else _no_key()),
            "chords": [chord._asdict() for chord in chosen.chords],
            "chord_agreement": None if chosen is plain else chord_agreement(chosen.chords, plain.chords),
            "tuning_cents": notes.tuning_cents,
            "chroma_mean": chosen.chroma.tolist(),
        }


def _key_columns(log_odds: Doubles, other_log_odds: Doubles) -> Features:
    chances = probabilities(log_odds)
    ranked = [int(index) for index in (-chances).argsort(kind="stable")]
    return {
        "key": KEYS[ranked[0]],
        "key_index": ranked[0],
        "key_confidence": float(chances[ranked[0]]),
        "keys": [{"key": KEYS[index], "key_index": index, "probability": float(chances[index])} for index in ranked],
        "key_agreement": key_agreement(ranked[0], int(other_log_odds.argmax())),
    }


def _no_key() -> Features:
    return {"key": None, "key_index": None, "key_confidence": None, "keys": [], "key_agreement": None}


def _silence() -> Features:
    return {**_no_key(), "chords": [], "chord_agreement": None, "tuning_cents": None, "chroma_mean": None}
