"""From a finished training of a VAE to a weight in the store, with which builds make latents, and models sound."""

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from featurizers.device import device
from featurizers.trained_weights import PREFIX
from featurizers.weights_store import Store, store, store_location
from pipeline.errors import BadArgumentError
from training.errors import SettingError, TrainingFailedError
from training.pack import Pack
from training.run_folder import Run, begun
from training.vae import VaeTask

if TYPE_CHECKING:
    from torch import Tensor

    from training.export_encoder import Statistics
    from training.trained import Trained

MEASURED_WINDOWS = 64
"""Of the train split, from which the deviation of the latents is taken: five minutes of music, of as many tracks."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Delivery:
    """Where the VAE of a run goes."""

    run: Run
    store: Store
    name: str
    """Of the weight."""

    def deliver(self) -> None:
        """Write the best checkpoint into the store, whole or not at all. What is there already is left alone.

        Raises TrainingFailedError if that cannot be done; the run is as it was, and can be resumed to try again.
        """
        from training.trained import Trained

        try:
            trained = Trained.open(self.run.folder, device())
            self.store.root.mkdir(parents=True, exist_ok=True)
            with FileLock(self.store.root / f".{self.name}.busy"):
                self._deliver(trained)
        except (SettingError, BadArgumentError, OSError) as error:
            raise TrainingFailedError(f"the run is trained, but weight {self.name} was not written: {error}") from error

    def _deliver(self, trained: "Trained") -> None:
        from training.export_encoder import export_encoder

        refuse_another(self.store, self.name, self.run)
        revision = f"{self.run.identity}-{trained.checkpoint.name}"
        if _revision(self.store, self.name) == revision and not self.store.problems(self.name):
            return
        module: Any = trained.module
        task: Any = trained.task
        with TemporaryDirectory(dir=self.store.root, prefix=f".{self.name}-") as scratch:
            export_encoder(module, task, Path(scratch) / "new", _statistics(trained))
            if self.store.path(self.name).exists():
                self.store.path(self.name).rename(Path(scratch) / "former")
            (Path(scratch) / "new").rename(self.store.path(self.name))
        self.store.record(self.name, revision)


def delivery_of(run: Run, asked: str | None) -> Delivery | None:
    """Where the VAE of a run that has not begun yet will go; None for a run that trains something else.

    ``asked`` is the name that was asked for; by default it is that of the run's folder. Raises BadArgumentError if the
    name cannot be, or the store cannot take it.
    """
    if not isinstance(run.preset.task, VaeTask):
        if asked is not None:
            raise BadArgumentError(f"--encoder-name is for trainings of a VAE, not for {run.training}: leave it out")
        return None
    name = asked if asked is not None else run.folder.name
    if not _NAME.fullmatch(name):
        raise BadArgumentError(f"the VAE cannot be named {name!r}: give letters, digits, ., _ and - as --encoder-name")
    if "://" in store_location():
        raise BadArgumentError(f"the VAE cannot be written to {store_location()}: name a folder with --weights")
    weight = name if name.startswith(PREFIX) else PREFIX + name
    refuse_another(store(), weight, begun(run))
    return Delivery(run, store(), weight)


def refuse_another(target: Store, name: str, run: Run) -> None:
    """Raise BadArgumentError if a store has a weight of this name that is of another run."""
    found = _revision(target, name)
    if found is not None and found.partition("-")[0] != run.identity:
        raise BadArgumentError(
            f"the store {target.root} has a weight {name} of another run already: choose another --encoder-name"
        )


def _revision(target: Store, name: str) -> str | None:
    entry = target.locked().get(name)
    return entry["revision"] if entry else None


def _statistics(trained: "Trained") -> "Statistics":
    """What the export normalises by. Raises SettingError if the packs are not there any more."""
    from training.export_encoder import Statistics, latent_std

    module: Any = trained.module
    assert trained.statistics is not None  # log-mels have them
    std = latent_std(module.vae, _train_mels(trained))
    return Statistics(trained.statistics.mean, trained.statistics.std, std)


def _train_mels(trained: "Trained") -> "Iterator[Tensor]":
    """Yield windows ``(1, audio_channels, bins, frames)``, normalised: the same of the same packs."""
    from training.stream import Stream

    packs = [Pack.open(place) for place in trained.run.packs]
    count = min(MEASURED_WINDOWS, sum(pack.windows("train") for pack in packs))
    with closing(Stream(packs, conditions=()).batches("train", 0, 1, 1)) as batches:  # type: ignore[type-var]
        for [batch] in islice(batches, count):
            yield batch.payload.to(trained.device)
