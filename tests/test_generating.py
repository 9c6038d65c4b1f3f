"""Generating: wishes as conditions, sections and their joints, and sound from every kind of model."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from featurizers.codecs import load_encoder
from featurizers.weights_store import LOCATION
from jobs.generating.renderer import renderer_of
from schemas.mel_specs import MEL_SPECS
from tiny_runs import TinyRuns
from training.codec_lm import CodecLmTask
from training.errors import SettingError
from training.generating.batches import batch_of
from training.generating.crossfade import fades, joined
from training.generating.generate import How, Renderer, Wish, compose, generate, window_s
from training.generating.how import MAX_STEPS
from training.generating.payloads import make
from training.generating.render import most
from training.generating.templates import TEMPLATES, Section, planned
from training.generating.wish import key_index
from training.mel import log_mel
from training.objectives import TIMES
from training.pack import Pack
from training.stream import Stream
from training.trained import Trained

HOW = How(steps=2, guidance=3.0, seed=5)
KINDS = ("vae", "ldm", "prefix", "cross")
SHORT_S = 0.1


@pytest.fixture(scope="module")
def opened(runs: TinyRuns) -> Iterator[dict[str, tuple[Trained, Renderer]]]:
    """Every run with its renderer, and the store that they need."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LOCATION, str(runs.store.root))
        trained = {kind: Trained.open(getattr(runs, kind)) for kind in KINDS}
        yield {kind: (each, renderer_of(each)) for kind, each in trained.items()}


def test_a_wish_is_a_row_of_a_pack() -> None:
    wish = Wish("slow", tempo_bpm=90, key="Bb minor", time_signature="3/4", voice=[0.0] * 256, others={"has_vocals": 1})
    row = wish.row()
    assert row.keys() == {"prompt", "tempo_bpm", "key_index", "time_signature", "voice", "has_vocals"}
    assert row["key_index"] == 22
    assert Wish().row() == {}
    assert Wish.of_row({"tempo_bpm": 90.0, "key_index": None, "track_id": "7"}).row() == {"tempo_bpm": 90.0}


@pytest.mark.parametrize(
    ("name", "index"),
    [("C", 0), ("c major", 0), ("F# minor", 18), ("Gb min", 18), ("Am", 21), ("B♭ Major", 10), ("Cb", 11), ("B#m", 12)],
)
def test_keys_are_read_as_they_are_written(name: str, index: int) -> None:
    assert key_index(name) == index


@pytest.mark.parametrize("name", ["", "H major", "C dorian", "C##", "1"])
def test_what_is_no_key_is_a_sentence(name: str) -> None:
    with pytest.raises(SettingError, match="there is no key"):
        Wish(key=name)


def test_other_bad_wishes_are_sentences() -> None:
    with pytest.raises(SettingError, match="there is no time signature '7/8'"):
        Wish(time_signature="7/8")
    with pytest.raises(SettingError, match="there is no condition tempo"):
        Wish(others={"tempo": 1})
    for setting in ({"steps": 0}, {"temperature": -1.0}, {"top_k": -1}, {"top_p": 0.0}):
        with pytest.raises(SettingError, match=f"{next(iter(setting))} is"):
            How(**setting)


def test_a_model_is_told_the_same_by_a_wish_as_by_a_window(opened: dict[str, tuple[Trained, Renderer]]) -> None:
    trained, _ = opened["ldm"]
    pack = Pack.open(trained.run.packs[0])
    [shard] = pack.shards("train")
    rows = [
        row for group in range(shard.groups) for row in pack.read_group(shard, group, pack_columns(trained)).to_pylist()
    ]
    stream = Stream([pack], conditions=trained.task.conditions)
    [batch] = next(stream.batches("train", 0, 8, 8))
    by_track = {row["track_id"]: row for row in rows}
    wishes = [Wish.of_row(by_track[track_id]) for track_id in batch.track_ids]
    made = batch_of(wishes, trained.task.conditions, window_s(trained), batch.positions.tolist())
    assert made.present.keys() == batch.present.keys()
    constant = ("voice", "genre", "artist", "tempo_bpm", "key_index", "time_signature", "loudness_lufs", "ecapa")
    for name in constant:  # a track has several windows
        assert torch.equal(made.present[name], batch.present[name]), name
        assert torch.equal(made.conditions[name], batch.conditions[name]), name
    assert made.texts["prompt"] == batch.texts["prompt"]


def pack_columns(trained: Trained) -> list[str]:
    return ["track_id", *trained.task.conditions]


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_fills_the_piece(template: str) -> None:
    sections = planned(template, 90.0)
    assert [section.type for section in sections] == [kind for kind, _, _ in TEMPLATES[template]]
    assert sections[0].start_s == 0
    assert sections[-1].end_s == pytest.approx(90)
    for before, after in pairwise(sections):
        assert before.end_s == after.start_s
    for section in sections:
        middle_s = (section.start_s + section.end_s) / 2
        assert section.position == pytest.approx(middle_s / 90)
        assert 0 < section.energy <= 1
        assert section.duration_s >= 1


def test_bad_templates_are_sentences() -> None:
    with pytest.raises(SettingError, match="no template 'verse_corus', the nearest is 'verse_chorus'"):
        planned("verse_corus", 30)
    with pytest.raises(SettingError, match="template intro_verse_chorus needs 5 s at least, got 4"):
        planned("intro_verse_chorus", 4)


def test_a_section_is_told_what_it_is_and_what_is_in_it() -> None:
    phonemes = [{"symbol": "a", "start_s": s, "end_s": s + 1.0} for s in (0.0, 4.0, 5.0)]
    wish = Wish("slow", others={"phonemes": phonemes, "has_vocals": 1.0})
    row = Section(4.0, 8.0, "chorus", 0.75, 0.9).of(wish).row()
    assert row["phonemes"] == [{"symbol": "a", "start_s": s, "end_s": s + 1.0} for s in (0.0, 1.0)]
    assert (row["section_type"], row["section_position"], row["section_energy"]) == ("chorus", 0.75, 0.9)
    assert (row["prompt"], row["has_vocals"]) == ("slow", 1.0)
    assert Section(0.0, 8.0).of(wish) == wish


def span(symbol: str, start_s: float, end_s: float) -> dict[str, object]:
    return {"symbol": symbol, "start_s": start_s, "end_s": end_s}


def test_what_crosses_a_border_is_in_both_sections_and_ends_at_it() -> None:
    crossing = {"phonemes": [span("a", 0.5, 1.6)], "chords": [span("C:maj", 0.0, 1.0), span("A:min", 1.0, 3.0)]}
    wish = Wish(others={**crossing, "has_vocals": 1.0, "breaths": None, "beats": [{"start_s": 0.75, "end_s": 1.25}]})
    first, second, third = (Section(s, s + 1.0).of(wish).row() for s in (0.0, 1.0, 2.0))
    assert first["phonemes"] == [span("a", 0.5, 1.0)]
    assert second["phonemes"] == [span("a", 0.0, pytest.approx(0.6))]
    assert third["phonemes"] == []
    assert (first["chords"], second["chords"]) == ([span("C:maj", 0.0, 1.0)], [span("A:min", 0.0, 1.0)])
    assert (first["beats"], second["beats"]) == ([{"start_s": 0.75, "end_s": 1.25}], [])
    assert [row["has_vocals"] for row in (first, second, third)] == [1.0, 1.0, 0.0]
    assert "breaths" not in first
    hummed = Wish(others={"has_vocals": 1.0, "phonemes": []})
    assert Section(1.0, 2.0).of(hummed) == hummed  # who knows when


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(1, 200))
def test_a_section_has_its_part_of_a_curve(start_frame: int, frames: int) -> None:
    curve = [float(number) for number in range(1, 301)]
    section = Section(start_frame / 100, (start_frame + frames) / 100)
    batch = batch_of([section.of(Wish(others={"f0_hz": curve}))], ("f0_hz",), frames / 100, [0])
    expected = [float(number) if number <= 300 else 0.0 for number in range(start_frame + 1, start_frame + frames + 1)]
    assert batch.conditions["f0_hz"].tolist() == [expected]


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=5),
    st.integers(1, 20),
    st.integers(1, 2),
    st.integers(0, 2**32 - 1),
)
def test_joined_parts_are_as_long_as_they_should_be(surplus: list[int], fade: int, channels: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    parts = [random.normal(size=(channels, 2 * fade + more)).astype(np.float32) for more in surplus]
    whole = joined(parts, fade)
    assert whole.shape == (channels, sum(2 * fade + more for more in surplus) - fade * (len(parts) - 1))
    first, last = parts[0], parts[-1]
    alone = first.shape[1] - (fade if len(parts) > 1 else 0)
    assert np.array_equal(whole[:, :alone], first[:, :alone])
    if len(parts) > 1:
        assert np.array_equal(whole[:, fade - last.shape[1] :], last[:, fade:])


@settings(deadline=None)
@given(st.integers(1, 5000))
def test_fades_keep_the_power_and_begin_and_end_gently(num_samples: int) -> None:
    falling, rising = fades(num_samples)
    assert np.allclose(falling**2 + rising**2, 1)
    assert np.allclose(falling, rising[::-1])
    assert (np.diff(rising) >= 0).all()
    assert np.abs(np.diff(np.concatenate([[0], rising, [1]]))).max() <= max(2 / num_samples, 0.71)


def test_a_joint_of_noise_is_as_loud_as_its_parts_and_one_of_a_hum_clicks_not() -> None:
    random = np.random.default_rng(0)
    noise = [random.normal(size=(1, 4000)).astype(np.float32) for _ in range(200)]
    powers = np.mean(
        [joined(pair, 1600)[0, 2400:4000] ** 2 for pair in zip(noise[::2], noise[1::2], strict=True)], axis=0
    )
    assert powers.reshape(8, -1).mean(axis=1) == pytest.approx(np.ones(8), abs=0.1)
    times = np.arange(4000) / 32000
    low, high = (np.sin(2 * np.pi * hz * times)[None].astype(np.float32) for hz in (110, 130))
    steps = np.abs(np.diff(joined([low, high], 1600)))
    assert steps.max() < 1.5 * np.abs(np.diff(high)).max()


def test_parts_that_are_too_short_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter than its fades of 10"):
        joined([np.zeros((1, 50)), np.zeros((1, 19)), np.zeros((1, 50))], 10)
    with pytest.raises(ValueError, match="shorter than its fades of 10"):
        joined([np.zeros((1, 9)), np.zeros((1, 50))], 10)


@pytest.mark.parametrize("name", MEL_SPECS)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1000))
def test_no_sound_has_louder_mels_than_what_is_rendered(name: str, seed: int) -> None:
    spec = MEL_SPECS[name]
    torch.manual_seed(seed)
    hz = torch.rand(1) * spec.rate_hz / 4
    tone = torch.sin(2 * math.pi * hz * torch.arange(8192) / spec.rate_hz)
    loud = torch.stack([torch.randn(8192).sign(), tone.sign(), tone])
    assert float(log_mel(loud, spec).max()) <= most(spec)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_model_makes_sound(kind: str, opened: dict[str, tuple[Trained, Renderer]]) -> None:
    trained, renderer = opened[kind]
    wishes = [Wish("slow song"), Wish("fast song", tempo_bpm=180, key="A minor")]
    both = generate(trained, wishes, SHORT_S, HOW, renderer)
    for samples in both:
        assert samples.dtype == np.float32
        assert samples.shape == (1, round(SHORT_S * renderer.rate_hz))
        assert np.isfinite(samples).all()
        assert samples.any()
    assert not np.array_equal(both[0], both[1])
    [first] = generate(trained, wishes[:1], SHORT_S, HOW, renderer)
    assert np.array_equal(first, both[0]), "it depends on the seed and its place alone"
    [other] = generate(trained, wishes[:1], SHORT_S, replace(HOW, seed=6), renderer)
    assert not np.array_equal(other, first)


@pytest.mark.parametrize("kind", ["ldm", "prefix"])
def test_a_model_heeds_what_it_is_told(kind: str, opened: dict[str, tuple[Trained, Renderer]]) -> None:
    trained, renderer = opened[kind]
    how = replace(HOW, guidance=8.0)
    [neutral] = generate(trained, [Wish()], SHORT_S, how, renderer)
    for wish in (Wish("a slow song"), Wish(tempo_bpm=200), Wish(key="D major"), Wish(voice=[0.06] * 256)):
        [told] = generate(trained, [wish], SHORT_S, how, renderer)
        assert not np.array_equal(told, neutral), wish
    [unheeded] = generate(trained, [Wish(tempo_bpm=200)], SHORT_S, replace(how, guidance=0.0), renderer)
    [nothing] = generate(trained, [Wish()], SHORT_S, replace(how, guidance=0.0), renderer)
    assert np.allclose(unheeded, nothing, atol=1e-4)


@pytest.mark.parametrize("sampler", ["ddim", "ddpm", "dpm-solver", "euler"])
def test_samplers_differ(sampler: str, opened: dict[str, tuple[Trained, Renderer]]) -> None:
    trained, _ = opened["ldm"]
    batch = trained.encode(batch_of([Wish("slow")], trained.task.conditions, 0.5, [0]))
    made = make(trained, batch, 7, replace(HOW, sampler=sampler))
    assert made.payload.shape == (1, 8, 16, 7)
    again = make(trained, batch, 7, replace(HOW, sampler=sampler))
    assert torch.equal(made.payload, again.payload)
    other = make(trained, batch, 7, replace(HOW, sampler="euler" if sampler == "ddpm" else "ddpm"))
    assert not torch.equal(made.payload, other.payload)


def test_latents_have_the_statistics_of_the_pack(opened: dict[str, tuple[Trained, Renderer]]) -> None:
    trained, _ = opened["ldm"]
    assert trained.statistics is not None
    shifted = replace(trained, statistics=replace(trained.statistics, mean=7.0, std=2 * trained.statistics.std))
    batch = trained.encode(batch_of([Wish()], trained.task.conditions, 0.5, [0]))
    own, moved = (make(each, batch, 7, HOW).payload for each in (trained, shifted))
    expected = 2 * (own - trained.statistics.mean) + 7
    assert torch.allclose(moved, expected, atol=1e-5)


def attentive(module: nn.Module) -> nn.Module:
    """The module with weights so large that everything that it is told shows."""
    copied = copy.deepcopy(module)
    torch.manual_seed(0)
    for weight in copied.parameters():
        if weight.ndim > 1:
            weight.normal_(std=0.2)
    return copied


@pytest.mark.parametrize("kind", ["ldm", "prefix", "cross"])
def test_sections_follow_one_another(kind: str, opened: dict[str, tuple[Trained, Renderer]]) -> None:
    trained, renderer = opened[kind]
    trained, how = replace(trained, module=attentive(trained.module)), replace(HOW, guidance=8.0)
    sections = [Section(0.0, 0.12, "verse", 0.25, 0.3), Section(0.12, 0.201, "chorus", 0.75, 0.9)]
    [piece] = compose(trained, [Wish("slow")], sections, how, renderer)
    assert piece.shape == (1, round(0.201 * renderer.rate_hz))
    other = [replace(sections[0], type="intro", energy=0.99), sections[1]]
    [changed] = compose(trained, [Wish("slow")], other, how, renderer)
    joint = round(0.175 * renderer.rate_hz)
    assert not np.array_equal(changed[:, :joint], piece[:, :joint])
    goes_on = isinstance(trained.task, CodecLmTask)  # the latents of a section know nothing of the one before
    assert np.array_equal(changed[:, joint:], piece[:, joint:]) is not goes_on


def tokens_of(samples: np.ndarray, renderer: Renderer) -> Tensor:
    encoder = load_encoder(renderer.through["codec"].partition("@")[0])
    return torch.from_numpy(encoder.encode(samples).astype(np.int64))[None]


@pytest.mark.parametrize(("kind", "heard"), [("prefix", 51), ("cross", 40)])
def test_a_language_model_goes_on_from_what_was_before(
    kind: str, heard: int, opened: dict[str, tuple[Trained, Renderer]]
) -> None:
    trained, renderer = opened[kind]
    assert isinstance(trained.task, CodecLmTask)
    sound = np.sin(np.arange(8000, dtype=np.float32) * 0.3)
    before = tokens_of(sound, renderer)
    batch = trained.encode(batch_of([Wish()], trained.task.conditions, 0.1, [0]))
    made = make(trained, batch, 40, HOW, before)
    assert made.given_frames == heard  # the audio prompt, or four tenths of a window
    assert torch.equal(made.payload[:, :, :heard], before[:, :, -heard:])
    assert made.new.shape == (1, 4, 40)
    quiet = make(trained, batch, 40, HOW, tokens_of(0 * sound, renderer))
    assert not torch.equal(quiet.new, made.new)
    short = make(trained, batch, 40, HOW, before[:, :, :7])
    assert short.given_frames == 7
    [piece] = compose(trained, [Wish()], [Section(0.0, 0.1)], HOW, renderer, before)
    assert np.array_equal(piece, renderer(made.payload)[0, :, heard * 20 : heard * 20 + 800].numpy())


def test_the_audio_prompt_of_a_window_is_the_end_of_the_one_before(
    opened: dict[str, tuple[Trained, Renderer]],
) -> None:
    trained, renderer = opened["cross"]
    assert isinstance(trained.task, CodecLmTask)
    trained, how = replace(trained, module=attentive(trained.module)), replace(HOW, temperature=0.0)
    before = tokens_of(np.sin(np.arange(8000, dtype=np.float32) * 0.3), renderer)
    batch = trained.encode(batch_of([Wish("slow")], trained.task.conditions, 0.1, [0]))
    size = trained.task.predicted_frames
    made = make(trained, batch, 2 * size + 5, how, before)
    assert made.new.shape[2] == 2 * size + 5
    for start, count in ((size, size), (2 * size, 5)):
        again = make(trained, batch, count, how, torch.cat([before, made.new[:, :, :start]], dim=2))
        assert torch.equal(again.new, made.new[:, :, start : start + count])
    drawn = make(trained, batch, 2 * size, replace(how, temperature=1.0), before).new
    assert not torch.equal(drawn[:, :, :size], drawn[:, :, size:])
    alone = make(trained, batch, 2 * size, how)
    again = make(trained, batch, size, how, alone.new[:, :, :size])
    assert torch.equal(again.new, alone.new[:, :, size:])


def test_what_cannot_be_generated_is_a_sentence(opened: dict[str, tuple[Trained, Renderer]]) -> None:
    (ldm, latents), (_, tokens) = opened["ldm"], opened["prefix"]
    with pytest.raises(SettingError, match="makes latents, which is not what is rendered, tokens"):
        generate(ldm, [Wish()], 1.0, HOW, tokens)
    with pytest.raises(SettingError, match="the duration is 0 s"):
        generate(ldm, [Wish()], 0.0, HOW, latents)
    with pytest.raises(SettingError, match="there is no sampler 'eular'"):
        generate(ldm, [Wish()], 1.0, replace(HOW, sampler="eular"), latents)
    epsilon = replace(ldm, task=replace(ldm.task, objective="epsilon"))  # type: ignore[call-arg]  # it is an LdmTask
    with pytest.raises(SettingError, match="euler follows a flow, the run's model predicts epsilon"):
        generate(epsilon, [Wish()], 1.0, replace(HOW, sampler="euler"), latents)
    with pytest.raises(SettingError, match="steps is 1001, expected 1 to 1000"):
        replace(HOW, steps=1001)
    assert MAX_STEPS == TIMES, "there are no more to choose from"


def test_another_decoder_than_the_run_was_trained_on_is_refused(
    runs: TinyRuns, opened: dict[str, tuple[Trained, Renderer]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(LOCATION, str(runs.store.root))
    trained, _ = opened["ldm"]
    older = replace(trained, payload=replace(trained.payload, spec={"encoder": "vae-songs@0123456789ab"}))
    with pytest.raises(SettingError, match="was trained on vae-songs@0123456789ab, the weights store has vae-songs@"):
        renderer_of(older)
    foreign = replace(trained, payload=replace(trained.payload, spec={"encoder": "mine"}))
    with pytest.raises(SettingError, match="trained on mine, and there is no weight of that name"):
        renderer_of(foreign)
    with pytest.raises(SettingError, match="there is no vocoder 'hifigan'"):
        renderer_of(opened["vae"][0], "hifigan")
    with pytest.raises(SettingError, match="need no vocoder"):
        renderer_of(opened["prefix"][0], "griffin-lim")
