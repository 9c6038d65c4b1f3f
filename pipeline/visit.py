"""One track's way through a stage: read, decode, featurize; whatever happens ends in rows or failures."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from featurizers.audio import MIX, Audio, AudioFile, Sound
from featurizers.featurizer import Features, Featurizer, Inputs
from pipeline.decode import decode
from pipeline.discover import SourceFile
from pipeline.items import Task
from pipeline.ledger import StruckOut
from pipeline.objects import discard
from pipeline.printable import printable
from pipeline.reasons import Reason, Refused
from pipeline.source import open_content
from pipeline.tags import read_tags
from pipeline.track_facts import signal_facts
from schemas.fragment import TRACK_ID
from schemas.fragments.tracks import TRACKS

if TYPE_CHECKING:
    from pipeline.stage import Outcome, Stage

T = TypeVar("T")


@dataclass
class Visit:
    """One track's way through the stage."""

    stage: "Stage"
    item_id: str
    task: Task
    struck_out: Mapping[tuple[str, str], StruckOut]
    outcome: "Outcome"
    track_id: str | None
    fragments: frozenset[str]
    """What is still to be computed; narrows once the content is known."""
    seen: SourceFile
    step: str = "read"
    known: dict[str, Mapping[str, Any] | None] = field(default_factory=dict)
    """Fragment -> columns of this track, or None where it failed."""

    def run(self) -> None:
        """Read, decode and featurize. Whatever the file or a featurizer does ends in a row or a failure."""
        sound = self._attempt(TRACKS.name, self._load)
        if sound is not None:
            self.step = "extract"
            if self.track_id is not None:
                self.outcome.decoded[self.task.file.uri] = self.track_id
            for featurizer in self.stage.recipe.featurizers:
                name = featurizer.writes.name
                if name in self.fragments:
                    self.known[name] = self._attempt(name, partial(self._featurize, featurizer, sound))
        row = dataclasses.asdict(self.seen) | {TRACK_ID: self.track_id, "seen_at": datetime.now(UTC)}
        self.outcome.files.append(row)

    def _attempt(self, fragment: str, work: Callable[[], T]) -> T | None:
        """Do one step; None if it failed, which is then in the failures."""
        try:
            return work()
        except Refused as refusal:
            self._fail(fragment, refusal)
        except MemoryError as error:
            self._fail(fragment, Refused(Reason.MEMORY, _sentence(error)))
        except Exception as error:  # noqa: BLE001 - the one place where a file or a featurizer may fail
            self._fail(fragment, Refused(Reason.ERROR, _sentence(error)))
        return None

    def _load(self) -> Sound:
        """Read the file once, and decode it if anything hears it."""
        if self.track_id is not None and not self.stage.hears_mix(self.fragments):
            return self._sound(None)
        self._start(TRACKS.name, None)
        started_s = time.perf_counter()
        with open_content(self.task.file.uri) as content:
            self.seen = dataclasses.replace(content.seen, metadata=self.task.file.metadata)
            self._identify(content.track_id)
            if not self.stage.hears_mix(self.fragments):
                return self._sound(None)
            self.step = "decode"
            self.outcome.num_decodes += 1
            decoded = decode(content.file, printable(self.task.file.uri), self.stage.max_duration_s)
            tags = read_tags(content.file)
        self.step = "extract"
        facts = {"num_bytes": self.seen.num_bytes, **decoded.facts(), **tags, **signal_facts(decoded.audio)}
        self._spend(TRACKS.name, started_s, decoded.audio.duration_s)
        if TRACKS.name in self.fragments:
            self._keep(TRACKS.name, facts)
            self.known[TRACKS.name] = facts
        return self._sound(decoded.audio)

    def _sound(self, mix: Audio | None) -> Sound:
        """The sources of the track: the decoded mix, and what fragments of the recipe point to."""
        pointed_to = {source: partial(self._stored, *where) for source, where in self.stage.recipe.sources.items()}
        return Sound(pointed_to if mix is None else {MIX.source: lambda: mix, **pointed_to})

    def _stored(self, fragment: str, column: str) -> Audio:
        return self.stage.objects.audio(self._read(fragment)[column])

    def _identify(self, track_id: str) -> None:
        if track_id != self.task.track_id:
            self.fragments = self.stage.watch.claim(track_id, self.task.file.uri)
        self.track_id = track_id

    def _featurize(self, featurizer: Featurizer, sound: Sound) -> Features:
        name, recipe = featurizer.writes.name, self.stage.recipe
        columns = {key: value for read in recipe.reads(featurizer) for key, value in self._read(read).items()}
        duration_s = self._read(TRACKS.name)["duration_s"]
        self._start(name, duration_s)
        extract = self.stage.extract(featurizer)
        started_s = time.perf_counter()  # what loading took says nothing of the next track
        inputs = Inputs(sound, columns, self.track_id or "", recipe.source_of(featurizer) or "")
        [features] = extract([inputs])
        if features.keys() != set(featurizer.writes.names):
            odd = sorted(features.keys() ^ set(featurizer.writes.names))
            raise ValueError(f"{type(featurizer).__name__} and its fragment differ in columns {odd}")
        features = self._with_objects(name, features)
        self._spend(name, started_s, duration_s)
        self._keep(name, features)
        return features

    def _with_objects(self, fragment: str, features: Features) -> Features:
        """The features with every audio file taken into the dataset, and its path in its place."""
        files = {column: value for column, value in features.items() if isinstance(value, AudioFile)}
        assert self.track_id is not None
        print_ = self.stage.recipe.fingerprints[fragment]
        try:
            kept = {c: self.stage.objects.keep(file, fragment, print_, self.track_id, c) for c, file in files.items()}
        finally:
            for file in files.values():
                discard(file)
        return features | kept

    def _read(self, fragment: str) -> Mapping[str, Any]:
        """The columns of a fragment for this track, of this visit or of an earlier run."""
        assert self.track_id is not None
        if fragment not in self.known:
            self.known[fragment] = self.stage.read_columns(fragment, self.track_id)
        found = self.known[fragment]
        if found is None:
            raise Refused(Reason.UPSTREAM, f"it reads {fragment}, which failed for this track")
        return found

    def _start(self, fragment: str, duration_s: float | None) -> None:
        """Announce a step, so that its limits hold and a death is laid at its door."""
        uri = self.task.file.uri
        out = self.struck_out.get((uri, fragment))
        if out is not None:
            raise Refused(out.reason, f"{out.reason.meaning}; tried {out.attempts} times", out.attempts)
        self.stage.watch.start(self.item_id, uri, fragment, duration_s)

    def _keep(self, fragment: str, features: Features) -> None:
        self.outcome.rows.setdefault(fragment, []).append({TRACK_ID: self.track_id, **features})

    def _spend(self, fragment: str, started_s: float, duration_s: float) -> None:
        assert self.track_id is not None
        seconds, spent, audio = time.perf_counter() - started_s, self.outcome.seconds, self.outcome.audio_s
        spent[fragment] = spent.get(fragment, 0.0) + seconds
        audio[fragment] = audio.get(fragment, 0.0) + duration_s
        self.outcome.times.spend(self.track_id, fragment, seconds, duration_s)

    def _fail(self, fragment: str, refusal: Refused) -> None:
        if refusal.reason is Reason.CHANGED:  # what was hashed is no longer what is there
            self.track_id, self.seen = self.task.track_id, self.task.file
        if fragment == TRACKS.name and TRACKS.name not in self.fragments:
            for name in self.fragments:  # the track has its row already: what it lacks is what failed
                self._fail(name, refusal)
            return
        self.outcome.failures.append(
            {
                TRACK_ID: self.track_id,
                "uri": self.task.file.uri,
                "fragment": fragment,
                "fingerprint": self.stage.recipe.fingerprints[fragment],
                "stage": self.step,
                "reason": refusal.reason.value,
                "message": str(refusal),
                "attempts": refusal.attempts + self.task.attempts.get(fragment, 0),
                "failed_at": datetime.now(UTC),
            }
        )


def _sentence(error: BaseException) -> str:
    return printable(f"{type(error).__name__}: {error}")[:500]
