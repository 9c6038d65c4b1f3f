"""Folders that could not be listed: failures as long as that lasts, which every build that looks there says anew."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from pipeline.discover import Discovery
from pipeline.plan import State
from pipeline.reasons import Reason
from schemas.fragments.tracks import TRACKS

_MESSAGE = "the folder could not be listed; what is in it is not in the dataset"
_OVER = "the folder could be listed again, or is gone"


def folder_failures(discovery: Discovery, state: State, fingerprint: str, at: datetime) -> Iterator[dict[str, Any]]:
    """Rows of failures of the folders that could not be listed, and an end, 0 attempts, to those that are over."""
    for uri in discovery.unreadable:
        yield {
            "uri": uri,
            "track_id": None,
            "fragment": TRACKS.name,
            "fingerprint": fingerprint,
            "stage": "read",
            "reason": Reason.UNREADABLE.value,
            "message": _MESSAGE,
            "attempts": 1,
            "failed_at": at,
        }
    is_covered = discovery.covers()
    for failure in state.failures:
        is_folder = failure["track_id"] is None and failure["uri"] not in state.files
        if is_folder and failure["uri"] not in discovery.unreadable and is_covered(failure["uri"]):
            yield failure | {"message": _OVER, "attempts": 0, "failed_at": at}
