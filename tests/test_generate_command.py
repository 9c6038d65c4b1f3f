"""``muze generate``: a WAV and a JSON that says how to make it again, and one sentence for what cannot be."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from featurizers import singer
from featurizers.audio import Audio
from featurizers.weights import model_id
from featurizers.weights_store import LOCATION, Store
from full_disk import no_file_above
from jobs.generating.lyrics import phonemes_of
from jobs.generating.output import json_path, write
from jobs.generating.rerank import clap_scores
from jobs.main import main
from pipeline.errors import BadArgumentError
from tiny_runs import TinyRuns, take_weights
from voices import harmonic, vibrato_hz

KEYS = {
    *("format", "muze", "options", "how", "run", "payload", "statistics", "device", "through", "weights", "told"),
    *("sections", "style", "files", "candidates", "notes", "audio"),
}


@pytest.fixture(autouse=True)
def _store(runs: TinyRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOCATION, str(runs.store.root))


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    path = tmp_path / "voice.wav"
    soundfile.write(path, harmonic(vibrato_hz(220.0, 5.0, 50.0, 2.0)), 16000)
    return path


def said(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    capsys.readouterr()
    code = main(["generate", *map(str, words)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def made(capsys: pytest.CaptureFixture[str], run: Path, out: Path, *words: object) -> dict[str, Any]:
    """What the JSON says, once it is sure that it speaks of the WAV."""
    code, printed, error = said(capsys, "--run", run, "--out", out, "--json", *words)
    assert code == 0, error
    document = json.loads(printed)
    assert document == json.loads(json_path(out).read_text())
    assert document.keys() == KEYS
    samples, rate_hz = soundfile.read(out, dtype="int16", always_2d=True)
    audio = document["audio"]
    assert (rate_hz, *samples.shape[::-1]) == (audio["rate_hz"], audio["channels"], audio["samples"])
    assert hashlib.sha256(out.read_bytes()).hexdigest() == audio["sha256"]
    assert sorted(path.name for path in out.parent.glob(f"*{out.stem}.*")) == [json_path(out).name, out.name]
    assert samples.any()
    return document


def test_a_language_model_with_everything_it_takes(
    runs: TinyRuns, tmp_path: Path, voice: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--prompt", "a slow song", "--duration", 0.1, "--tempo", 90, "--key", "A minor", "--genre", "jazz"]
    words += ["--seed", 3, "--cfg", 2, "--temperature", 0.9, "--top-k", 8, "--top-p", 0.9, "--continue-from", voice]
    document = made(capsys, runs.cross, tmp_path / "a.wav", *words)
    codec = model_id("encodec-32khz")
    assert document["through"] == {"codec": codec}
    assert document["weights"] == [codec, "hash"]
    assert document["told"] == ["genre", "key_index", "prompt", "tempo_bpm"]
    assert document["how"] | {"guidance": 2.0, "temperature": 0.9, "top_k": 8, "top_p": 0.9} == document["how"]
    assert (document["options"]["seed"], document["how"]["seed"]) == (3, 3)
    assert document["files"] == {str(voice): hashlib.sha256(voice.read_bytes()).hexdigest()}
    assert document["run"]["checkpoint"] == "step-00000003"
    assert document["run"]["training"] == "codec-lm-tiny"
    assert document["run"]["settings"]["task"]["prompt_s"] == 0.1
    assert (document["audio"]["rate_hz"], document["audio"]["samples"]) == (8000, 800)
    assert document["notes"] == []
    (tmp_path / "again").mkdir()
    again = made(capsys, runs.cross, tmp_path / "again" / "a.wav", *words)
    assert (tmp_path / "again" / "a.wav").read_bytes() == (tmp_path / "a.wav").read_bytes()
    assert again["options"].pop("out") != document["options"].pop("out")
    assert again == document
    alone = made(capsys, runs.cross, tmp_path / "b.wav", *words[:-2])
    assert alone["audio"]["sha256"] != document["audio"]["sha256"]


def test_latent_diffusion_in_sections_with_a_voice_and_words(
    runs: TinyRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--prompt", "slow", "--steps", 1, "--duration", 2.5, "--template", "verse_chorus", "--seed", 1]
    sung = ["--style-of", "artist 1", "--lyrics", "rain and rain", "--sampler", "ddim"]
    document = made(capsys, runs.ldm, tmp_path / "song.wav", *words, *sung)
    assert document["through"] == {"decoder": model_id("vae-songs"), "vocoder": "griffin-lim"}
    assert document["weights"] == [model_id("vae-songs"), "hash"]
    expected = {"artist", "has_vocals", "phonemes", "prompt", "voice", "section_type", "section_position"}
    assert document["told"] == sorted({*expected, "section_energy"})
    assert [section["type"] for section in document["sections"]] == ["verse", "chorus"]
    assert document["style"]["artist"] == "Artist 1"
    expected_voice = np.random.default_rng(1).normal(size=256)
    assert document["style"]["voice"] == pytest.approx((expected_voice / np.linalg.norm(expected_voice)).tolist())
    assert document["style"]["ecapa"] is None
    assert document["how"]["sampler"] == "ddim"
    assert (document["audio"]["rate_hz"], document["audio"]["samples"]) == (32000, 80000)


def test_a_vae_says_that_it_heeds_nothing(runs: TinyRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, error = said(capsys, "--run", runs.vae, "--out", tmp_path / "v.wav", "--prompt", "slow")
    assert code == 0
    assert out.split() == [str(tmp_path / "v.wav"), "and", str(tmp_path / "v.json")]
    document = json.loads((tmp_path / "v.json").read_text())
    assert document["notes"] == [
        "a model of vae-tiny reads no prompts: it was not told 'slow'",
        "a VAE is no generator: this decodes draws of its prior, the standard normal",
    ]
    assert [f"muze generate: {note}" for note in document["notes"]] == error.strip().splitlines()[-2:]
    assert document["audio"]["samples"] == 1.28 * 32000
    assert document["told"] == []
    sounds = [made(capsys, runs.vae, tmp_path / f"{n}.wav", "--seed", n)["audio"]["sha256"] for n in (0, 1)]
    assert sounds[0] == document["audio"]["sha256"]
    assert sounds[1] != sounds[0]


def test_a_voice_from_a_file(runs: TinyRuns, tmp_path: Path, voice: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = made(capsys, runs.prefix, tmp_path / "a.wav", "--style-of", voice, "--duration", 0.05)
    samples, _ = soundfile.read(voice, dtype="float32")
    expected = singer.embed(singer.load_encoder(), Audio(samples[None], 16000))
    assert document["style"]["voice"] == pytest.approx(expected.tolist(), abs=1e-5)
    assert document["style"]["artist"] is None
    assert document["told"] == ["voice"]
    assert document["weights"][-1] == model_id("resemblyzer")


def test_the_candidate_that_fits_best_is_taken(
    runs: TinyRuns,
    tiny_store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["--prompt", "fast happy drums", "--duration", 0.45, "--candidates", 2, "--top-k", 0]
    code, _, error = said(capsys, "--run", runs.prefix, "--out", tmp_path / "a.wav", *words)
    assert code == 2
    assert "judged by CLAP, whose weights are missing: 'muze models pull clap-music-audioset roberta-base'" in error
    store = Store(tmp_path / "weights")
    take_weights(store, runs.store, "encodec-32khz")
    take_weights(store, tiny_store, "clap-music-audioset", "roberta-base")
    monkeypatch.setenv(LOCATION, str(store.root))
    document = made(capsys, runs.prefix, tmp_path / "a.wav", *words)
    scores, chosen = document["candidates"]["clap_scores"], document["candidates"]["chosen"]
    assert len(scores) == 2
    assert scores[chosen] == max(scores)
    assert all(-1 <= score <= 1 for score in scores)
    assert document["weights"][-2:] == [model_id("clap-music-audioset"), model_id("roberta-base")]
    samples, rate_hz = soundfile.read(tmp_path / "a.wav", dtype="float32", always_2d=True)
    silence = np.zeros((1, rate_hz), np.float32)
    [found, nothing] = clap_scores("fast happy drums", [samples.T / document["audio"]["gain"], silence], rate_hz)
    assert found == pytest.approx(scores[chosen], abs=1e-3)
    assert nothing == -np.inf


BAD = {
    "no run": (["--run", "{out}"], "there is no run in"),
    "not wav": (["--run", "{prefix}", "--out", "{out}/a.mp3"], "expected a name that ends in .wav"),
    "duration": (["--run", "{prefix}", "--duration", "0"], "--duration is 0: expected more than 0"),
    "nan": (["--run", "{prefix}", "--duration", "nan"], "--duration is nan: expected more than 0"),
    "key": (["--run", "{prefix}", "--key", "H"], "there is no key 'H'"),
    "long": (["--run", "{prefix}", "--duration", "1e9"], "--duration is 1e+09: expected more than 0, and 3600 s at"),
    "for ever": (["--run", "{prefix}", "--duration", "inf"], "--duration is inf: expected more than 0, and 3600 s at"),
    "tempo": (["--run", "{prefix}", "--tempo", "-3"], "--tempo is -3: expected 20 to 400 bpm"),
    "fast": (["--run", "{prefix}", "--tempo", "99999"], "--tempo is 99999: expected 20 to 400 bpm"),
    "no tempo": (["--run", "{prefix}", "--tempo", "nan"], "--tempo is nan: expected 20 to 400 bpm"),
    "guidance": (["--run", "{prefix}", "--cfg", "nan"], "--cfg is nan, expected a finite number"),
    "no heat": (["--run", "{prefix}", "--temperature", "nan"], "--temperature is nan, expected 0 or more, and finite"),
    "heat": (["--run", "{prefix}", "--temperature", "inf"], "--temperature is inf, expected 0 or more, and finite"),
    "few": (["--run", "{prefix}", "--top-k", "-1"], "--top-k is -1, expected 0 or more"),
    "probability": (["--run", "{prefix}", "--top-p", "2"], "--top-p is 2.0, expected more than 0, and 1 at most"),
    "no folder": (["--run", "{prefix}", "--out", "{out}/b/a.wav"], "cannot write --out '{out}/b/a.wav': No such file"),
    "in a file": (["--run", "{prefix}", "--out", "{silence}/a.wav"], "cannot write --out '{silence}/a.wav': Not a dir"),
    "long name": (["--run", "{prefix}", "--out", f"{{out}}/{'a' * 251}.wav"], "File name too long"),
    "template": (["--run", "{prefix}", "--template", "chorus_verse"], "there is no template 'chorus_verse'"),
    "too short": (["--run", "{prefix}", "--template", "pop_song", "--duration", "3"], "pop_song needs 19 s at least"),
    "candidates": (["--run", "{prefix}", "--candidates", "0"], "--candidates is 0"),
    "many candidates": (["--run", "{prefix}", "--candidates", "101"], "--candidates is 101: expected 1 to 100"),
    "no prompt": (["--run", "{prefix}", "--candidates", "2"], "add --prompt"),
    "artist": (["--run", "{prefix}", "--style-of", "Artist 9"], "neither a file nor an artist of the run: the nearest"),
    "no voice": (["--run", "{prefix}", "--style-of", "{silence}"], "too short or silent, there is no voice in it"),
    "no audio": (["--run", "{prefix}", "--continue-from", "{run}"], "--continue-from"),
    "steps": (["--run", "{prefix}", "--steps", "9"], "--steps is nothing that a run of codec-lm-tiny can use"),
    "lyrics": (["--run", "{prefix}", "--lyrics", "la"], "--lyrics is nothing that a run of codec-lm-tiny can use"),
    "vocoder": (["--run", "{prefix}", "--vocoder", "griffin-lim"], "--vocoder is nothing that a run of codec-lm-tiny"),
    "top-k": (["--run", "{ldm}", "--top-k", "9"], "--top-k is nothing that a run of ldm-tiny can use: leave it out"),
    "continue": (["--run", "{ldm}", "--continue-from", "a.wav"], "--continue-from is nothing that a run of ldm-tiny"),
    "steps 0": (["--run", "{ldm}", "--steps", "0"], "--steps is 0, expected 1 to 1000"),
    "many steps": (["--run", "{ldm}", "--steps", "1001"], "--steps is 1001, expected 1 to 1000"),
    "sampler": (["--run", "{ldm}", "--sampler", "eular"], "there is no sampler 'eular'"),
    "language": (["--run", "{ldm}", "--lyrics", "la la", "--language", "xx"], "--language xx"),
    "no words": (["--run", "{ldm}", "--lyrics", "- -"], "has no word that could be sung"),
    "cfg": (["--run", "{vae}", "--cfg", "2"], "--cfg is nothing that a run of vae-tiny can use"),
    "key of a vae": (["--run", "{vae}", "--key", "C"], "--key is nothing that a run of vae-tiny can use"),
    "no vocoder": (["--run", "{vae}", "--vocoder", "{out}"], "expected griffin-lim, bigvgan, vocos or the folder"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_is_one_sentence(
    case: str, runs: TinyRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, sentence = BAD[case]
    silence = tmp_path / "silence.wav"
    soundfile.write(silence, np.zeros(16000), 16000)
    (tmp_path / "out").mkdir()
    places = {"out": tmp_path / "out", "silence": silence, "run": runs.ldm / "run.json"}
    filled = [
        word.format(**places, **{name: getattr(runs, name) for name in ("vae", "ldm", "prefix")}) for word in words
    ]
    code, out, error = said(capsys, "--out", tmp_path / "out" / "a.wav", *filled)
    assert (code, out) == (2, "")
    assert sentence.format(**places) in error
    assert len([line for line in error.splitlines() if line.startswith("muze generate:")]) == 1
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("name", ["a.wav", "a.json"])
def test_a_folder_is_no_place_for_a_sound(
    name: str, runs: TinyRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).mkdir()
    code, _, error = said(capsys, "--run", runs.prefix, "--out", tmp_path / "a.wav")
    assert code == 2
    assert f"{str(tmp_path / name)!r} is a folder, give the name of a file" in error


def test_where_it_cannot_be_written_nothing_is_sampled(
    runs: TinyRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(LOCATION, str(tmp_path / "empty"))  # the first weight that is asked for would fail with 1
    code, _, error = said(capsys, "--run", runs.prefix, "--out", "/proc/a.wav")
    assert (code, error) == (2, "muze generate: cannot write --out '/proc/a.wav': No such file or directory\n")


def test_the_settings_are_those_of_the_model(
    runs: TinyRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = made(capsys, runs.prefix, tmp_path / "a.wav", "--duration", 0.05)
    task, payload = document["run"]["settings"]["task"], document["payload"]
    assert [task["codebooks"], task["window_frames"]] == payload["shape"]
    assert (task["frames_a_s"], task["codebook_size"]) == (payload["rate_hz"], payload["spec"]["codebook_size"])
    assert task["text_encoder"] == "hash"


def test_weights_that_are_missing_are_a_failure(
    runs: TinyRuns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(LOCATION, str(tmp_path / "empty"))
    for run, name in ((runs.prefix, "encodec-32khz"), (runs.ldm, "vae-songs")):
        code, _, error = said(capsys, "--run", run, "--out", tmp_path / "a.wav")
        assert code == 1
        assert f"weight {name} is not in the store" in error


def test_a_pack_that_is_gone_is_needed_for_its_artists_only(
    runs: TinyRuns, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = shutil.copytree(runs.prefix, tmp_path / "run")
    said_of = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(said_of | {"packs": [str(tmp_path / "gone")]}))
    made(capsys, run, tmp_path / "a.wav", "--duration", 0.05)
    code, _, error = said(capsys, "--run", run, "--out", tmp_path / "b.wav", "--style-of", "Artist 1")
    assert code == 2
    assert "no pack at" in error


def test_words_are_sung_from_the_start_at_the_pace_of_a_song() -> None:
    found = phonemes_of("rain falls, rain", "en", 60.0)
    assert found[0]["start_s"] == 0
    assert found[-1]["end_s"] == pytest.approx(1.2)
    assert [row["symbol"] for row in found[:3]] == [row["symbol"] for row in found[-3:]]
    hurried = phonemes_of("rain falls, rain", "en", 0.6)
    assert hurried[-1]["end_s"] == pytest.approx(0.6)


def test_loud_sound_is_turned_down_and_not_clipped(tmp_path: Path) -> None:
    loud = np.array([[0.5, -4.0, 2.0]], np.float32)
    document = write(tmp_path / "a.wav", loud, 8000, {"muze": "1"})
    assert document["audio"]["gain"] == 0.25
    assert soundfile.read(tmp_path / "a.wav")[0] == pytest.approx([0.125, -1.0, 0.5], abs=1e-4)
    write(tmp_path / "a.wav", loud / 8, 8000, {})
    assert soundfile.read(tmp_path / "a.wav")[0] == pytest.approx([0.0625, -0.5, 0.25], abs=1e-4)


def test_a_full_disk_is_a_sentence_and_leaves_the_piece_that_was_there(tmp_path: Path) -> None:
    out = tmp_path / "a.wav"
    first = write(out, np.zeros((1, 800), np.float32), 8000, {"muze": "1"})
    with no_file_above(1 << 14), pytest.raises(BadArgumentError, match="cannot write --out"):
        write(out, np.zeros((1, 80000), np.float32), 8000, {"muze": "2"})
    assert json.loads(json_path(out).read_text()) == first
    assert soundfile.read(out)[0].shape == (800,)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.json", "a.wav"]
