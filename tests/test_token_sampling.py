"""Sampling of tokens: filters by hand, and generation that is the model's own, from the beginning or from anything."""

from dataclasses import replace
from math import inf, nan

import pytest
import torch
from torch import Tensor

from tiny_codec_lm import model_of, task_of, windows
from training.batch import Batch
from training.codec_lm import AUDIO_PROMPT, CodecLmTask, sampled
from training.draws import Draws
from training.models.codec_lm import CodecLm
from training.token_sampling import Sampling, best, choose, top_k, top_p

LOGITS = torch.tensor([0.1, 0.4, 0.2, 0.3]).log()
GREEDY = Sampling(temperature=0, guidance=1)
every_kind = pytest.mark.parametrize(
    ("architecture", "order", "prompt_s"),
    [("prefix", order, 0.0) for order in ("flat", "delay", "parallel")]
    + [("cross", "flat", 4.0), ("cross", "delay", 4.0)],
)


def test_top_k_by_hand() -> None:
    assert torch.equal(top_k(LOGITS, 2).isinf(), torch.tensor([True, False, True, False]))
    assert torch.equal(top_k(LOGITS, 2)[[1, 3]], LOGITS[[1, 3]])
    assert torch.equal(top_k(LOGITS, 0), LOGITS)
    assert torch.equal(top_k(LOGITS, 9), LOGITS)
    assert top_k(torch.zeros(2, 3, 8), 3).isfinite().sum() == 18  # of equals no more than that many


def test_top_p_by_hand() -> None:
    """0.4, then 0.3, then 0.2: a token stays while those before it have less than the probability."""
    for probability, kept in ((0.01, [1]), (0.39, [1]), (0.41, [1, 3]), (0.69, [1, 3]), (0.75, [1, 2, 3])):
        assert top_p(LOGITS, probability).isfinite().nonzero().flatten().tolist() == kept
    assert torch.equal(top_p(LOGITS, 1.0), LOGITS)


def test_a_number_falls_on_a_token() -> None:
    """Of 0.1, 0.4, 0.2 and 0.3, side by side."""
    everything = Sampling(top_k=0)
    for number, token in ((0.0, 0), (0.09, 0), (0.11, 1), (0.49, 1), (0.51, 2), (0.69, 2), (0.71, 3), (0.99999994, 3)):
        assert choose(LOGITS, torch.tensor(number), everything) == token
    assert choose(LOGITS, torch.tensor(0.0), Sampling(top_k=1)) == 1
    assert choose(LOGITS, torch.tensor(0.56), Sampling(top_k=2)) == 1  # 4 of 7
    assert choose(LOGITS, torch.tensor(0.58), Sampling(top_k=2)) == 3
    assert choose(LOGITS, torch.tensor(0.99), Sampling(temperature=0)) == 1
    assert choose(LOGITS, torch.tensor(0.99), Sampling(temperature=0.01)) == 1
    uniform = torch.rand(20_000, generator=torch.Generator().manual_seed(0))
    found = choose(LOGITS.expand(20_000, 4), uniform, Sampling(temperature=2.0)).bincount() / 20_000
    assert torch.allclose(found, (LOGITS / 2).softmax(dim=0), atol=0.01)


def test_settings_out_of_range_are_refused() -> None:
    for name, value in {"temperature": -1.0, "top_p": 0.0, "kept_share": 1.0}.items():
        with pytest.raises(ValueError, match=f"^{name} is {value}, expected"):
            Sampling(**{name: value})


def test_the_best_of_some() -> None:
    scores = {"a": 0.1, "b": 0.7, "c": nan, "d": inf, "e": 0.7}
    assert best("abcde", scores.__getitem__) == "b"
    with pytest.raises(ValueError, match="none of 2 candidates has a finite score"):
        best("cd", scores.__getitem__)


def slowly(model: CodecLm, task: CodecLmTask, batch: Batch, guidance: float) -> Tensor:
    """The likeliest tokens after the batch's payload, the whole sequence computed anew for every step."""
    everything = {name: torch.ones_like(has) for name, has in batch.present.items()}
    contexts = model.known(batch), model.known(batch.dropped(everything))
    given = batch.payload
    frames = task.predicted_frames
    tokens = torch.cat([given, torch.zeros(*given.shape[:2], frames - given.shape[2], dtype=torch.int64)], dim=2)
    sequence, mask = model.pattern.apply(tokens)
    wanted, _ = model.pattern.apply(torch.arange(frames).expand(1, task.codebooks, -1) >= given.shape[2])
    for step in range(sequence.shape[2]):
        known, nothing = (model.predicted(model.shifted(sequence), context)[:, step] for context in contexts)
        likeliest = (nothing + guidance * (known - nothing)).argmax(dim=2)
        sequence[:, :, step] = torch.where(mask[:, step] & wanted[0, :, step], likeliest, sequence[:, :, step])
    return model.pattern.revert(sequence)


@torch.no_grad()
@every_kind
@pytest.mark.parametrize(("given", "guidance"), [(0, 1.0), (3, 2.5)])
def test_generation_is_that_of_the_model_without_a_cache(
    architecture: str, order: str, prompt_s: float, given: int, guidance: float
) -> None:
    task = task_of(architecture, order, prompt_s)
    model, batch = model_of(task), task.prompted(windows(task))
    start = replace(batch, payload=batch.payload[:, :, :given])
    sampling = Sampling(temperature=0, guidance=guidance)
    found = sampled(model, task, start, task.predicted_frames, sampling, Draws(0, batch.positions))
    assert torch.equal(found, slowly(model, task, start, guidance))
    assert torch.equal(found[:, :, :given], start.payload)
    assert len({tuple(song.flatten().tolist()) for song in found}) == 4  # each its own


@torch.no_grad()
@every_kind
def test_logits_with_a_cache_are_those_without(architecture: str, order: str, prompt_s: float) -> None:
    task = task_of(architecture, order, prompt_s)
    model, batch = model_of(task), task.prompted(windows(task))
    sequence, _ = model.pattern.apply(batch.payload)
    context, inputs = model.known(batch), model.shifted(sequence)
    expected = model.predicted(inputs, context)
    caches = model.caches(context, sequence.shape[2])
    found = [model.predicted(inputs[:, :, :3], context, 0, caches)]
    found += [
        model.predicted(inputs[:, :, step : step + 1], context, step, caches) for step in range(3, inputs.shape[2])
    ]
    assert torch.allclose(torch.cat(found, dim=1), expected, atol=1e-4)


def random_song(positions: list[int], seed: int = 0, count: int = 4) -> Tensor:
    task = task_of()
    batch = windows(task, count)
    start = replace(batch, payload=batch.payload[:, :, :0])
    return sampled(model_of(task), task, start, 12, Sampling(), Draws(seed, torch.tensor(positions)))


def test_a_song_depends_on_its_seed_and_position_alone() -> None:
    songs = random_song([0, 1, 2, 3])
    assert torch.equal(random_song([0, 1, 2, 3]), songs)
    assert torch.equal(random_song([0], count=1), songs[:1])
    assert (random_song([0, 1, 2, 3], seed=1) != songs).any(dim=2).any(dim=1).all()
    assert (random_song([4, 1, 2, 3]) != songs).any(dim=2).any(dim=1).tolist() == [True, False, False, False]
    assert songs.min() >= 0
    assert songs.max() < 16


def test_a_song_that_is_longer_than_a_window_goes_on_from_the_end_of_the_last() -> None:
    task = task_of("cross", "delay", 4.0)
    model, batch = model_of(task), task.prompted(windows(task))
    sampling = Sampling(temperature=0, guidance=1, kept_share=0.5)

    def going_on(given: Tensor, frames: int) -> Tensor:
        return sampled(model, task, replace(batch, payload=given), frames, sampling, Draws(0, batch.positions))

    song = going_on(batch.payload[:, :, :2], 15)
    assert song.shape == (4, 3, 15)
    first = going_on(batch.payload[:, :, :2], 8)
    assert torch.equal(song[:, :, :8], first)
    second = going_on(first[:, :, 4:], 8)
    assert torch.equal(song[:, :, 4:12], second)
    assert torch.equal(song[:, :, 8:], going_on(second[:, :, 4:], 7))
    assert torch.equal(going_on(first, 5), first[:, :, :5])


def test_guidance_pulls_towards_what_is_asked() -> None:
    """Without an audio prompt, a scale of 0 is what the model makes of nothing, whatever the window is told."""
    task = task_of("cross", "flat", 4.0)
    model, batch = model_of(task), windows(task)
    batch = replace(batch, payload=batch.payload[:, :, :0])
    unheard = sampled(model, task, batch, 8, Sampling(temperature=0, guidance=0), Draws(0, batch.positions))
    assert (unheard == unheard[:1]).all()
    told = sampled(model, task, batch, 8, Sampling(temperature=0, guidance=3), Draws(0, batch.positions))
    assert (told != told[:1]).any()
    prompt = {AUDIO_PROMPT: torch.randint(0, 16, (4, 3, 4), generator=torch.Generator().manual_seed(1))}
    present = {AUDIO_PROMPT: torch.ones(4, dtype=torch.bool)}
    heard = replace(batch, conditions=batch.conditions | prompt, present=batch.present | present)
    assert (sampled(model, task, heard, 8, GREEDY, Draws(0, batch.positions)) != told).any()
