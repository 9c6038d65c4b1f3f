"""Runs of a few steps of every kind of model, with their packs and weights, all as muze writes them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import tiny_codec
from featurizers.weights import model_id
from featurizers.weights_store import Store
from schemas.mel_specs import MEL_SPECS
from tiny_codec import write_codec
from tiny_pack import columns_of, payload_columns, tiny_pack
from training.checkpoint import Checkpoints
from training.export_encoder import Statistics, export_encoder
from training.fit import fitted
from training.loop import Loop
from training.models.discriminator import JudgedVae
from training.pack import Pack
from training.run_folder import Run
from training.stream import Stream
from training.vae import VaeTask
from training.workers import Workers

VAE = VaeTask("32k", latent_dim=8, channels=(4, 4, 8, 8))
ENCODER = "vae-songs"
CODEC = "encodec-32khz"
TOKENS_A_S = tiny_codec.RATE_HZ / 20
WINDOW_S = 1.28
FEW = (
    *("looping.steps=3", "looping.batch_windows=4", "looping.micro_windows=4", "looping.validate_every=3"),
    *("looping.save_every=3", "optimizing.ema_decay=0", "optimizing.learning_rate=1e-2"),
)


def write_weights(root: Path) -> Store:
    """A store with a codec, and with a VAE as ``muze train`` exports it."""
    store = Store(root)
    write_codec(store.path(CODEC))
    torch.manual_seed(0)
    module = VAE.build()
    assert isinstance(module, JudgedVae)
    export_encoder(module.eval(), VAE, store.path(ENCODER), Statistics(mean=-5.0, std=2.5, latent_std=0.4))
    for name in (CODEC, ENCODER):
        store.record(name, "tiny")
    return store


def take_weights(store: Store, source: Store, *names: str) -> None:
    """Copy weights into a store."""
    for name in names:
        shutil.copytree(source.path(name), store.path(name))
        store.record(name, "tiny")


def columns(task: str, number: int) -> Mapping[str, Mapping[str, Any]]:
    """A track of 12 s whose payload is of the weights in the store of this process."""
    duration_s, random = 12.0, np.random.default_rng(number)
    known = dict(columns_of("vae", number, duration_s))
    del known["mel"]
    known["singer"] = {"voice_embedding": _unit(256, number % 4)}
    known["tracks"] = {**known["tracks"], "artist": f"Artist {number % 4}"}
    if task == "vae":
        mel = np.clip(random.normal(size=(1, 128, round(duration_s * 100))) * 2 - 5, -11, 3)
        return known | payload_columns("vae", mel.astype("<f2"))
    if task == "ldm":
        latents = random.normal(size=(8, 16, round(duration_s * 12.5))).astype("<f2")
        row = {"latents": latents.tobytes(), "latents_shape": list(latents.shape), "latents_rate_hz": 12.5}
        return known | {"latents": row | {"latents_encoder": model_id(ENCODER)}}
    tokens = random.integers(0, tiny_codec.CODEBOOK_SIZE, (4, round(duration_s * TOKENS_A_S))).astype("<u2")
    facts = {"tokens_rate_hz": TOKENS_A_S, "codebook_size": tiny_codec.CODEBOOK_SIZE}
    row = {"tokens": tokens.tobytes(), "tokens_shape": list(tokens.shape), "codec_tokens_model": model_id(CODEC)}
    return known | {"codec_tokens": row | facts}


def _unit(size: int, number: int) -> np.ndarray:
    vector = np.random.default_rng(number).normal(size=size)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def pack_of(folder: Path, task: str) -> Path:
    """A pack of windows of 1.28 s, or for codec-lm, whose tiny codec has 400 frames a second, of 0.32 s."""
    window_s = WINDOW_S / 4 if task == "codec-lm" else WINDOW_S
    return tiny_pack(folder, task, num_tracks=12, columns=columns, window_s=window_s, hop_s=2.0)


def trained_run(folder: Path, training: str, pack: Path, *settings: str) -> Path:
    """Train a preset on a pack in this process, as ``muze train`` does, and return the folder of the run."""
    data = Stream([Pack.open(str(pack))])
    run = Run(folder, training, (*FEW, *settings), (str(pack),), None, data.packs[0].payload, data.statistics)
    run.write()
    assert run.payload is not None
    Loop(fitted(run.preset, run.payload), data, Checkpoints(run.checkpoints, 1), None, Workers()).run()
    return folder


@dataclass(frozen=True)
class TinyRuns:
    """Folders of runs, and the store with the weights that they were trained on."""

    store: Store
    vae: Path
    ldm: Path
    prefix: Path
    """A codec language model without an audio prompt."""
    cross: Path
    """One with an audio prompt of 0.1 s."""


def tiny_runs(folder: Path, store: Store) -> TinyRuns:
    """Train one of each. The store has to be that of this process."""
    packs = {task: pack_of(folder / task, task) for task in ("vae", "ldm", "codec-lm")}
    small = ("task.layers=1", "task.width=64")
    cross = (*small, "task.architecture=cross", "task.prompt_s=0.1")
    assert json.loads((packs["vae"] / "pack.json").read_text())["payload"]["spec"] == MEL_SPECS["32k"].to_dict()
    return TinyRuns(
        store,
        trained_run(folder / "runs" / "vae", "vae-tiny", packs["vae"], "task.mel=32k", "task.channels=[4,4,8,8]"),
        trained_run(folder / "runs" / "ldm", "ldm-tiny", packs["ldm"]),
        trained_run(folder / "runs" / "prefix", "codec-lm-tiny", packs["codec-lm"], *small),
        trained_run(folder / "runs" / "cross", "codec-lm-tiny", packs["codec-lm"], *cross),
    )
