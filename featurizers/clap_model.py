"""LAION's CLAP network with its weights from the store.

Wu, Chen, Zhang, Hui, Berg-Kirkpatrick and Dubnov, "Large-scale contrastive language-audio pretraining with feature
fusion and keyword-to-caption augmentation" (ICASSP 2023).

``import laion_clap`` fetches three tokenizers from a hub and puts its own folder on ``sys.path``, where top-level
packages ``training`` and ``evaluate`` lie. The network itself is in its sub-package ``clap_module``, which needs
neither: only that one is imported here.

A weight folder holds LAION's checkpoint and, for one of another size than LAION's, a ``model_config.json`` in the form
of those in ``clap_module/model_configs``, in which ``htsat`` may give ``embed_dim``, ``depths`` and ``num_heads``.
"""

import json
import os
import sys
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from featurizers.device import device
from featurizers.numba_cache import kept_numba_cache
from featurizers.weights_store import WeightsError, weight_folder

Floats = npt.NDArray[np.float32]
Model = Literal["music-audioset", "music-speech-audioset", "630k-audioset"]
AudioTower = Callable[[Floats], Floats]
TextTower = Callable[[Sequence[str]], Floats]

CHECKPOINTS: dict[Model, tuple[str, str]] = {
    "music-audioset": ("music_audioset_epoch_15_esc_90.14.pt", "HTSAT-base"),
    "music-speech-audioset": ("music_speech_audioset_epoch_15_esc_89.98.pt", "HTSAT-base"),
    "630k-audioset": ("630k-audioset-best.pt", "HTSAT-tiny"),
}
"""Model -> its checkpoint file and the name of its audio tower."""
ROBERTA = "roberta-base"
MAX_TOKENS = 77


def weight_names(model: Model) -> tuple[str, str]:
    """The weights that a model needs: its checkpoint, and the tokenizer and size of its text tower."""
    return f"clap-{model}", ROBERTA


def load_audio_tower(model: Model, texts: Sequence[str]) -> tuple[AudioTower, Floats]:
    """Return what embeds mono windows ``(windows, 480000)`` at 48 kHz as unit vectors ``(windows, 512)``, and texts.

    These are rows ``(texts, 512)``: their products with a unit vector are the logits of the texts for that audio, the
    cosines times the scale that the network learnt. The text tower is gone then, two thirds of the weights.
    """
    clap = _load(model)
    embeddings = _text_tower(clap)(texts)
    logit_rows: Floats = np.float32(clap.logit_scale_a.exp().item()) * embeddings
    del clap.text_branch, clap.text_projection, clap.text_transform
    return _audio_tower(clap), logit_rows


def load_text_tower(model: Model) -> TextTower:
    """Return what embeds texts, of which it reads 77 tokens, as unit vectors ``(texts, 512)``.

    Raises WeightsError if the tokenizer is not the one that the checkpoint was trained with.
    """
    clap = _load(model)
    del clap.audio_branch, clap.audio_projection, clap.audio_transform
    return _text_tower(clap)


def _audio_tower(clap: Any) -> AudioTower:
    import torch

    def embed(windows: Floats) -> Floats:
        with torch.inference_mode():
            embeddings: Floats = (
                clap.get_audio_embedding([{"waveform": torch.from_numpy(w)} for w in windows]).cpu().numpy()
            )
        return embeddings

    clap.to(device())
    return embed


def _text_tower(clap: Any) -> TextTower:
    import torch

    tokenizer = _load_tokenizer()

    def embed(texts: Sequence[str]) -> Floats:
        tokens = tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
        )
        with torch.inference_mode():
            embeddings: Floats = clap.get_text_embedding(tokens).cpu().numpy()
        return embeddings

    clap.to(device())
    return embed


def read_state(path: Path) -> dict[str, Any]:
    """Return the network's tensors in a checkpoint of LAION's, under the names that the network gives them.

    Nothing but tensors, containers and numbers is unpickled. What only training needs is not read from the disk.
    """
    import torch

    with torch.serialization.safe_globals(_numpy_scalars()):
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    state = checkpoint.get("state_dict", checkpoint)
    state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    state.pop("text_branch.embeddings.position_ids", None)  # a constant that older transformers saved
    return state


def _stay_offline() -> None:
    os.environ["HF_HUB_OFFLINE"] = os.environ["TRANSFORMERS_OFFLINE"] = "1"


def _numpy_scalars() -> list[Any]:
    """What a checkpoint needs to hold numpy numbers, such as a best score, in the words of numpy 1 and 2."""
    scalar = np._core.multiarray.scalar  # type: ignore[attr-defined]  # private, and what pickles name
    return [scalar, (scalar, "numpy.core.multiarray.scalar"), np.dtype, *map(type, map(np.dtype, ("f4", "f8", "i8")))]


def _load(model: Model) -> Any:
    _stay_offline()
    file, audio_tower = CHECKPOINTS[model]
    folder = weight_folder(f"clap-{model}")
    clap = build(folder, audio_tower, weight_folder(ROBERTA))
    clap.load_state_dict(read_state(folder / file))
    return clap.eval()


def build(folder: Path, audio_tower: str, roberta_folder: Path) -> Any:
    """Return the untrained network in the size that its folder or else the name of its audio tower says.

    The folder of RoBERTa says how large the text tower is.
    """
    from transformers import RobertaConfig, RobertaModel

    network = _import_network()
    own = folder / "model_config.json"
    named = Path(str(network.__file__)).parent / "model_configs" / f"{audio_tower}.json"
    config = json.loads((own if own.is_file() else named).read_text())
    config["text_cfg"]["model_type"] = "roberta"
    htsat = config.pop("htsat", None)
    roberta = RobertaModel(RobertaConfig.from_pretrained(roberta_folder))
    # CLAP builds its towers through these names: the one from a hub, the other in three sizes only.
    parts: dict[str, Any] = {"RobertaModel": SimpleNamespace(from_pretrained=lambda _: roberta)}
    if htsat:
        parts["create_htsat_model"] = lambda audio, *_: _htsat(audio, **htsat)
    with _replaced(network, **parts), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.meshgrid", UserWarning)  # it leaves the indexing to the default
        return network.CLAP(**config)


def _htsat(audio: Any, **size: Any) -> Any:
    """LAION's audio tower in a size of one's own; the rest as in its three sizes."""
    tower = import_module("clap_module.htsat").HTSAT_Swin_Transformer
    return tower(patch_stride=(4, 4), num_classes=audio.class_num, config=audio, **size)


def _import_network() -> ModuleType:
    """Import ``clap_module.model`` from laion_clap's folder, without laion_clap and without ``sys.path``."""
    package = find_spec("laion_clap")  # does not import it
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("laion-clap is not installed: pip install 'muze[clap]'")
    with kept_numba_cache():  # pann_model sends what numba compiles to /tmp, where all processes would share it
        if "clap_module" not in sys.modules:
            spec = PathFinder.find_spec("clap_module", list(package.submodule_search_locations))
            if spec is None or spec.loader is None:
                raise ModuleNotFoundError("this laion-clap has no clap_module: muze needs 1.1.7")
            sys.modules["clap_module"] = module_from_spec(spec)
            spec.loader.exec_module(sys.modules["clap_module"])
        return import_module("clap_module.model")


@contextmanager
def _replaced(module: ModuleType, **names: Any) -> Iterator[None]:
    original = {name: getattr(module, name) for name in names}
    vars(module).update(names)
    try:
        yield
    finally:
        vars(module).update(original)


def _load_tokenizer() -> Any:
    from transformers import RobertaConfig, RobertaTokenizer

    folder = weight_folder(ROBERTA)
    tokenizer = RobertaTokenizer.from_pretrained(folder, local_files_only=True)
    num_tokens = RobertaConfig.from_pretrained(folder).vocab_size  # the checkpoint's too, or it would not load
    if len(tokenizer) != num_tokens:  # where its files are missing, transformers makes one of 5 tokens
        raise WeightsError(
            f"weight {ROBERTA}: its tokenizer has {len(tokenizer)} tokens, its configuration {num_tokens};"
            " see 'muze models verify'"
        )
    return tokenizer
