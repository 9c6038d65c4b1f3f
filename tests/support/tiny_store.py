"""A weights store of tiny models, randomly initialised, each in the files of the real one."""

from collections.abc import Callable
from pathlib import Path

from featurizers.weights import weight_of
from featurizers.weights_store import Store
from tiny_beat_this import write_beat_this
from tiny_clap import write_clap
from tiny_codec import write_codec
from tiny_demucs import write_htdemucs
from tiny_ecapa import write_ecapa
from tiny_vae import NAME, write_vae
from tiny_wav2vec2 import write_wav2vec2
from tiny_whisper import write_whisper

BUILDERS: dict[str, Callable[[Path], None]] = {
    "htdemucs": write_htdemucs,
    "ecapa-voxceleb": write_ecapa,
    "whisper-large-v3-turbo": write_whisper,
    "wav2vec2-base-960h": write_wav2vec2,
    "beat-this-final0": write_beat_this,
    "encodec-32khz": write_codec,
    NAME: write_vae,
}


def write_store(root: Path) -> Store:
    """Fill a store with a VAE and what the recipe ``training`` loads, under the file names that muze pulls."""
    store = Store(root)
    for name, write in BUILDERS.items():
        write(store.path(name))
    for name in (*BUILDERS, *write_clap(root)):
        files = {path.name for path in store.path(name).iterdir()}
        assert {file.path for file in weight_of(name).files} <= files, name
        store.record(name, "tiny")
    return store
