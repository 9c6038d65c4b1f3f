"""Which fingerprint readers see: a new one takes over when it covers every track that the old one covers."""

from collections.abc import Mapping

from pipeline.accounts import standing_failures
from pipeline.dataset import Dataset


def promotable(dataset: Dataset, fingerprints: Mapping[str, str]) -> dict[str, str]:
    """The fragments, of these, whose new fingerprint covers by rows or failures what the current one covers."""
    current = dataset.current()
    moved = {name: new for name, new in fingerprints.items() if current.get(name, new) != new}
    return {
        name: new
        for name, new in moved.items()
        if _covered(dataset, name, current[name]) <= _covered(dataset, name, new)
    }


def _covered(dataset: Dataset, fragment: str, fingerprint: str) -> set[str]:
    failures = standing_failures(dataset, {fragment: fingerprint})
    return dataset.track_ids(fragment, fingerprint) | {f["track_id"] for f in failures if f["track_id"]}
