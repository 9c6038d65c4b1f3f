"""Train a model on packs.

TRAINING is a named preset:

  VAEs                   vae-44k, vae-tiny, and of published sizes vae-8, vae-32, vae-64, vae-128, vae-heavy
  latent diffusion       ldm, ldm-tiny, and of published sizes ldm-256, ldm-320, ldm-512, ldm-768
  diffusion transformer  dit-s, dit-b, dit-l, dit-tiny
  codec language models  codec-lm-a, codec-lm-b, codec-lm-tiny

``--set`` changes one of its settings. A run that was killed goes on where it was with
``--resume``, on any number of workers. Before it starts it says how large the model is and what its state needs.

At the end of a training of a VAE its best checkpoint becomes a weight in the store, vae-NAME: a recipe that names it
makes latents with it, on which ldm trains.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from featurizers.weights_store import store_location
from jobs.extras import require
from jobs.generating.renderer import training_renderer_of
from jobs.trained_runs import text_encoder_of
from jobs.vae_delivery import delivery_of
from jobs.weights import use_store
from pipeline.errors import BadArgumentError
from pipeline.splits import normalised_artist
from pipeline.uris import local_folder, local_path
from training.config import Preset
from training.errors import SettingError
from training.fit import fitted
from training.pack import Pack, check_splits
from training.presets import preset_of
from training.ray_train import Crew, Shown, train
from training.run_folder import Run, begin, begun, packs_of

if TYPE_CHECKING:
    from training.stream import Stream

EXAMPLE = "muze train vae-tiny --data packs/songs --out runs/vae --set looping.steps=200"
_WORKER_MEMORY_GIB = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("training", metavar="TRAINING", help="name of a preset, see above")
    parser.add_argument("--data", action="append", metavar="PACK", help="a pack; repeat to join several")
    parser.add_argument("--out", metavar="RUN", help="folder of the run")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a setting, such as looping.steps=1000"
    )
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="worker processes (default: 1)")
    parser.add_argument("--gpus", action="store_true", help="a GPU for each worker")
    parser.add_argument("--address", metavar="A", help="a Ray cluster to join (default: a private one)")
    parser.add_argument("--resume", action="store_true", help="go on with the run that is in RUN, if there is one")
    parser.add_argument("--init-from", metavar="RUN", help="begin with the best weights of another run of this model")
    parser.add_argument("--encoder-name", metavar="NAME", help="of a VAE's weight (default: that of RUN's folder)")
    parser.add_argument(
        "--weights", metavar="DIR", help="weights store (default: $MUZE_WEIGHTS, else the user's cache)"
    )
    parser.add_argument("--wandb", metavar="PROJECT", help="log to a project of W&B, too: needs the extra wandb")
    parser.add_argument("--dry-run", action="store_true", help="say what it needs, and stop; no data is needed")
    parser.add_argument("--json", action="store_true", help="print one JSON document on stdout")


def run(args: argparse.Namespace) -> int:
    require("torch", "train", "it")
    try:
        preset = preset_of(args.training, args.set)
        if args.dry_run:
            needs = _needs(preset)
            print(json.dumps(needs) if args.json else _in_words(needs))
            return 0
        data = _data(args)
        payload = data.packs[0].payload
        wanted = _wanted(args, data)
        known, crew = begun(wanted), Crew(args.workers, args.gpus)
        if args.gpus and not args.address:
            _require_gpus_here(args.workers)
        fitted(known.preset, payload)  # what was set when it began need not be said again
        use_store(args.weights)
        delivery = delivery_of(wanted, args.encoder_name)
        text_encoder = text_encoder_of(known.preset.task)
        _require_startable(known, crew, known is wanted)
        started = _begun(wanted, args)
        needs = _needs(fitted(started.preset, payload))
    except SettingError as error:
        raise BadArgumentError(str(error)) from error
    print(_in_words(needs), file=sys.stderr)
    use_store(store_location())  # by its name, for workers look for what decodes there
    from pipeline.ray_session import ray_session

    with ray_session(args.address, _WORKER_MEMORY_GIB):
        figures = train(started, crew, Shown(training_renderer_of, args.wandb), text_encoder)
    document = {"run": str(started.folder), **needs, "figures": figures}
    if delivery is not None:
        replace(delivery, run=started).deliver()
        print(f"the VAE is weight {delivery.name} of the store {delivery.store.root}", file=sys.stderr)
        document["encoder"] = delivery.name
    print(json.dumps(document) if args.json else started.folder)
    return 0


def _needs(preset: Preset) -> dict[str, Any]:
    from training.estimate import estimate  # imports torch

    return estimate(preset)


def _data(args: argparse.Namespace) -> "Stream":
    """The packs. Raises SettingError or BadArgumentError if they cannot be trained on."""
    if not args.data or not args.out:
        raise BadArgumentError("--data PACK and --out RUN are needed to train: add them, or --dry-run")
    if args.workers < 1:
        raise BadArgumentError(f"--workers is {args.workers}: expected 1 or more")
    if args.wandb:
        require("wandb", "wandb", "--wandb")
    from training.stream import Stream  # imports torch

    packs = [Pack.open(place) for place in packs_of(args.data)]
    check_splits(packs, normalised_artist)
    return Stream(packs)


def _wanted(args: argparse.Namespace, data: "Stream") -> Run:
    """The run that was asked for. Raises SettingError if there is nothing to begin it from."""
    best = _best(args.init_from)
    folder, packs = local_folder(args.out, "--out").absolute(), packs_of(args.data)
    contents = tuple(pack.contents for pack in data.packs)
    return Run(folder, args.training, tuple(args.set), packs, best, data.packs[0].payload, data.statistics, contents)


def _best(run: str | None) -> str | None:
    """The best checkpoint of another run."""
    if run is None:
        return None
    from training.checkpoint import Checkpoints

    best = Checkpoints(Run.read(local_path(run, "--init-from")).checkpoints, 1).best()
    if best is None:
        raise SettingError(f"the run in {run!r} has no checkpoint yet: train it longer, or leave out --init-from")
    return str(best.absolute())


def _begun(wanted: Run, args: argparse.Namespace) -> Run:
    try:
        return begin(wanted, args.resume)
    except OSError as error:
        raise BadArgumentError(f"cannot write --out {args.out!r}: {error.strerror or error}") from error


def _require_gpus_here(wanted: int) -> None:
    """Raise SettingError where workers would wait for ever for GPUs that this machine has not."""
    import torch

    if (here := torch.cuda.device_count()) < wanted:
        raise SettingError(
            f"--gpus wants {wanted} of them and this machine has {here}: leave it out, or give --address of a cluster"
        )


def _require_startable(run: Run, crew: Crew, is_new: bool) -> None:
    """Raise SettingError for what every worker would find out only when it has started."""
    from training.workers import Workers  # imports torch

    Workers(size=crew.workers).require_shares(run.preset.looping.batch_windows)
    if is_new and run.init_from is not None:
        from training.init_from import require_same_model  # imports torch

        assert run.payload is not None
        require_same_model(fitted(run.preset, run.payload), Path(run.init_from))


def _in_words(needs: dict[str, Any]) -> str:
    parts = ", ".join(f"{name} {count / 1e6:,.1f} M" for name, count in needs["parameters_by_part"].items())
    return (
        f"{needs['parameters'] / 1e6:,.1f} M parameters ({parts}); weights, gradients, moments and average take"
        f" {needs['state_gib']:.2f} GiB; {needs['steps']} steps"
    )
