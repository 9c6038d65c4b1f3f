"""What a section is in the form of a song, by stated rules over repetition, energy, vocals and lyrics.

Textbook knowledge of popular form (Covach, "Form in rock music", 2005): the chorus is the most energetic part that
comes back, with the same words; the verse comes back with other words; a bridge comes once, late. The numbers below
are choices, and confidences an order of how much each rule can know, not fitted frequencies. What nobody measured is
None and decides nothing.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import combinations
from statistics import fmean, median
from typing import NamedTuple

SAME_WORDS = 0.5
"""Share of words that two sections have in common, in order, from which they have the same lyrics."""
CLEARLY = 1 / 35
"""Of the energy, which is 1 LU."""
MUCH = 4 / 35
_EDGE_SHARE = 0.25  # intros and outros are no longer than that, of the track
_LATE_SHARE = 0.4  # of the track; bridges begin after it
_SHORT_SHARE = 0.4  # of the median section


@dataclass(frozen=True)
class Part:
    """A section as far as it is measured. ``energy`` is 0-1; None is what is not known."""

    start_s: float
    end_s: float
    cluster: int
    energy: float | None
    has_vocals: bool | None = None
    lyrics: str | None = None
    is_silent: bool = False

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s

    @property
    def loudness(self) -> float:
        return self.energy or 0.0


class Verdict(NamedTuple):
    """A type, how sure it is (0-1), and the rule that gave it."""

    type: str
    confidence: float
    rule: str


SILENCE = Verdict("silence", 1.0, "nothing is audible")
ALONE = Verdict("verse", 0.1, "the only section: nothing to compare it with")


def section_types(parts: Sequence[Part]) -> list[Verdict]:
    """Return the verdict on every part of a track; parts are in order and fill the track."""
    audible = [part for part in parts if not part.is_silent]
    song = _Song.of(audible)
    verdicts = iter([song.verdict(index) for index in range(len(audible))])
    return [SILENCE if part.is_silent else next(verdicts) for part in parts]


@dataclass(frozen=True)
class _Song:
    """The audible parts of a track, and which of them are the chorus."""

    parts: Sequence[Part]
    repeated: frozenset[int]
    """Clusters with more than one part."""
    choruses: frozenset[int]
    """Indices of the parts that are the chorus."""
    chorus_verdict: Verdict

    @classmethod
    def of(cls, parts: Sequence[Part]) -> "_Song":
        clusters = defaultdict(list)
        for index, part in enumerate(parts):
            clusters[part.cluster].append(index)
        repeated = {cluster: where for cluster, where in clusters.items() if len(where) > 1}
        choruses, verdict = _find_chorus(parts, repeated)
        return cls(parts, frozenset(repeated), choruses, verdict)

    def verdict(self, index: int) -> Verdict:
        """The first rule that applies."""
        if len(self.parts) == 1:
            return ALONE
        rules = (self._edge, self._chorus, self._break, self._solo, self._repeated, self._bridge)
        return next(filter(None, (rule(index) for rule in rules)), self._verse(index))

    def _edge(self, index: int) -> Verdict | None:
        part = self.parts[index]
        if index not in (0, len(self.parts) - 1) or part.duration_s > _EDGE_SHARE * self._duration_s:
            return None
        type_, where = ("intro", "first") if index == 0 else ("outro", "last")
        if self._is_instrumental(part):
            return Verdict(type_, 0.9, f"{where}, nobody sings, elsewhere somebody does")
        if index in self.choruses or part.has_vocals:
            return None
        if part.cluster not in self.repeated and self._is_quiet(index):
            return Verdict(type_, 0.7, f"{where}, quieter than what is beside it or the chorus, does not come back")
        return Verdict(type_, 0.5, f"{where}, much quieter than most") if self._is_soft(part) else None

    def _chorus(self, index: int) -> Verdict | None:
        return self.chorus_verdict if index in self.choruses else None

    def _break(self, index: int) -> Verdict | None:
        part = self.parts[index]
        short = part.duration_s <= _SHORT_SHARE * median(other.duration_s for other in self.parts)
        if part.has_vocals or not (short or part.cluster in self.repeated):
            return None
        if not self._is_much_quieter_than_both(index):
            return None
        return Verdict("break", 0.5, "much quieter than before and after, short or heard elsewhere")

    def _solo(self, index: int) -> Verdict | None:
        part = self.parts[index]
        if not self._is_instrumental(part):
            return None
        if part.loudness > median(other.loudness for other in self.parts if other.has_vocals) - MUCH:
            return Verdict("solo", 0.6, "nobody sings, as energetic as what is sung")
        return Verdict("break", 0.5, "heard elsewhere, nobody sings") if part.cluster in self.repeated else None

    def _repeated(self, index: int) -> Verdict | None:
        part = self.parts[index]
        if part.cluster not in self.repeated:
            return None
        if _words_in_common(self._of_cluster(part.cluster)) is not None:
            return Verdict("verse", 0.7, "comes back, with other words or less energy than the chorus")
        return Verdict("verse", 0.5, "comes back, less energetic than the chorus")

    def _bridge(self, index: int) -> Verdict | None:
        if not self._may_be_bridge(index):
            return None
        if sum(map(self._may_be_bridge, range(len(self.parts)))) > 1:
            return Verdict("bridge", 0.3, "comes once, late, after a chorus, as other parts do")
        return Verdict("bridge", 0.6 if self.repeated else 0.4, "the only one that comes once, late, after a chorus")

    def _may_be_bridge(self, index: int) -> bool:
        part, is_last = self.parts[index], index == len(self.parts) - 1
        late = part.start_s - self.parts[0].start_s >= _LATE_SHARE * self._duration_s
        after_chorus = any(chorus < index for chorus in self.choruses)
        return (
            late and after_chorus and not is_last and index not in self.choruses and part.cluster not in self.repeated
        )

    def _verse(self, index: int) -> Verdict:
        if any(chorus > index for chorus in self.choruses):
            return Verdict("verse", 0.4, "comes once, before a chorus")
        if index == len(self.parts) - 1:
            return Verdict("outro", 0.3, "last, does not come back")
        return Verdict("verse", 0.2, "no other rule applies")

    @property
    def _duration_s(self) -> float:
        return self.parts[-1].end_s - self.parts[0].start_s

    def _is_instrumental(self, part: Part) -> bool:
        """Whether nobody sings in it, in a song in which somebody does."""
        return part.has_vocals is False and any(other.has_vocals for other in self.parts)

    def _of_cluster(self, cluster: int) -> list[Part]:
        return [part for part in self.parts if part.cluster == cluster]

    def _is_quiet(self, index: int) -> bool:
        """Whether a first part is clearly below the next, a last part below that before it, or much below a chorus."""
        loudness = self.parts[index].loudness
        neighbour = self.parts[1 if index == 0 else index - 1]
        choruses = [self.parts[chorus].loudness for chorus in self.choruses if index > 0]
        return loudness < max(neighbour.loudness - CLEARLY, min(choruses, default=0.0) - MUCH)

    def _is_soft(self, part: Part) -> bool:
        return part.loudness < median(other.loudness for other in self.parts) - MUCH

    def _is_much_quieter_than_both(self, index: int) -> bool:
        if index in (0, len(self.parts) - 1):
            return False
        beside = min(self.parts[index - 1].loudness, self.parts[index + 1].loudness)
        return self.parts[index].loudness < beside - MUCH


def _find_chorus(parts: Sequence[Part], repeated: dict[int, list[int]]) -> tuple[frozenset[int], Verdict]:
    """Indices of the chorus and why they are. It is sung wherever that is known and anybody sings."""
    sung = {index for index, part in enumerate(parts) if part.has_vocals}
    vocal = {c: [i for i in where if i in sung] if sung else where for c, where in repeated.items()}
    vocal = {cluster: where for cluster, where in vocal.items() if len(where) > 1}
    same = {c: where for c, where in vocal.items() if (_words_in_common([parts[i] for i in where]) or 0) >= SAME_WORDS}
    if same:
        return _loudest(parts, same), Verdict("chorus", 0.9, "comes back with the same words, the most energetic such")
    if vocal:
        sure = 0.7 if sung else 0.5
        rule = "the most energetic that comes back and is sung" if sung else "the most energetic that comes back"
        return _loudest(parts, vocal), Verdict("chorus", sure, rule)
    return _peak(parts, sung)


def _loudest(parts: Sequence[Part], clusters: dict[int, list[int]]) -> frozenset[int]:
    """The most energetic cluster; of those as good as equal the one with most parts, then the one that begins last."""
    energy = {cluster: fmean(parts[index].loudness for index in where) for cluster, where in clusters.items()}
    least = max(energy.values()) - CLEARLY
    _, _, best = max((len(where), where[0], where) for cluster, where in clusters.items() if energy[cluster] >= least)
    return frozenset(best)


def _peak(parts: Sequence[Part], sung: set[int]) -> tuple[frozenset[int], Verdict]:
    """Where nothing comes back: the one part after the first that is clearly the most energetic, if any is."""
    verdict = Verdict("chorus", 0.4, "nothing comes back; the most energetic")
    candidates = [index for index in range(1, len(parts)) if index in sung or not sung]
    if not candidates:
        return frozenset(), verdict
    peak = max(candidates, key=lambda index: parts[index].loudness)
    others = [part.loudness for index, part in enumerate(parts) if index != peak]
    return frozenset({peak} if parts[peak].loudness > max(others) + CLEARLY else ()), verdict


def _words_in_common(parts: Sequence[Part]) -> float | None:
    """Mean share of the words that two of the parts have in common, in order; None without any to compare."""
    texts = [part.lyrics.casefold().split() for part in parts if part.lyrics]
    pairs = list(combinations(texts, 2))
    return fmean(SequenceMatcher(None, *pair, autojunk=False).ratio() for pair in pairs) if pairs else None
