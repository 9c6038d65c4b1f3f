"""Weights that ``muze train`` wrote into the store: no table has them, what is known of them is in its lock."""

from collections.abc import Mapping
from typing import Any

from featurizers.weight import Trained, Weight, WeightFile

PREFIX = "vae-"
"""What their names begin with, and no other's."""


def trained_weight(name: str, entry: Mapping[str, Any] | None) -> Weight:
    """Return what the lock's entry says of a VAE; without one, it is not in the store and has no files."""
    files = entry["files"] if entry else {}
    return Weight(
        name=name,
        origin=Trained(entry["revision"] if entry else "unknown"),
        files=tuple(WeightFile(path, files[path]["size_bytes"], files[path]["sha256"]) for path in sorted(files)),
        fragments=("latents",),
        source="muze train",
        licence="as its music",
        commercial_use=None,
        licence_note="Trained by muze train: what may be done with it follows from the music that it was trained on.",
        commands=("generate", "evaluate"),
    )


def remedy(name: str) -> str:
    """What to do about a weight that is not in the store, to end a sentence with."""
    if name.startswith(PREFIX):
        return "'muze train' writes it there, and 'muze models pull --from' takes it from a bundle"
    return f"get it with 'muze models pull {name}'"
