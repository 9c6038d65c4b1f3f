"""Patterns of codebooks: they lose nothing, nothing comes too early, and the delay is MusicGen's."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from training.patterns import NOTHING, pattern

NAMES = ("flat", "delay", "parallel")
names = st.sampled_from(NAMES)
sizes = st.integers(1, 5)
lengths = st.integers(0, 12)


def numbered(windows: int, codebooks: int, frames: int) -> Tensor:
    """Every token is another number."""
    return torch.arange(windows * codebooks * frames).view(windows, codebooks, frames)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("flat", [["a0", "b0", "c0", "a1", "b1", "c1", "a2", "b2", "c2"]]),
        ("parallel", [["a0", "a1", "a2"], ["b0", "b1", "b2"], ["c0", "c1", "c2"]]),
        ("delay", [["a0", "a1", "a2", "", ""], ["", "b0", "b1", "b2", ""], ["", "", "c0", "c1", "c2"]]),
    ],
)
def test_the_layout(name: str, expected: list[list[str]]) -> None:
    sequence, mask = pattern(name, 3).apply(numbered(1, 3, 3))
    named = [
        ["" if number < 0 else "abc"[number // 3] + str(number % 3) for number in row] for row in sequence[0].tolist()
    ]
    assert named == expected
    assert mask.tolist() == [[bool(place) for place in row] for row in expected]


@given(name=names, windows=sizes, codebooks=sizes, frames=lengths)
def test_nothing_is_lost(name: str, windows: int, codebooks: int, frames: int) -> None:
    tokens, order = numbered(windows, codebooks, frames), pattern(name, codebooks)
    sequence, mask = order.apply(tokens)
    assert torch.equal(order.revert(sequence), tokens)
    if frames:
        assert sequence.shape == (windows, order.streams, order.steps(frames))
        assert mask.sum() == codebooks * frames
        assert (sequence[:, ~mask] == NOTHING).all()


@given(name=names, codebooks=sizes, frames=st.integers(1, 12))
def test_the_codebook_of_a_place(name: str, codebooks: int, frames: int) -> None:
    order = pattern(name, codebooks)
    sequence, mask = order.apply(numbered(1, codebooks, frames))
    found = order.codebooks_of(0, sequence.shape[2])
    assert torch.equal(found[mask], sequence[0][mask] // frames)
    assert torch.equal(order.codebooks_of(3, 4), order.codebooks_of(0, 7)[:, 3:])


@given(name=names, codebooks=sizes, frames=st.integers(1, 12), cut=lengths)
def test_no_step_holds_what_is_later(name: str, codebooks: int, frames: int, cut: int) -> None:
    """The steps before those of a frame are known without it, and no earlier frame's first step comes after them."""
    order, cut = pattern(name, codebooks), min(cut, frames)
    tokens = numbered(1, codebooks, frames)
    others = torch.cat([tokens[:, :, :cut], -1 - tokens[:, :, cut:]], dim=2)
    step = order.first_step(cut)
    assert torch.equal(order.apply(tokens)[0][:, :, :step], order.apply(others)[0][:, :, :step])
    if cut < frames:
        assert not torch.equal(order.apply(tokens)[0][:, :, step], order.apply(others)[0][:, :, step])


@given(name=names, codebooks=sizes, frames=st.integers(1, 12))
def test_a_frame_comes_after_the_one_before_and_a_codebook_after_the_coarser(
    name: str, codebooks: int, frames: int
) -> None:
    sequence, mask = pattern(name, codebooks).apply(numbered(1, codebooks, frames))
    step_of = dict(zip(sequence[0][mask].tolist(), mask.nonzero()[:, 1].tolist(), strict=True))
    step_KT = torch.tensor([[step_of[k * frames + t] for t in range(frames)] for k in range(codebooks)])
    assert (step_KT.diff(dim=1) > 0).all()
    if name == "parallel":
        assert (step_KT.diff(dim=0) == 0).all()
    else:
        assert (step_KT.diff(dim=0) > 0).all()


def test_the_delay_is_that_of_musicgen() -> None:
    from transformers import MusicgenDecoderConfig, MusicgenForCausalLM

    codebooks, frames, pad = 4, 9, 64
    sizes = {"hidden_size": 8, "ffn_dim": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    config = MusicgenDecoderConfig(vocab_size=64, num_codebooks=codebooks, pad_token_id=pad, bos_token_id=pad, **sizes)
    musicgen = MusicgenForCausalLM(config)
    tokens = torch.randint(0, 64, (2, codebooks, frames), generator=torch.Generator().manual_seed(0))
    begun = torch.nn.functional.pad(tokens, (1, 0), value=pad).flatten(0, 1)  # it begins with a step of pads

    _, theirs = musicgen.build_delay_pattern_mask(begun, pad, max_length=frames + codebooks)
    sequence, _ = pattern("delay", codebooks).apply(tokens)
    ours = torch.nn.functional.pad(sequence.masked_fill(sequence == NOTHING, pad), (1, 0), value=pad)
    assert torch.equal(ours, theirs.view(2, codebooks, -1))

    _, wanted = musicgen.build_delay_pattern_mask(begun[:, :3], pad, max_length=frames + codebooks)
    generated = torch.randint(0, 64, wanted.shape, generator=torch.Generator().manual_seed(1))
    kept = musicgen.apply_delay_pattern_mask(generated, wanted)
    reverted = pattern("delay", codebooks).revert(kept.view(2, codebooks, -1)[:, :, 1:])
    assert torch.equal(reverted, kept[kept != pad].view(2, codebooks, frames))  # as its generate() does
    assert torch.equal(reverted[:, :, :2], tokens[:, :, :2])
