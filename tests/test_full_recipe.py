"""The recipe ``full`` end to end, with tiny models in a weights store: every fragment, resumed, accounted for."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from featurizers.weights_store import LOCATION, Store
from harness import dump
from inline import inline_build, without_ray
from jobs.main import main
from jobs.named_recipes import load_recipe
from pipeline.dataset import open_dataset

NUM_SONGS = 2


@pytest.fixture(scope="module")
def built(songs: Path, tiny_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A dataset of two songs and a broken file."""
    folder = tmp_path_factory.mktemp("full")
    music = folder / "music"
    music.mkdir()
    for song in sorted(path for path in (songs / "music").rglob("*") if path.is_file())[:NUM_SONGS]:
        shutil.copy(song, music)
    (music / "broken.mp3").write_bytes(b"no music")
    with pytest.MonkeyPatch.context() as patch:
        without_ray(patch)
        patch.setenv(LOCATION, str(tiny_store.root))
        tally = inline_build(music, folder / "dataset", "full")
        again = inline_build(music, folder / "dataset", "full")
        yield folder, tally.report(), again.report()


def test_every_fragment_accounts_for_every_track(built: Any) -> None:
    _, report, _ = built
    assert report["fragments"].keys() == load_recipe("full").fragments.keys()
    for name, counts in report["fragments"].items():
        failed = 1 if name == "tracks" else 0
        assert (counts["rows"], counts["failed"]) == (NUM_SONGS, failed), name


def test_a_second_build_does_nothing(built: Any) -> None:
    _, _, again = built
    assert (again["new"], again["decodes"]) == (0, 0)
    assert all(counts["new"] == 0 for counts in again["fragments"].values())


def test_each_song_is_decoded_once_and_its_stems_lie_in_the_dataset(built: Any) -> None:
    folder, report, _ = built
    assert report["decodes"] == NUM_SONGS + 1  # the broken file is tried too
    for row in dump(folder / "dataset", ["stems"])["stems"]:
        for stem in ("vocals", "drums", "bass", "other"):
            assert (folder / "dataset" / row[f"{stem}_uri"]).stat().st_size > 0


def test_rows_name_the_weights_they_came_from(built: Any, tiny_store: Store) -> None:
    folder, _, _ = built
    dataset = open_dataset(str(folder / "dataset"))
    for name in ("stems", "clap", "clap_text", "singer_vocals", "lyrics"):
        models = set(dataset.table(name, [f"{name}_model"])[f"{name}_model"].to_pylist())
        assert len(models) == 1
        assert "@" in models.pop()


def test_it_is_searched_by_text_and_by_sound(built: Any, capsys: pytest.CaptureFixture[str]) -> None:
    folder, _, _ = built
    song = sorted((folder / "music").iterdir())[0]
    for words in (["--text", "a slow song"], ["--audio", str(song)], ["--audio", str(song), "--by", "singer"]):
        assert main(["search", str(folder / "dataset"), *words, "-k", "1", "--json"]) == 0
    assert str(song) in capsys.readouterr().out


def test_other_weights_are_another_dataset_and_search_says_so(
    built: Any, tiny_store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _, _ = built
    other = Store(tmp_path / "other")
    shutil.copytree(tiny_store.root, other.root)
    config = other.path("clap-music-audioset") / "model_config.json"
    config.write_text(config.read_text() + "\n")
    other.record("clap-music-audioset", "tiny")
    monkeypatch.setenv(LOCATION, str(other.root))
    assert main(["search", str(folder / "dataset"), "--text", "a slow song"]) == 2
    assert "the dataset was embedded with clap-music-audioset@" in capsys.readouterr().err


def built_on(built: Any, tmp_path: Path, recipe: str) -> dict[str, Any]:
    """The report of a build of the same music onto a copy of the dataset."""
    folder, _, _ = built
    shutil.copytree(folder / "dataset", tmp_path / "dataset")
    (tmp_path / "recipe.yaml").write_text(recipe)
    return inline_build(folder / "music", tmp_path / "dataset", tmp_path / "recipe.yaml").report()


def test_a_language_that_nobody_can_pronounce_costs_the_phonemes_alone(
    built: Any, tmp_path: Path, tiny_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = built_on(built, tmp_path, "fragments: {stems: {}, lyrics: {language: oc}, phonemes: {}}\n")
    counts = {name: (found["rows"], found["new"], found["failed"]) for name, found in report["fragments"].items()}
    assert counts["stems"] == (NUM_SONGS, 0, 0)
    assert counts["lyrics"] == (NUM_SONGS, NUM_SONGS, 0)
    assert counts["phonemes"] == (0, 0, NUM_SONGS)
    rows = open_dataset(str(tmp_path / "dataset")).system_rows("failures").to_pylist()
    messages = [row["message"] for row in rows if row["fragment"] == "phonemes"]
    assert len(messages) == NUM_SONGS
    assert all("read the language 'oc'" in message for message in messages)


def test_a_setting_of_one_fragment_recomputes_it_and_its_readers_alone(
    built: Any, tmp_path: Path, tiny_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = "".join(f"  {name}: {{}}\n" for name in load_recipe("full").by_fragment if name != "lyrics")
    report = built_on(built, tmp_path, f"fragments:\n{full}  lyrics: {{beam_size: 2}}\n")
    recomputed = {name for name, counts in report["fragments"].items() if counts["new"]}
    assert recomputed == {"lyrics", "phonemes", "structure", "theory", "prompt", "clap_text"}
    assert report["decodes"] == NUM_SONGS  # for structure, which hears the mix
