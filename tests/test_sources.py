"""Sources that a featurizer makes for others: FLAC objects, what hears them, and what is decoded when."""

import tempfile
from pathlib import Path

import pytest
import soundfile

from harness import dump, write_recipe, write_tones
from inline import inline_build, without_ray
from jobs.named_recipes import load_recipe
from pipeline.dataset import open_dataset
from pipeline.errors import BadArgumentError
from pipeline.gc import collect_garbage
from pipeline.run import BuildOptions, prepare
from pipeline.snapshot import create_snapshot

HALVED = 'halves: {featurizer: "halving:Halves"%s}\n'
LEVELS = 'levels: {featurizer: "halving:Levels"}\n'
SPOKEN = 'spoken: {featurizer: "halving:Spoken"}\n'


@pytest.fixture(autouse=True)
def _inline(monkeypatch: pytest.MonkeyPatch) -> None:
    without_ray(monkeypatch)


def recipe(folder: Path, *fragments: str) -> Path:
    return write_recipe(folder, "fragments:\n" + "".join(f"  {fragment}" for fragment in fragments))


def levels(out: Path) -> list[float]:
    return [round(row["level"], 3) for row in open_dataset(str(out)).table("levels").to_pylist()]


def test_a_source_is_heard_where_the_recipe_has_it_and_the_mix_elsewhere(tmp_path: Path) -> None:
    music = write_tones(tmp_path / "music", 2)
    inline_build(music, tmp_path / "mix", recipe(tmp_path, LEVELS))
    inline_build(music, tmp_path / "halved", recipe(tmp_path, LEVELS, HALVED % ""))
    assert levels(tmp_path / "mix") == pytest.approx([0.5, 0.5], abs=0.01)
    assert levels(tmp_path / "halved") == pytest.approx([0.25, 0.25], abs=0.01)
    sources = open_dataset(str(tmp_path / "halved")).table("levels")["level_source"].to_pylist()
    assert sources == ["vocals", "vocals"]


def test_the_row_points_to_a_flac_below_the_dataset(tmp_path: Path) -> None:
    inline_build(write_tones(tmp_path / "music", 1), tmp_path / "out", recipe(tmp_path, HALVED % ""))
    [row] = open_dataset(str(tmp_path / "out")).table("halves").to_pylist()
    assert row["vocals_uri"].endswith(f"/{row['track_id']}/vocals.flac")
    samples, rate_hz = soundfile.read(tmp_path / "out" / row["vocals_uri"])
    assert rate_hz == 8000
    assert abs(samples).max() == pytest.approx(0.25, abs=0.01)


def test_what_a_featurizer_wrote_is_gone_once_the_dataset_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    inline_build(write_tones(tmp_path / "music", 2), tmp_path / "out", recipe(tmp_path, HALVED % ""))
    assert len(list((tmp_path / "out").rglob("*.flac"))) == 2
    assert list(scratch.iterdir()) == []


def test_a_later_fragment_hears_the_stored_source_and_decodes_nothing(tmp_path: Path) -> None:
    music, out = write_tones(tmp_path / "music", 2), tmp_path / "out"
    at_once = inline_build(music, tmp_path / "at-once", recipe(tmp_path, HALVED % "", LEVELS))
    inline_build(music, out, recipe(tmp_path, HALVED % ""))
    later = inline_build(music, out, recipe(tmp_path, HALVED % "", LEVELS))
    assert (at_once.num_decodes, later.num_decodes) == (2, 0)
    assert dump(out, ["levels"]) == dump(tmp_path / "at-once", ["levels"])


def test_what_needs_no_audio_does_not_even_open_the_file(tmp_path: Path) -> None:
    music, out = write_tones(tmp_path / "music", 1), tmp_path / "out"
    inline_build(music, out, recipe(tmp_path, HALVED % ""))
    (file,) = music.iterdir()
    before = file.stat().st_atime_ns
    later = inline_build(music, out, recipe(tmp_path, HALVED % "", SPOKEN))
    assert (later.num_decodes, file.stat().st_atime_ns) == (0, before)
    [row] = open_dataset(str(out)).table("spoken").to_pylist()
    assert row["words"] == f"a track of 0.1 s, {row['track_id'][:4]}"


def test_presence_in_the_recipe_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    alone = load_recipe(str(recipe(tmp_path, LEVELS))).fingerprints["levels"]
    preferred = load_recipe(str(recipe(tmp_path, LEVELS, HALVED % ""))).fingerprints["levels"]
    changed = load_recipe(str(recipe(tmp_path, LEVELS, HALVED % ", factor: 0.25"))).fingerprints["levels"]
    assert len({alone, preferred, changed}) == 3


def test_what_hears_a_failed_source_fails_as_upstream_without_falling_back(tmp_path: Path) -> None:
    music = write_tones(tmp_path / "music", 1)
    inline_build(music, tmp_path / "out", recipe(tmp_path, HALVED % ", factor: 0", LEVELS))
    failures = dump(tmp_path / "out", [])["failures"]
    assert [(fragment, reason) for _, _, fragment, reason in failures] == [("halves", "error"), ("levels", "upstream")]


def test_a_recipe_without_the_source_that_a_featurizer_must_hear_is_refused(tmp_path: Path) -> None:
    only = 'only_vocals: {featurizer: "halving:OnlyVocals"}\n'
    with pytest.raises(BadArgumentError, match="hears 'vocals': add 'stems' to the recipe"):
        load_recipe(str(recipe(tmp_path, only)))


def test_a_recipe_without_a_fragment_loses_what_cannot_be_had_then(tmp_path: Path) -> None:
    only = 'only_vocals: {featurizer: "halving:OnlyVocals"}\n'
    full = load_recipe(str(recipe(tmp_path, HALVED % "", LEVELS, only, SPOKEN)))
    assert full.without(["halves"]).fragments.keys() == {"tracks", "levels", "spoken"}


def test_the_plan_says_what_objects_take_and_refuses_what_has_no_room(tmp_path: Path) -> None:
    music = write_tones(tmp_path / "music", 3, duration_s=1.0)
    modest = BuildOptions([str(music)], str(tmp_path / "out"), load_recipe(str(recipe(tmp_path, HALVED % ""))))
    duration_s = sum(file.stat().st_size for file in music.iterdir()) / 176_400  # what WAV at 44.1 kHz would last
    assert prepare(modest).plan.report()["estimated_object_bytes"] == pytest.approx(duration_s * 16_000, abs=1)
    vast = load_recipe(str(recipe(tmp_path, HALVED % ", bytes_a_s: 1.0e+18")))
    with pytest.raises(BadArgumentError, match="make room, or keep fewer stems"):
        prepare(BuildOptions([str(music)], str(tmp_path / "out"), vast))


def test_gc_removes_objects_that_no_row_points_to_and_no_others(tmp_path: Path) -> None:
    music, out = write_tones(tmp_path / "music", 2), tmp_path / "out"
    inline_build(music, out, recipe(tmp_path, HALVED % ""))
    kept = sorted(out.glob("halves/audio/*/*/*.flac"))
    inline_build(music, out, recipe(tmp_path, HALVED % ", factor: 0.25"))
    current = sorted(set(out.glob("halves/audio/*/*/*.flac")) - set(kept))
    stray = current[0].parent.with_name("0" * 32) / "vocals.flac"  # what a crash before the row was written leaves
    stray.parent.mkdir()
    stray.write_bytes(current[0].read_bytes())
    collect_garbage(open_dataset(str(out)))
    assert sorted(out.glob("halves/audio/*/*/*.flac")) == current
    assert len(kept) == len(current) == 2


def test_gc_keeps_the_objects_of_a_snapshot(tmp_path: Path) -> None:
    music, out = write_tones(tmp_path / "music", 1), tmp_path / "out"
    inline_build(music, out, recipe(tmp_path, HALVED % ""))
    create_snapshot(open_dataset(str(out)), "first")
    inline_build(music, out, recipe(tmp_path, HALVED % ", factor: 0.25"))
    collect_garbage(open_dataset(str(out)))
    assert len(list(out.glob("halves/audio/*/*/*.flac"))) == 2
