"""AudioVAE and its training: sizes, the layout of diffusers, losses, and that it learns."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from still_mels import StillMels, still_mels
from training.batch import Batch
from training.checkpoint import Checkpoints
from training.config import Preset, changed
from training.draws import Draws
from training.errors import SettingError
from training.loop import Loop
from training.models.discriminator import JudgedVae, taken_for_real_loss, told_apart_loss
from training.models.vae import Attention, AudioVAE, Posterior, ResBlock, Shape, num_parameters
from training.parallel import prepared
from training.spectral_loss import spectral_loss
from training.vae import VaeTask
from training.vae_presets import PRESETS
from training.workers import Workers

SMALL = Shape(8, (16, 16, 32, 32))


def small_task(**settings: object) -> VaeTask:
    return VaeTask("32k", latent_dim=8, channels=SMALL.channels, **settings)  # type: ignore[arg-type]


def built(task: VaeTask, seed: int = 0) -> JudgedVae:
    torch.manual_seed(seed)
    module = task.build()
    assert isinstance(module, JudgedVae)
    return module


def losses_of(task: VaeTask, module: nn.Module, batch: Batch, turn: int = 0) -> dict[str, Tensor]:
    return task.turns()[turn].losses(module, batch, Draws(0, batch.positions))


@pytest.mark.parametrize(
    ("name", "published_millions", "parameters"),
    [
        ("vae-8", 55, 55_910_313),
        ("vae-32", 56, 56_247_009),
        ("vae-64", 125, 126_856_865),
        ("vae-128", 224, 226_713_345),
        ("vae-heavy", 889, 899_316_609),
    ],
)
def test_published_sizes(name: str, published_millions: float, parameters: int) -> None:
    with torch.device("meta"):
        module = PRESETS[name]().task.build()
    assert num_parameters(module) == parameters
    assert parameters == pytest.approx(published_millions * 1e6, rel=0.03)


@pytest.mark.parametrize("name", ["vae-tiny", "vae-44k"])
def test_the_work_of_a_window_is_counted(name: str) -> None:
    task = PRESETS[name]().task
    assert isinstance(task, VaeTask)
    with torch.device("meta"):
        module = task.build()
    # A parameter of a convolution is used once a place, of which there are never more than values in the mel.
    at_most = 4 * 2 * num_parameters(module) * task.spec.num_bins * task.window_frames
    assert at_most / 100 < task.flops_a_window() < at_most


def take_over(ours: nn.Module, theirs: nn.Module) -> None:
    """Copy the weights of a part of diffusers' model into that of ours."""
    if isinstance(ours, ResBlock):
        names = {"first_norm": "norm1", "first": "conv1", "second_norm": "norm2", "second": "conv2"}
        if not isinstance(ours.skip, nn.Identity):
            names["skip"] = "conv_shortcut"
        for mine, its in names.items():
            ours.get_submodule(mine).load_state_dict(theirs.get_submodule(its).state_dict())
    elif isinstance(ours, Attention):
        ours.norm.load_state_dict(theirs.group_norm.state_dict())
        ours.out.load_state_dict(theirs.to_out[0].state_dict())
        for name, parameter in ours.query_key_value.named_parameters():
            parts = [getattr(part, name) for part in (theirs.to_q, theirs.to_k, theirs.to_v)]
            parameter.data = torch.cat(parts).detach().clone()
    else:
        ours.load_state_dict(theirs.state_dict())


def in_order(half: nn.Module, levels: nn.ModuleList, resizers: str) -> list[nn.Module]:
    """The parts of diffusers' encoder or decoder in the order of ours, from its first convolution to its last."""
    middle = [half.mid_block.resnets[0], half.mid_block.attentions[0], half.mid_block.resnets[1]]
    within = [part for level in levels for part in (*level.resnets, *(getattr(level, resizers) or ()))]
    ends = [half.conv_norm_out, half.conv_out]
    return (
        [half.conv_in, *within, *middle, *ends]
        if resizers == "downsamplers"
        else [half.conv_in, *middle, *within, *ends]
    )


@pytest.mark.parametrize("audio_channels", [1, 2])
def test_outputs_are_those_of_diffusers_with_the_same_weights(audio_channels: int) -> None:
    from diffusers import AutoencoderKL

    channels = (64, 64, 96, 128)
    torch.manual_seed(0)
    theirs = AutoencoderKL(
        in_channels=audio_channels,
        out_channels=audio_channels,
        latent_channels=8,
        block_out_channels=channels,
        layers_per_block=2,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
    ).eval()
    ours = AudioVAE(Shape(8, channels, audio_channels))
    encoder = [*in_order(theirs.encoder, theirs.encoder.down_blocks, "downsamplers"), theirs.quant_conv]
    decoder = [theirs.post_quant_conv, *in_order(theirs.decoder, theirs.decoder.up_blocks, "upsamplers")]
    for half, parts in ((ours.encoder.layers, encoder), (ours.decoder, decoder)):
        for mine, its in zip([part for part in half if not isinstance(part, nn.SiLU)], parts, strict=True):
            take_over(mine, its)
    assert num_parameters(ours) == num_parameters(theirs)
    mel = torch.randn(2, audio_channels, 32, 24)
    with torch.no_grad():
        expected = theirs.encode(mel).latent_dist
        found, posterior = ours(mel)
        torch.testing.assert_close(posterior.mean, expected.mean, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(posterior.log_variance, expected.logvar, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(found, theirs.decode(expected.mean).sample, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("frames", [1, 7, 8, 37])
def test_any_number_of_frames_comes_back(frames: int) -> None:
    vae = AudioVAE(SMALL)
    found, posterior = vae(torch.randn(2, 1, 32, frames))
    assert found.shape == (2, 1, 32, frames)
    assert posterior.mean.shape == (2, *vae.latent_shape(32, frames)) == (2, 8, 4, math.ceil(frames / 8))


@pytest.mark.parametrize(("bins", "height"), [(100, 13), (97, 13), (104, 13)])
def test_bins_are_filled_up_inside_and_come_back_as_many(bins: int, height: int) -> None:
    torch.manual_seed(0)
    surplus_bins = 8 * height - bins
    vae, even = AudioVAE(SMALL, surplus_bins), AudioVAE(SMALL)
    even.load_state_dict(vae.state_dict())
    mel = torch.randn(2, 1, bins, 11)
    found, posterior = vae(mel)
    assert found.shape == mel.shape
    assert posterior.mean.shape == (2, *vae.latent_shape(bins, 11)) == (2, 8, height, 2)
    filled = torch.cat([mel, mel[:, :, -1:].expand(-1, -1, surplus_bins, -1)], dim=2)
    torch.testing.assert_close(posterior.mean, even.encode(filled).mean)
    torch.testing.assert_close(found, even(filled)[0][:, :, :bins])


def test_the_divergence_has_known_values() -> None:
    def kl(mean: float, variance: float) -> float:
        values = torch.full((1, 2, 3, 4), mean), torch.full((1, 2, 3, 4), math.log(variance))
        return float(Posterior(*values).kl())

    assert kl(0, 1) == pytest.approx(0)
    assert kl(2, 1) == pytest.approx(2)
    assert kl(0, 4) == pytest.approx(0.5 * (4 - 1 - math.log(4)))
    posterior = Posterior(torch.ones(1, 2), torch.full((1, 2), math.log(4)))
    assert posterior.sample(torch.tensor([[0.0, 1.0]])).tolist() == [[1, 3]]


def test_hinge_losses_have_known_values() -> None:
    sure, unsure, fooled = (torch.full((2, 1, 3, 3), value) for value in (2.0, 0.0, -2.0))
    assert told_apart_loss(sure, fooled).tolist() == [0, 0]
    assert told_apart_loss(unsure, unsure).tolist() == [1, 1]
    assert told_apart_loss(fooled, sure).tolist() == [3, 3]
    assert taken_for_real_loss(sure).tolist() == [-2, -2]


def test_losses_are_those_of_what_comes_back_of_a_window() -> None:
    task = small_task(discriminator_weight=0.1, discriminator_channels=8)
    module, batch = built(task), Batch(still_mels(2, 128, 24), torch.arange(2))
    noise = Draws(0, batch.positions).normal("latents", module.vae.latent_shape(128, 24))
    made, posterior = module.vae(batch.payload, noise)
    assert module.discriminator is not None
    real_logits, made_logits = module.discriminator(batch.payload), module.discriminator(made)
    found, judged = losses_of(task, module, batch), losses_of(task, module, batch, turn=1)
    torch.testing.assert_close(found["reconstruction"], (made - batch.payload).square().mean(dim=(1, 2, 3)))
    torch.testing.assert_close(found["kl"], posterior.kl())
    torch.testing.assert_close(found["spectral"], spectral_loss(made, batch.payload))
    torch.testing.assert_close(found["adversarial"], taken_for_real_loss(made_logits))
    torch.testing.assert_close(judged["told_apart"], told_apart_loss(real_logits, made_logits))


def test_each_turn_moves_all_its_parameters_and_no_others() -> None:
    task = small_task(discriminator_weight=0.1, discriminator_channels=8)
    module = built(task)
    batch = Batch(still_mels(2, 128, 24), torch.arange(2))
    steps = prepared(module, Preset(task), Workers())
    assert [turn.name for turn in task.turns()] == ["model", "discriminator"]
    assert sum(len(step.chosen) for step in steps) == len(list(module.parameters()))
    last_bias = "discriminator.layers.8.bias"  # what it learns of real and made windows cancels within the hinge
    for step in steps:
        module.zero_grad(set_to_none=True)
        step.choose()
        step(batch, Draws(0, batch.positions))["total"].sum().backward()
        chosen = set(step.chosen)
        for name, parameter in module.named_parameters():
            assert (parameter.grad is not None) == (parameter in chosen), name
            if parameter.grad is not None and name != last_bias:
                assert parameter.grad.abs().max() > 0, name


def test_a_windows_losses_depend_on_itself_alone() -> None:
    task = small_task(discriminator_weight=0.1, discriminator_channels=8)
    module = built(task)
    mels, positions = still_mels(3, 128, 21), torch.tensor([5, 17, 2])
    for turn in (0, 1):
        together = losses_of(task, module, Batch(mels, positions), turn)
        for number in range(3):
            alone = losses_of(task, module, Batch(mels[number : number + 1], positions[number : number + 1]), turn)
            for name, value in together.items():
                torch.testing.assert_close(value[number], alone[name][0], atol=1e-4, rtol=1e-4)


def test_beta_rises_and_the_discriminator_begins_by_windows() -> None:
    task = small_task(beta=2.0, beta_windows=100, discriminator_weight=3.0, discriminator_after_windows=50)
    module = built(task)
    positions = torch.tensor([0, 25, 50, 100, 1000])
    losses = losses_of(task, module, Batch(still_mels(5, 128, 8), positions))
    plain = losses["reconstruction"] + task.spectral_weight * losses["spectral"]
    beta = torch.tensor([0, 0.5, 1, 2, 2]) * losses["kl"]
    adversarial = torch.tensor([0, 0, 3, 3, 3]) * losses["adversarial"]
    torch.testing.assert_close(losses["total"], plain + beta + adversarial)
    judged = losses_of(task, module, Batch(still_mels(5, 128, 8), positions), turn=1)
    torch.testing.assert_close(judged["total"], torch.tensor([0, 0, 1, 1, 1]) * judged["told_apart"])
    module.eval()
    losses = losses_of(task, module, Batch(still_mels(5, 128, 8), positions))
    plain = losses["reconstruction"] + task.spectral_weight * losses["spectral"]
    torch.testing.assert_close(losses["total"], plain + 2 * losses["kl"])


def test_settings_that_make_no_model_are_refused() -> None:
    preset = PRESETS["vae-tiny"]()
    with pytest.raises(SettingError, match="latent_dim is 4, expected 8 to 256"):
        changed(preset, ["task.latent_dim=4"])
    with pytest.raises(SettingError, match=r"channels is \[8, 16\], expected 4 numbers"):
        changed(preset, ["task.channels=[8, 16]"])
    assert changed(preset, ["task.channels=[]", "task.latent_dim=200"]).task.shape.channels == (128, 256, 512, 1024)  # type: ignore[attr-defined]


def error(module: nn.Module, mels: Tensor) -> float:
    """Of reconstructions from the means of the latents; 1 for a model that says the mean of everything."""
    with torch.no_grad():
        return float((module.vae.eval()(mels)[0] - mels).square().mean())


def test_the_tiny_preset_learns_a_few_mels(tmp_path: Path) -> None:
    settings = ["task.channels=[8, 16, 16, 32]", "task.beta_windows=100", "optimizing.learning_rate=1e-2"]
    preset = changed(PRESETS["vae-tiny"](), [*settings, "looping.steps=40", "looping.validate_every=40"])
    mels = still_mels(4, 128, 8)
    loop = Loop(preset, StillMels(mels), Checkpoints(tmp_path, 1), None, Workers())
    control = error(loop.module, mels)
    loop.module.train()
    loop.run()
    assert control > 0.8
    assert error(loop.module, mels) < 0.3
    assert loop.validation_loss is not None


def test_a_run_with_a_discriminator_changes_both(tmp_path: Path) -> None:
    settings = ["task.channels=[8, 8, 16, 16]", "task.discriminator_weight=0.1", "task.discriminator_channels=8"]
    settings += ["looping.steps=3", "looping.micro_windows=2", "looping.precision=bf16"]
    preset = changed(PRESETS["vae-tiny"](), settings)
    loop = Loop(preset, StillMels(still_mels(4, 128, 16)), Checkpoints(tmp_path, 1), None, Workers())
    before = {name: value.detach().clone() for name, value in loop.module.named_parameters()}
    loop.run()
    still = [name for name, value in loop.module.named_parameters() if torch.equal(value, before[name])]
    assert still == []
