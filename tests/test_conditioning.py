"""Every condition is heard, none is needed, and padding is silent."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from conditioned import windows, without
from training.batch import Batch
from training.condition_groups import CONDITIONS, GROUPS
from training.conditions import BY_NAME
from training.models.condition_encoders import (
    CurveEncoder,
    NumberEncoder,
    PositionEncoder,
    SpansEncoder,
    SymbolsEncoder,
    encoder,
    sinusoids,
)
from training.models.conditioning import Conditioner, Conditioning
from training.models.voice_attention import INITIAL_VOICE_SHARE, Attention, VoiceEmbeddingFusion, VoiceStreamAttention

SHAPE = (4, 8, 16)
PUBLISHED = (
    *("prompt", "section_type", "section_position", "section_energy", "tempo_bpm", "key_index", "loudness_lufs"),
    *("has_vocals", "sentiment", "genre", "artist", "clap_audio", "clap_text", "voice", "ecapa", "num_beats", "beats"),
    *("time_signature", "current_chord", "phonemes", "f0_hz", "voiced", "vibrato_rate_hz", "vibrato_depth_cents"),
    *("vibrato_extent", "breaths"),
)


@pytest.fixture(scope="module")
def conditioner() -> Conditioner:
    torch.manual_seed(0)
    return Conditioner(text_width=64, fusion_width=64, section_width=32, num_voice_tokens=2)


@pytest.fixture(scope="module")
def batch() -> Batch:
    return windows(3, SHAPE)


@torch.no_grad()
def heard(conditioner: Conditioner, batch: Batch) -> Tensor:
    """All that a backbone gets of each window, the text where it is seen."""
    known = conditioner(batch)
    text = (known.text_BLD * known.mask_BL[:, :, None]).sum(dim=1) / known.mask_BL.sum(dim=1, keepdim=True)
    return torch.cat([known.section_BD, text, known.voice_BVD.flatten(1)], dim=1)


def test_the_widths_are_the_published_ones() -> None:
    widths = [width for width, _ in GROUPS.values()]
    assert (sum(widths[:11]), sum(widths[11:])) == (1248, 608)
    assert len(PUBLISHED) == 26
    assert set(CONDITIONS) == {*PUBLISHED, "sentiment_score", "f0_coarse_hz"}
    assert set(CONDITIONS) <= set(BY_NAME)


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_is_heard_and_dropping_it_is_its_absence(conditioner: Conditioner, batch: Batch, name: str) -> None:
    whole, gone = heard(conditioner, batch), heard(conditioner, without(batch, name))
    dropped = heard(conditioner, batch.dropped({name: torch.tensor([True, False, True])}))
    assert torch.allclose(dropped, torch.where(torch.tensor([[True], [False], [True]]), gone, whole), atol=1e-6)
    assert (whole - gone).abs().amax(dim=1).min() > 1e-4
    other = windows(3, SHAPE, seed=1).conditions
    names = {"text", "text_mask"} if name == "prompt" else {name}
    told_otherwise = replace(batch, conditions=batch.conditions | {each: other[each] for each in names})
    assert (heard(conditioner, told_otherwise) - whole).abs().max() > 1e-5


def test_nothing_at_all_is_the_same_for_all(conditioner: Conditioner, batch: Batch) -> None:
    nothing = heard(conditioner, Batch(batch.payload, batch.positions))
    dropped = heard(conditioner, batch.dropped({name: torch.ones(3, dtype=torch.bool) for name in CONDITIONS}))
    assert torch.allclose(nothing, dropped, atol=1e-6)
    assert torch.equal(nothing[0], nothing[1])


def test_padding_and_other_windows_change_nothing(conditioner: Conditioner, batch: Batch) -> None:
    padded = {name: batch.conditions[name] for name in batch.conditions}
    for name in ("beats", "breaths", "phonemes_s"):
        padded[name] = functional.pad(padded[name], (0, 0, 0, 3), value=-1)
    padded["phonemes"] = functional.pad(padded["phonemes"], (0, 3))
    padded["text"] = functional.pad(padded["text"], (0, 0, 0, 3), value=7.0)
    padded["text_mask"] = functional.pad(padded["text_mask"], (0, 3))
    whole = heard(conditioner, batch)
    assert torch.allclose(heard(conditioner, replace(batch, conditions=padded)), whole, atol=1e-6)
    alone = replace(
        batch,
        payload=batch.payload[1:2],
        positions=batch.positions[1:2],
        conditions={name: value[1:2] for name, value in batch.conditions.items()},
        present={name: value[1:2] for name, value in batch.present.items()},
    )
    assert torch.allclose(heard(conditioner, alone), whole[1:2], atol=1e-5)


def test_sequences_may_be_empty(conditioner: Conditioner, batch: Batch) -> None:
    empty = {name: batch.conditions[name][:, :0] for name in ("beats", "breaths", "phonemes", "phonemes_s", "f0_hz")}
    nowhere = {"text_mask": torch.zeros_like(batch.conditions["text_mask"])}
    known = heard(conditioner, replace(batch, conditions=batch.conditions | empty | nowhere))
    assert known.isfinite().all()
    no_text = heard(conditioner, replace(without(batch, "prompt"), conditions=batch.conditions | empty))
    assert torch.allclose(known, no_text, atol=1e-6)


def test_every_parameter_has_a_say(conditioner: Conditioner, batch: Batch) -> None:
    some = batch.dropped({name: torch.tensor([True, False, False]) for name in CONDITIONS})
    known: Conditioning = conditioner(some)
    (known.section_BD.square().sum() + known.text_BLD.square().sum() + known.voice_BVD.pow(3).sum()).backward()
    silent = [name for name, value in conditioner.named_parameters() if value.grad is None or not value.grad.any()]
    conditioner.zero_grad()
    assert silent == []


def test_sinusoids_have_known_periods() -> None:
    found = sinusoids(torch.tensor([0.0, 3.0]), 4)
    expected = torch.tensor([[1, 1, 0, 0], [math.cos(3), math.cos(0.03), math.sin(3), math.sin(0.03)]])
    assert torch.allclose(found, expected, atol=1e-6)


@torch.no_grad()
def test_numbers_are_told_by_how_far_they_are_from_what_is_typical() -> None:
    tempo, energy, place = (encoder(name, 8) for name in ("tempo_bpm", "section_energy", "section_position"))
    assert isinstance(tempo, NumberEncoder)
    assert isinstance(energy, NumberEncoder)
    assert isinstance(place, PositionEncoder)
    assert torch.allclose(tempo(torch.tensor([120.0, 150.0])), tempo.layers(torch.tensor([[0.0], [1.0]])), atol=1e-6)
    assert torch.equal(energy(torch.tensor([0.3])), energy.layers(torch.tensor([[0.3]])))
    assert torch.equal(place(torch.tensor([0.25])), place.out(sinusoids(torch.tensor([250.0]), 8)))


@torch.no_grad()
def test_a_curve_is_heard_in_octaves_and_where_it_has_no_value() -> None:
    f0, voiced = encoder("f0_hz", 8), encoder("voiced", 8)
    assert isinstance(f0, CurveEncoder)
    assert isinstance(voiced, CurveEncoder)
    told = {f0: ([0.0, 440.0, 110.0, 0.0], [0.0, 1.0, -1.0, 0.0]), voiced: ([0.0, 1.0, 1.0, 0.0],) * 2}
    for each, (values, levels) in told.items():
        known = [float(value > 0) for value in values]
        expected = each.out(each.layers(torch.tensor([[levels, known]])).mean(dim=2))
        assert torch.allclose(each(torch.tensor([values])), expected, atol=1e-6)


@torch.no_grad()
def test_spans_and_symbols_are_means_of_those_that_there_are() -> None:
    beats, phonemes = encoder("beats", 8), encoder("phonemes", 8)
    assert isinstance(beats, SpansEncoder)
    assert isinstance(phonemes, SymbolsEncoder)
    found = beats(torch.tensor([[[5.0, 5.5], [2.0, 3.0], [-1.0, -1.0]]]))
    starts_and_durations = torch.tensor([[0.5, 0.5], [0.2, 1.0]])  # starts in tens of seconds
    assert torch.allclose(found[0], beats.layers(starts_and_durations).mean(dim=0), atol=1e-6)
    read, _ = phonemes.gru(phonemes.symbols(torch.tensor([[7, 3]])))
    assert torch.allclose(phonemes(torch.tensor([[7, 3, 0, 0]])), read.mean(dim=1), atol=1e-6)


@torch.no_grad()
def test_an_embedding_is_told_whatever_its_length() -> None:
    voice, vector = encoder("voice", 8), torch.randn(2, 256)
    assert torch.allclose(voice(vector), voice(100 * vector), atol=1e-4)


def test_the_gate_begins_at_a_tenth_and_may_close() -> None:
    torch.manual_seed(0)
    streams = VoiceStreamAttention(32, 24, 16, 8)
    x, text, voice = torch.randn(2, 6, 32), torch.randn(2, 5, 24), torch.randn(2, 3, 16)
    mask = torch.arange(5).expand(2, 5) < 4
    heard_text, heard_voice = streams.text(x, text, mask), streams.voice(x, voice)
    mix = INITIAL_VOICE_SHARE * heard_voice + (1 - INITIAL_VOICE_SHARE) * heard_text
    assert torch.allclose(streams(x, text, mask, voice), mix, atol=1e-6)
    text[:, 4] = 100.0
    assert torch.allclose(streams(x, text, mask, voice), mix, atol=1e-6)
    with torch.no_grad():
        streams.gate_D.fill_(-100.0)
    assert torch.allclose(streams(x, text, mask, voice), heard_text, atol=1e-6)


def test_attention_is_a_weighted_mean_of_values() -> None:
    torch.manual_seed(0)
    attention = Attention(8, 6, 4)
    x, context = torch.randn(1, 3, 8), torch.randn(1, 5, 6)
    heads = []
    for head in range(2):
        part = slice(4 * head, 4 * head + 4)
        scores = attention.query(x)[..., part] @ attention.key(context)[..., part].transpose(1, 2) / 4**0.5
        heads.append(scores.softmax(dim=-1) @ attention.value(context)[..., part])
    assert torch.allclose(attention(x, context), attention.out(torch.cat(heads, dim=2)), atol=1e-6)
    with pytest.raises(ValueError, match="a width of 8 does not divide into heads of 3"):
        Attention(8, 6, 3)


def test_two_voices_that_are_one_stay_it() -> None:
    fusion = VoiceEmbeddingFusion(16)
    voice = torch.randn(4, 16)
    assert torch.allclose(fusion(voice, voice), functional.layer_norm(voice, (16,)), atol=1e-5)
    assert not torch.allclose(fusion(voice, -voice), fusion(voice, voice), atol=1e-2)
