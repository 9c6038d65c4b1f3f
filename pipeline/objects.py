"""Audio objects of a dataset: FLAC files that a fragment's columns point to, written once and never changed."""

import io
import shutil
from dataclasses import dataclass
from typing import Any

import numpy as np

from featurizers.audio import Audio, AudioFile
from pipeline.storage import Storage

FOLDER = "audio"


@dataclass(frozen=True)
class Objects:
    """The objects of one dataset. Their paths are relative to it, so that it can be moved."""

    storage: Storage

    def keep(self, file: AudioFile, fragment: str, fingerprint: str, track_id: str, column: str) -> str:
        """Take a file that a featurizer wrote into the dataset and return its path there.

        An object of that path stays as it is: the rows that name it were measured on it.
        """
        path = f"{fragment}/{FOLDER}/{fingerprint}/{track_id}/{column.removesuffix('_uri')}.flac"
        self.storage.put_file_if_absent(path, file.path)
        return path

    def audio(self, path: str) -> Audio:
        """Decode an object. FileNotFoundError if it is gone."""
        import soundfile

        source: Any = self.storage.uri(path) if self.storage.local else io.BytesIO(self.storage.read(path))
        samples, rate_hz = soundfile.read(source, dtype="float32", always_2d=True)
        return Audio(np.ascontiguousarray(samples.T), rate_hz)


def discard(file: AudioFile) -> None:
    """Remove what a featurizer wrote, and its temporary folder once that is empty."""
    file.path.unlink(missing_ok=True)
    if not any(file.path.parent.iterdir()):
        shutil.rmtree(file.path.parent, ignore_errors=True)
