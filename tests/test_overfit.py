"""Models that have seen nothing but one song give back its tempo and its key, and untrained ones do not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from featurizers.audio import Audio, Sound
from featurizers.featurizer import Inputs
from featurizers.latents import Latents
from featurizers.mel import Mel
from featurizers.weights_store import LOCATION, Store
from jobs.evaluating.adherence import Heard, load_ears
from jobs.generating.renderer import renderer_of
from jobs.vae_delivery import Delivery
from one_song import BAR_S, KEY_INDEX, NUM_BARS, TEMPO_BPM, song, song_pack
from tiny_runs import trained_run
from training.evaluating.losses import split_losses
from training.generating.generate import How, Wish, generate
from training.models.discriminator import JudgedVae
from training.pack import Pack
from training.run_folder import Run
from training.stream import Stream
from training.trained import Trained

pytestmark = pytest.mark.soak

ENCODER = "vae-song"
VAE_SETTINGS = (
    *("task.mel=32k", "task.channels=[8,16,32,32]", "task.beta=1e-5", "task.beta_windows=0"),
    *("looping.steps=220", "looping.batch_windows=1", "looping.micro_windows=1", "optimizing.learning_rate=8e-3"),
)
LDM_SETTINGS = (
    *("looping.steps=600", "looping.batch_windows=2", "looping.micro_windows=2", "optimizing.learning_rate=4e-3"),
)
ALIKE = (
    "optimizing.weight_decay=0",
    "optimizing.ema_decay=0.9",
    "looping.validate_every=1000",
    "looping.save_every=1000",
)

Ears = Callable[[Audio], Heard]


@dataclass(frozen=True)
class Overfitted:
    """A run of one song, opened."""

    trained: Trained
    pack: Pack

    @property
    def control(self) -> Trained:
        """The same model, untrained."""
        torch.manual_seed(1)
        return replace(self.trained, module=self.trained.task.build().requires_grad_(False).eval())

    def loss(self, trained: Trained, name: str) -> float:
        """What ``muze evaluate`` says."""
        return split_losses(trained, self.pack, "train").means[name]


def overfitted(folder: Path, training: str, pack: Path, *settings: str) -> Overfitted:
    return Overfitted(Trained.open(trained_run(folder, training, pack, *ALIKE, *settings)), Pack.open(str(pack)))


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """The same sums on any number of cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def vae(tmp_path_factory: pytest.TempPathFactory) -> Overfitted:
    folder = tmp_path_factory.mktemp("vae")
    mel = Mel("32k").load()([Inputs(Sound.of(mix=song()))])[0]
    return overfitted(folder / "run", "vae-tiny", song_pack(folder, "vae", NUM_BARS, {"mel": mel}), *VAE_SETTINGS)


@pytest.fixture(scope="module")
def ldm(vae: Overfitted, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Overfitted]:
    """Trained on a bar's latents of that VAE, which is in the store of this process as long as this is.

    Bars are alike, and the VAE has seen no window that begins elsewhere.
    """
    folder = tmp_path_factory.mktemp("ldm")
    store = Store(folder / "store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LOCATION, str(store.root))
        Delivery(Run.read(vae.trained.run.folder), store, ENCODER).deliver()
        latents = Latents(ENCODER).load()([Inputs(Sound.of(mix=song(1)))])[0]
        pack = song_pack(folder, "ldm", 1, {"latents": latents})
        yield overfitted(folder / "run", "ldm-tiny", pack, *LDM_SETTINGS)


@pytest.fixture(scope="module")
def ears() -> Ears:
    return load_ears()


def is_the_song(heard: Heard) -> bool:
    return heard.key_index == KEY_INDEX and heard.tempo_bpm == pytest.approx(TEMPO_BPM, rel=0.02)


def reconstructed(trained: Trained, pack: Pack) -> Audio:
    """The bars of the song, through the VAE and Griffin-Lim."""
    assert isinstance(trained.module, JudgedVae)
    assert trained.statistics is not None
    [batch] = next(Stream([pack], conditions=()).batches("train", 0, NUM_BARS, NUM_BARS))
    mel = trained.statistics.restored(trained.module.vae(torch.cat([*batch.payload], dim=2)[None])[0])
    renderer = renderer_of(trained)
    return Audio(renderer(mel)[0].numpy(), renderer.rate_hz)


def composed(trained: Trained) -> Audio:
    """As many bars as the song has, each drawn from other noise, through the decoder in the store and Griffin-Lim."""
    renderer = renderer_of(trained)
    bars = generate(trained, [Wish()] * NUM_BARS, BAR_S, How(steps=30, guidance=1.0), renderer)
    return Audio(np.concatenate(bars, axis=1), renderer.rate_hz)


def test_the_song_is_heard_as_what_it_is(ears: Ears) -> None:
    assert is_the_song(ears(song()))


def test_a_vae_gives_back_tempo_and_key_of_its_song(vae: Overfitted, ears: Ears) -> None:
    assert vae.loss(vae.trained, "reconstruction") < vae.loss(vae.control, "reconstruction") / 5
    assert is_the_song(ears(reconstructed(vae.trained, vae.pack)))
    assert not is_the_song(ears(reconstructed(vae.control, vae.pack)))


def test_latent_diffusion_makes_tempo_and_key_of_its_song(ldm: Overfitted, ears: Ears) -> None:
    assert ldm.loss(ldm.trained, "error") < ldm.loss(ldm.control, "error") / 8
    assert is_the_song(ears(composed(ldm.trained)))
    assert not is_the_song(ears(composed(ldm.control)))
