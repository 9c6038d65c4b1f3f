"""How long work will take: from earlier runs, else from the featurizers' own estimates."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

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

    @classmethod
    def of(cls, dataset: Dataset, recipe: Recipe) -> "Costs":
        measured: dict[str, float] = {}
        for run in dataset.runs():
            audio_s = dict(run["audio_s"] or [])
            measured |= {name: s / audio_s[name] for name, s in (run["seconds"] or []) if audio_s.get(name)}
        estimates = {f.writes.name: f.cost for f in recipe.featurizers} | {TRACKS.name: _DECODE_COST}
        return cls({name: measured.get(name, estimate) for name, estimate in estimates.items()}, _durations(dataset))

    def of_track(self, track_id: str, file: SourceFile, fragments: Iterable[str]) -> float:
        duration_s = self.durations_s.get(track_id, self.duration_of_file(file))
        return self._cost(duration_s, fragments)

    def of_file(self, file: SourceFile, fragments: Iterable[str]) -> float:
        return self._cost(self.duration_of_file(file), fragments)

    def _cost(self, duration_s: float, fragments: Iterable[str]) -> float:
        rates = sum(self.seconds_a_s[name] for name in {TRACKS.name, *fragments})
        return _TRACK_COST_S + duration_s * rates

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
    return dict(zip(rows["track_id"].to_pylist(), rows["duration_s"].to_pylist(), strict=True))


def readable_duration(seconds: float) -> str:
    """Seconds as a person would say them: 42 s, 3 min 20 s, 5 h 12 min."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest_s = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest_s} s"
    return f"{minutes // 60} h {minutes % 60} min"
