"""Forms of a piece: which sections it has, how long each is, and how much is going on in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from training.conditions import BY_NAME, CURVE_HOP_S
from training.errors import SettingError
from training.generating.wish import Wish

LEAST_S = 1.0
"""Of a section of a template."""

Form = Sequence[tuple[str, float, float]]
"""Type, share of the piece (they add up to the whole, whatever their sum is), and energy 0-1 of each section."""

TEMPLATES: dict[str, Form] = {
    "verse_chorus": (("verse", 1, 0.45), ("chorus", 1, 0.8)),
    "verse_chorus_verse_chorus": (("verse", 2, 0.4), ("chorus", 2, 0.75), ("verse", 2, 0.5), ("chorus", 2, 0.85)),
    "intro_verse_chorus": (("intro", 1, 0.25), ("verse", 2, 0.45), ("chorus", 2, 0.8)),
    "intro_verse_chorus_outro": (("intro", 1, 0.25), ("verse", 3, 0.45), ("chorus", 3, 0.8), ("outro", 1, 0.2)),
    "verse_chorus_bridge_chorus": (("verse", 3, 0.45), ("chorus", 3, 0.8), ("bridge", 2, 0.4), ("chorus", 3, 0.9)),
    "pop_song": (
        *(("intro", 1, 0.25), ("verse", 3, 0.4), ("chorus", 3, 0.75), ("verse", 3, 0.5), ("chorus", 3, 0.8)),
        *(("bridge", 2, 0.4), ("chorus", 3, 0.9), ("outro", 1, 0.2)),
    ),
    "instrumental": (("intro", 1, 0.25), ("solo", 4, 0.7), ("break", 1, 0.3), ("solo", 4, 0.8), ("outro", 1, 0.2)),
}
"""Form -> its sections. Shares and energies are ours: songs have them about so."""


@dataclass(frozen=True)
class Section:
    """A part of a piece. Without a type it is nothing but a stretch of time."""

    start_s: float
    end_s: float
    type: str | None = None
    position: float | None = None
    """Its middle as a share of the piece, 0-1."""
    energy: float | None = None

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s

    def of(self, wish: Wish) -> Wish:
        """What is asked of this part of a piece: what has times is cut to it, as windows of a pack are cut."""
        known = {"section_type": self.type, "section_position": self.position, "section_energy": self.energy}
        own = {name: value for name, value in known.items() if value is not None}
        cut = {name: self._cut(name, value) for name, value in wish.others.items()}
        if wish.others.get("phonemes") and not cut["phonemes"] and cut.get("has_vocals"):
            cut["has_vocals"] = 0.0  # they are sung in other sections
        return replace(wish, others=cut | own)

    def _cut(self, name: str, value: Any) -> Any:
        kind = BY_NAME[name].kind
        if value is None or kind not in ("curve", "spans", "symbols"):
            return value
        if kind == "curve":
            return value[round(self.start_s / CURVE_HOP_S) :]  # it goes on under the fade, and ``batch_of`` ends it
        if name == "beats":  # where the next one is counts, wherever that is
            return [self._relative(item) for item in value if self.start_s <= item["start_s"] < self.end_s]
        clipped = ({**item, **self._overlap(item)} for item in value)
        return [self._relative(item) for item in clipped if item["start_s"] < item["end_s"]]

    def _overlap(self, item: Mapping[str, Any]) -> dict[str, float]:
        return {"start_s": max(item["start_s"], self.start_s), "end_s": min(item["end_s"], self.end_s)}

    def _relative(self, item: Mapping[str, Any]) -> dict[str, Any]:
        return {**item, "start_s": item["start_s"] - self.start_s, "end_s": item["end_s"] - self.start_s}


def planned(template: str, duration_s: float) -> list[Section]:
    """Share a duration out. SettingError if there is no such template, or no time for all of its sections."""
    if template not in TEMPLATES:
        near = get_close_matches(template, TEMPLATES, n=1, cutoff=0.0)[0]
        raise SettingError(f"there is no template {template!r}, the nearest is {near!r}: {', '.join(TEMPLATES)}")
    form = TEMPLATES[template]
    whole = sum(share for _, share, _ in form)
    least_s = LEAST_S * whole / min(share for _, share, _ in form)
    if duration_s < least_s:
        raise SettingError(f"template {template} needs {least_s:g} s at least, got {duration_s:g}")
    sections, past = [], 0.0
    for kind, share, energy in form:
        start_s, end_s = duration_s * past / whole, duration_s * (past + share) / whole
        sections.append(Section(start_s, end_s, kind, (past + share / 2) / whole, energy))
        past += share
    return sections
