"""``muze evaluate``: losses of whole splits, sounds of known tempo and key, and documents that come out the same."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import mir_eval
import numpy as np
import pytest
import torch

import tiny_pack as packing
from featurizers.clap import Clap
from featurizers.weights import model_id
from featurizers.weights_store import LOCATION, Store
from jobs.evaluating.adherence import key_adherence, key_score, tempo_adherence
from jobs.evaluating.embeddings import load_embedding, text_vectors
from jobs.evaluating.windows import first_windows
from jobs.main import main
from pipeline.recipe import Recipe
from schemas.mel_specs import MEL_SPECS
from schemas.pitch_classes import PITCH_CLASSES
from tiny_codec import CODEBOOK_SIZE
from tiny_pack import Columns, columns_of, payload_columns, tiny_pack
from tiny_runs import TinyRuns
from training.checkpoint import Checkpoints
from training.errors import SettingError
from training.evaluating.distances import frechet_distance, kernel_distance
from training.evaluating.losses import split_losses
from training.fit import fitted
from training.logbook import Logbook, read_metrics
from training.loop import Loop
from training.mel import log_mel
from training.pack import Pack
from training.run_folder import Run
from training.stream import Stream
from training.trained import Trained
from training.workers import Workers

SPEC = MEL_SPECS["32k"]
WINDOW_S, TRACK_S = 2.56, 5.12
VAE = (
    *("task.mel=32k", "task.channels=[4, 8, 8, 16]", "task.beta_windows=100"),
    *("optimizing.learning_rate=1e-2", "optimizing.ema_decay=0.9"),
)
CODEC_LM = ("task.layers=1", "task.width=64")
CODEC_FRAMES_A_S = 400.0


def key_of(number: int) -> int:
    return number * 5 % 12


def song(number: int) -> np.ndarray:
    """Major triads on I, IV, V and I of a key, and a click, at 120 BPM: float32 samples."""
    time_s = np.arange(round(TRACK_S * SPEC.rate_hz)) / SPEC.rate_hz
    beats, since_s = np.floor(time_s / 0.5), time_s % 0.5
    tones = np.zeros_like(time_s)
    for place, root in enumerate((0, 5, 7, 0)):
        for step in (0, 4, 7, 12):
            frequency_hz = 261.63 * 2 ** ((key_of(number) + root + step) / 12)
            tones += (beats // 2 % 4 == place) * np.sin(2 * np.pi * frequency_hz * time_s)
    click = np.random.default_rng(0).normal(size=len(time_s)) * np.exp(-since_s * 80)
    return (0.1 * tones * np.exp(-since_s * 6) + 0.3 * click).astype(np.float32)


@cache
def mel_of(number: int) -> np.ndarray:
    return log_mel(torch.from_numpy(song(number))[None], SPEC).numpy().astype("<f2")


def songs_of(task: str, number: int) -> Columns:
    """The log-mel of a song, and what is true of it."""
    return {
        **columns_of(task, number, TRACK_S),
        "rhythm": {"tempo_bpm": 120.0},
        "harmony": {"key_index": key_of(number)},
        **payload_columns("vae", mel_of(number)),
    }


def tokens_of(task: str, number: int) -> Columns:
    """Tokens of the tiny codec, and CLAP embeddings."""
    random = np.random.default_rng(number)
    tokens = random.integers(0, CODEBOOK_SIZE, (4, round(TRACK_S * CODEC_FRAMES_A_S))).astype("<u2")
    facts = {"tokens_rate_hz": CODEC_FRAMES_A_S, "codebook_size": CODEBOOK_SIZE}
    clap = random.normal(size=512)
    return {
        **columns_of(task, number, TRACK_S),
        "clap": {"clap_audio_embedding": (clap / np.linalg.norm(clap)).astype(np.float32)},
        "codec_tokens": {
            "tokens": tokens.tobytes(),
            "tokens_shape": list(tokens.shape),
            "codec_tokens_model": model_id("encodec-32khz"),
            **facts,
        },
    }


@pytest.fixture(scope="module")
def in_store(tiny_store: Store) -> Iterator[Store]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LOCATION, str(tiny_store.root))
        yield tiny_store


@pytest.fixture(scope="module")
def mels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_pack(tmp_path_factory.mktemp("mels"), "vae", 8, songs_of, window_s=WINDOW_S, hop_s=WINDOW_S)


@pytest.fixture(scope="module")
def short_mels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same songs in pieces, which take less time to learn."""
    return tiny_pack(tmp_path_factory.mktemp("short"), "vae", 16, songs_of, window_s=0.32, hop_s=0.96)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory, in_store: Store) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(packing.PRINTS, "clap", Recipe("tiny", (Clap(),)).fingerprints["clap"])
        return tiny_pack(tmp_path_factory.mktemp("tokens"), "codec-lm", 12, tokens_of, window_s=0.48, hop_s=1.0)


def run_of(folder: Path, training: str, location: Path, steps: int, *settings: str) -> Path:
    """A run as ``muze train`` leaves it."""
    pack = Pack.open(str(location))
    stream = Stream([pack])
    assignments = (*settings, f"looping.steps={steps}")
    run = Run(folder, training, assignments, (str(location),), None, pack.payload, stream.statistics)
    run.write()
    preset = fitted(run.preset, pack.payload)
    Loop(preset, stream, Checkpoints(run.checkpoints, 1), Logbook(folder, 0), Workers()).run()
    return folder


@pytest.fixture(scope="module")
def vae(tmp_path_factory: pytest.TempPathFactory, short_mels: Path) -> Path:
    return run_of(tmp_path_factory.mktemp("vae") / "run", "vae-tiny", short_mels, 25, *VAE)


@pytest.fixture(scope="module")
def codec_lm(tmp_path_factory: pytest.TempPathFactory, tokens: Path) -> Path:
    return run_of(tmp_path_factory.mktemp("lm") / "run", "codec-lm-tiny", tokens, 3, *CODEC_LM)


def said(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = main(["evaluate", *map(str, words)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_a_vae_gives_back_windows_that_it_has_learnt(
    mels: Path, short_mels: Path, vae: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    control = run_of(tmp_path / "control", "vae-tiny", short_mels, 1, *VAE, "optimizing.learning_rate=0")
    found = {}
    for name, run in (("trained", vae), ("control", control)):
        words = ("--run", run, "--data", mels, "--samples", 2, "--embedding", "resemblyzer", "--json")
        code, out, _ = said(capsys, *words)
        assert code == 0
        found[name] = json.loads(out)
    trained, untrained = found["trained"], found["control"]
    assert trained["loss"]["windows"] == untrained["loss"]["windows"] == Pack.open(str(mels)).windows("test")
    losses = [each["loss"]["means"]["reconstruction"] for each in (trained, untrained)]
    assert losses[0] < losses[1] / 2
    distances = [each["distances"][0] for each in (trained, untrained)]
    assert distances[0]["reference_sha256"] == distances[1]["reference_sha256"]
    assert distances[0]["fad"] < distances[1]["fad"]
    assert distances[0]["kad"] < distances[1]["kad"]
    assert distances[0]["model"] == model_id("resemblyzer")
    assert trained["sounds"]["rendered_through"] == {"vocoder": "griffin-lim"}
    assert trained["sounds"]["made"] == "reconstructed"
    assert trained["loss"]["perplexity"] is None
    for subject, score in (("tempo", "accuracy_1"), ("key", "weighted_score")):
        adherence = trained["adherence"][subject]
        assert adherence["reference"]["asked"] == 2
        assert adherence["reference"][score] >= 0.5  # the songs are heard to be what they are
        assert adherence["made"][score] >= untrained["adherence"][subject]["made"][score]


def test_a_language_model_is_judged_the_same_twice(
    tokens: Path, codec_lm: Path, in_store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--run", codec_lm, "--data", tokens, "--samples", 2, "--seed", 5)
    code, first, _ = said(capsys, *words, "--json", "--out", tmp_path / "first.json")
    assert code == 0
    code, table, _ = said(capsys, *words, "--out", tmp_path / "second.json")
    assert code == 0
    assert (tmp_path / "first.json").read_bytes() == (tmp_path / "second.json").read_bytes()
    document = json.loads(first)
    assert document == json.loads((tmp_path / "first.json").read_text())

    nats, perplexity = document["loss"]["means"], document["loss"]["perplexity"]
    assert set(nats) == {"total", *(f"codebook_{number}" for number in range(4))}
    assert nats["total"] == pytest.approx(np.mean([nats[f"codebook_{number}"] for number in range(4)]))
    assert perplexity["codebook_3"] == pytest.approx(np.exp(nats["codebook_3"]))
    assert perplexity["total"] == pytest.approx(CODEBOOK_SIZE, rel=0.3)  # tokens are random: nothing can be known

    rendered, tracks = document["distances"]
    assert {each["embedding"] for each in (rendered, tracks)} == {"clap"}  # the store has it
    assert rendered["model"] == model_id(*Clap().weights)
    assert (rendered["made_vectors"], rendered["reference_vectors"], rendered["dimensions"]) == (2, 2, 512)
    pack = Pack.open(str(tokens))
    assert tracks["reference_vectors"] == pack.document["splits"]["test"]["tracks"]
    assert tracks["reference_sha256"] != rendered["reference_sha256"]
    assert document["sounds"]["how"]["seed"] == 5
    assert document["sounds"]["rendered_through"] == {"codec": model_id("encodec-32khz")}
    assert -1 <= document["clap_score"]["made"] <= 1
    assert "CLAP score" in table
    assert f"{rendered['fad']:.4g}" in table


def ldm_words(runs: TinyRuns) -> tuple[object, ...]:
    return "--run", runs.ldm, "--data", Run.read(runs.ldm).packs[0], "--samples", 2, "--steps", 1


def test_latent_diffusion_is_judged_by_what_it_makes_of_the_same_windows(
    runs: TinyRuns, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LOCATION, str(runs.store.root))
    found = []
    for words in (("--seed", 1, "--checkpoint", 3), ("--seed", 2)):
        code, out, error = said(capsys, *ldm_words(runs), "--json", *words)
        assert code == 0, error
        found.append(json.loads(out))
    one, other = found
    pack = Pack.open(Run.read(runs.ldm).packs[0])
    assert one["checkpoint"] == other["checkpoint"] == "step-00000003"
    assert one["loss"] == other["loss"]  # its draws are those of validation, whatever the seed
    assert one["loss"]["windows"] == pack.windows("test") > 2
    assert 0 < one["loss"]["means"]["total"] < 10  # of normalised latents
    assert one["loss"]["perplexity"] is None
    assert one["sounds"]["made"] == "generated"
    assert one["sounds"]["how"]["steps"] == 1
    assert one["sounds"]["rendered_through"] == {"decoder": model_id("vae-songs"), "vocoder": "griffin-lim"}
    distances = [document["distances"][0] for document in found]
    for name in ("reference", "reference_sha256", "model", "dimensions", "made_vectors"):
        assert distances[0][name] == distances[1][name]
    assert (distances[0]["made_vectors"], distances[0]["dimensions"]) == (2, 256)
    assert distances[0]["fad"] != distances[1]["fad"]
    assert distances[0]["kad"] != distances[1]["kad"]
    asked = [window.known for window in first_windows(pack, "test", 2)]
    for subject, condition in (("tempo", "tempo_bpm"), ("key", "key_index")):
        assert all(known[condition] is not None for known in asked)
        assert {side["asked"] for side in one["adherence"][subject].values()} == {2}
        assert one["adherence"][subject]["reference"] == other["adherence"][subject]["reference"]


def test_what_cannot_be_heard_without_a_package_is_not_measured(
    runs: TinyRuns, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LOCATION, str(runs.store.root))
    monkeypatch.setitem(sys.modules, "librosa", None)  # as if it were not installed
    code, table, error = said(capsys, *ldm_words(runs))
    assert code == 0, error
    rows = [line for line in table.splitlines() if line.startswith(("FAD", "KAD", "tempo", "key"))]
    assert [row.split()[0] for row in rows] == ["FAD", "KAD"]
    why = "hearing the tempo needs the package librosa, which is not installed: pip install 'muze[mir]'"
    assert f"not measured: {why}" in table.splitlines()


@pytest.mark.parametrize(
    ("missing", "words", "sentence"),
    [
        ("resemblyzer", ("--embedding", "resemblyzer"), "embedding resemblyzer needs the package resemblyzer, which"),
        ("laion_clap", (), "embedding clap: laion-clap is not installed: pip install 'muze[clap]'"),
        ("torch", (), "it needs the package torch, which is not installed: pip install 'muze[train]'"),
    ],
)
def test_a_package_without_which_nothing_can_be_said_is_one_sentence(
    missing: str,
    words: tuple[str, ...],
    sentence: str,
    mels: Path,
    vae: Path,
    in_store: Store,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    code, out, error = said(capsys, "--run", vae, "--data", mels, *words)
    assert (code, out) == (2, "")
    assert error.strip().splitlines() == [line for line in error.splitlines() if sentence in line]


def test_distances_are_measured_from_the_windows_and_not_from_what_was_made() -> None:
    from jobs.evaluating.embeddings import Embedding
    from jobs.evaluating.measures import Sounds, Vectors, distances

    pack = Pack("songs", {"splits": {"test": {"shards": []}}})
    drawn = np.random.default_rng(0).normal(size=(2, 5, 3)) * np.array([1, 4])[:, None, None]
    made, reference = drawn.astype(np.float32)
    vectors = Vectors(Embedding("resemblyzer", "a", lambda _: None), [*made, None], [None, *reference])
    [found] = distances(Sounds(pack, "test", [], [], [], ""), vectors)
    assert (found["made_vectors"], found["reference_vectors"], found["dimensions"]) == (5, 5, 3)
    assert found["kad"] == kernel_distance(reference, made)
    assert found["kad"] != pytest.approx(kernel_distance(made, reference), rel=0.1)
    assert found["fad"] == frechet_distance(reference, made)


def test_a_clap_score_needs_packages(tokens: Path, in_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from featurizers.audio import Audio
    from jobs.evaluating.measures import Sounds, Vectors, clap_score

    pack = Pack.open(str(tokens))
    noise = [Audio(np.random.default_rng(n).normal(size=(1, 48000)).astype(np.float32) / 9, 48000) for n in range(2)]
    sounds = Sounds(pack, "test", first_windows(pack, "test", 2), noise, noise, "")
    vectors = Vectors.of(sounds, load_embedding("resemblyzer"))
    monkeypatch.setitem(sys.modules, "laion_clap", None)
    score = clap_score(sounds, vectors)
    assert score["made"] is None
    assert score["why"] == "embedding clap: laion-clap is not installed: pip install 'muze[clap]'"


def test_a_clap_score_is_the_cosine_of_text_and_sound(tokens: Path, in_store: Store) -> None:
    from featurizers.audio import Audio
    from jobs.evaluating.measures import Sounds, Vectors, clap_score

    pack = Pack.open(str(tokens))
    windows = first_windows(pack, "test", 3)
    windows[1] = replace(windows[1], known=windows[1].known | {"prompt": None})
    noise = [Audio(np.random.default_rng(n).normal(size=(1, 24000)).astype(np.float32) / 9, 48000) for n in range(3)]
    sounds = Sounds(pack, "test", windows, noise, noise[::-1], "")
    embedding = load_embedding("clap")
    score = clap_score(sounds, Vectors.of(sounds, embedding))
    texts = text_vectors([windows[0].known["prompt"], windows[2].known["prompt"]])
    vectors = [embedding.embed(noise[0]), embedding.embed(noise[2])]
    expected = np.mean([text @ vector for text, vector in zip(texts, vectors, strict=True)])
    crossed = np.mean([text @ vector for text, vector in zip(texts, vectors[::-1], strict=True)])
    assert score["made"] == pytest.approx(expected, abs=1e-6)
    assert score["reference"] == pytest.approx(crossed, abs=1e-6)
    silent = [replace(window, known=window.known | {"prompt": None}) for window in windows]
    assert clap_score(replace(sounds, windows=silent), Vectors.of(sounds, embedding))["why"] == (
        "none of the windows has a prompt"
    )


def test_the_losses_of_a_split_are_those_of_validation(vae: Path, short_mels: Path) -> None:
    pack, trained = Pack.open(str(short_mels)), Trained.open(vae)
    found, looping = split_losses(trained, pack, "valid"), trained.run.preset.looping
    count = pack.windows("valid")
    assert count % looping.batch_windows == 0, "validation leaves some out"
    assert found.windows == count
    validation = read_metrics(vae)[-1]
    for name, value in found.means.items():
        assert validation[f"validation/model/{name}"] == pytest.approx(value, rel=1e-5)

    assert count % 5 != 0, "whole batches of five leave some over"
    fives = "looping.micro_windows=5"
    other = replace(trained, run=replace(trained.run, assignments=(*trained.run.assignments, fives)))
    assert split_losses(other, pack, "valid").means == pytest.approx(dict(found.means), rel=1e-5)


def test_another_packs_windows_are_normalised_as_the_model_knows_them(vae: Path, short_mels: Path) -> None:
    pack, trained = Pack.open(str(short_mels)), Trained.open(vae)
    own = trained.statistics
    assert own is not None
    other = Pack(pack.location, pack.document | {"statistics": {"mean": own.mean + 1, "std": own.std * 2}})
    found = split_losses(trained, other, "valid").means
    assert found == pytest.approx(dict(split_losses(trained, pack, "valid").means), rel=1e-3)
    stereo = replace(trained.payload, shape=(2, 128, 999))
    with pytest.raises(SettingError, match=r"windows whose shape is \(2, 128, 32\), the pack's is \(1, 128, 32\)"):
        split_losses(replace(trained, payload=stereo), pack, "valid")


def test_windows_are_rows_of_the_pack_in_the_order_of_validation(short_mels: Path) -> None:
    pack = Pack.open(str(short_mels))
    windows = first_windows(pack, "valid", 10_000)
    batches = [parts[0] for parts in Stream([pack]).batches("valid", 0, 1, 1)]
    assert [window.known["track_id"] for window in windows] == [batch.track_ids[0] for batch in batches]
    assert len({(window.known["track_id"], window.known["window"]) for window in windows}) == pack.windows("valid")
    assert pack.statistics is not None
    for window, batch in zip(windows, batches, strict=True):
        expected = pack.statistics.restored(batch.payload)[0].numpy()
        np.testing.assert_allclose(window.payload.astype(np.float32), expected, atol=1e-4)


def test_tempo_adherence_counts_what_was_asked() -> None:
    asked = [100.0, 100.0, 100.0, 100.0, None, 100.0]
    heard = [103.9, 51.0, 150.0, None, 90.0, 300.0]
    found = tempo_adherence(asked, heard)
    assert found is not None
    assert (found["asked"], found["heard"]) == (5, 4)
    assert found["accuracy_1"] == 1 / 5
    assert found["accuracy_2"] == 3 / 5
    assert found["mean_relative_error"] == pytest.approx((0.039 + 0.49 + 0.5 + 2) / 4)
    assert tempo_adherence([None, None], [100.0, None]) is None
    silent = tempo_adherence([100.0], [None])
    assert silent is not None
    assert silent["mean_relative_error"] is None


def test_key_scores_are_those_of_mir_eval() -> None:
    names = [f"{tonic} {mode}" for mode in ("major", "minor") for tonic in PITCH_CLASSES]
    for asked, name in enumerate(names):
        for heard, its_name in enumerate(names):
            assert key_score(asked, heard) == mir_eval.key.weighted_score(name, its_name), (name, its_name)
    found = key_adherence([0, 0, 21, None], [0, 7, None, 3])
    assert found == {"asked": 3, "heard": 2, "accuracy": 1 / 3, "weighted_score": 0.5}
    assert key_adherence([None], [3]) is None


BAD = {
    "no run": (("--run", "{out}/none", "--data", "{mels}"), 2, "there is no run in"),
    "no pack": (("--run", "{vae}", "--data", "{out}/none"), 2, "no pack at"),
    "another payload": (("--run", "{vae}", "--data", "{tokens}"), 2, "windows whose name is mel, the pack's is tokens"),
    "samples": (("--run", "{vae}", "--data", "{mels}", "--samples", "1"), 2, "--samples is 1: expected 2 or more"),
    "embedding": (("--run", "{vae}", "--data", "{mels}", "--embedding", "ear"), 2, "there is no embedding 'ear'"),
    "weights": (
        ("--run", "{vae}", "--data", "{mels}", "--embedding", "clap", "--weights", "{out}/store"),
        1,
        "embedding clap needs the weight clap-music-audioset, which is not in the store",
    ),
    "out": (
        ("--run", "{vae}", "--data", "{mels}", "--out", "{out}/no/where.json"),
        2,
        "no/where.json': No such file",
    ),
    "steps": (("--run", "{vae}", "--data", "{mels}", "--steps", "0"), 2, "evaluate: --steps is 0, expected 1 to 1000"),
    "cfg": (("--run", "{vae}", "--data", "{mels}", "--cfg", "nan"), 2, "evaluate: --cfg is nan, expected a finite"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_is_one_sentence(
    case: str,
    mels: Path,
    tokens: Path,
    vae: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words, expected, sentence = BAD[case]
    monkeypatch.setenv(LOCATION, str(tmp_path / "none"))  # put back afterwards, whatever --weights sets
    places = {"out": tmp_path, "mels": mels, "tokens": tokens, "vae": vae}
    code, out, error = said(capsys, *(word.format(**places) for word in words))
    assert (code, out) == (expected, "")
    assert sentence in error
    assert len(error.strip().splitlines()) == 1
