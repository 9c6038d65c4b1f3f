"""Audio files that a piece is to be like, or to go on from."""

import hashlib
from pathlib import Path

from featurizers.audio import Audio
from pipeline.decode import decode
from pipeline.reasons import Refused
from pipeline.search import MAX_DURATION_S
from pipeline.source import open_content
from training.errors import SettingError


def read(path: str, option: str) -> Audio:
    """Decode a file. SettingError, naming the option, if it holds no audio that can be read."""
    try:
        with open_content(path) as content:
            return decode(content.file, path, MAX_DURATION_S).audio
    except Refused as refusal:
        raise SettingError(f"{option} {path!r}: {refusal}") from refusal


def is_file(path: str) -> bool:
    """Whether a text names a file that is there."""
    return Path(path).is_file()


def sha256(path: str) -> str:
    """Of the bytes of a file."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
