"""How long work will take: from earlier runs, else from the featurizers' own estimates."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pipeline.dataset import Dataset
from pipeline.discover import SourceFile
from pipeline.errors import BadArgumentError
from pipeline.recipe import Recipe
from schemas.fragments.tracks import TRACKS

_DECODE_COST = 0.01
_TRACK_COST_S = 0.02  # opening, hashing, announcing
_LOSSLESS_BYTES_A_S = {"wav": 176_400, "aif": 176_400, "aiff": 176_400, "flac": 100_000}
_LOSSY_BYTES_A_S = 24_000


@dataclass(frozen=True)
class Costs:
    """Estimated CPU seconds of tasks."""

    seconds_a_s: Mapping[str, float]
    """Fragment -> CPU seconds a second of audio."""
    durations_s: Mapping[str, float]
    """Track -> duration, where known."""
    object_bytes_a_s: Mapping[str, float] = field(default_factory=dict)
    """Fragment -> bytes of audio objects a second of audio."""

    @classmethod
    def of(cls, dataset: Dataset, recipe: Recipe) -> "Costs":
        measured: dict[str, float] = {}
        for run in dataset.runs():
            audio_s = dict(run["audio_s"] or [])
            measured |= {name: s / audio_s[name] for name, s in (run["seconds"] or []) if audio_s.get(name)}
        estimates = {f.writes.name: f.cost for f in recipe.featurizers} | {TRACKS.name: _DECODE_COST}
        seconds_a_s = {name: measured.get(name, estimate) for name, estimate in estimates.items()}
        return cls(seconds_a_s, _durations(dataset), {f.writes.name: f.object_bytes_a_s for f in recipe.featurizers})

    def compute_s(self, file: SourceFile, track_id: str | None, fragments: Iterable[str]) -> float:
        """CPU seconds that these fragments of a track take."""
        rates = sum(self.seconds_a_s[name] for name in {TRACKS.name, *fragments})
        return _TRACK_COST_S + self._duration_s(file, track_id) * rates

    def object_bytes(self, file: SourceFile, track_id: str | None, fragments: Iterable[str]) -> float:
        """Bytes of the audio objects that these fragments of a track write."""
        rates = sum(self.object_bytes_a_s.get(name, 0.0) for name in fragments)
        return self._duration_s(file, track_id) * rates

    def _duration_s(self, file: SourceFile, track_id: str | None) -> float:
        return self.durations_s.get(track_id or "", self.duration_of_file(file))

    @staticmethod
    def duration_of_file(file: SourceFile) -> float:
        """A guess from the size and the suffix, good enough for grouping."""
        suffix = file.uri.rpartition(".")[2].lower()
        return file.num_bytes / _LOSSLESS_BYTES_A_S.get(suffix, _LOSSY_BYTES_A_S)


def _durations(dataset: Dataset) -> dict[str, float]:
    try:
        rows = dataset.table(TRACKS.name, ["duration_s"])
    except BadArgumentError:
        return {}
    found = zip(rows["track_id"].to_pylist(), rows["duration_s"].to_pylist(), strict=True)
    return {
        track_id: duration_s for track_id, duration_s in found if duration_s is not None
    }  # imported ones may lack it


def readable_duration(seconds: float) -> str:
    """Seconds as a person would say them: 42 s, 3 min 20 s, 5 h 12 min."""
    minutes, rest_s = divmod(round(seconds), 60)
    if minutes == 0:
        return f"{rest_s} s"
    if minutes < 60:
        return f"{minutes} min {rest_s} s"
    return f"{minutes // 60} h {minutes % 60} min"
