"""Builds, one after the other: what is computed, what is kept, what readers see."""

import contextlib
import shutil
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import pipeline.commits
import pipeline.compact
import pipeline.run
import pipeline.source
import pipeline.visit
from harness import STUB_RECIPE, assert_same, committed_doubles, dump, write_recipe, write_tone, write_tones
from inline import inline_build, without_ray
from jobs.named_recipes import load_recipe
from pipeline.accounts import files_by_uri, standing_failures
from pipeline.dataset import Dataset, open_dataset
from pipeline.delta import Shard
from pipeline.errors import BadArgumentError, InterruptedBuildError
from pipeline.progress import Progress
from pipeline.run import BuildOptions, prepare
from pipeline.shards import read_shards
from stubs import Peaks


@pytest.fixture(autouse=True)
def _inline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    without_ray(monkeypatch)
    monkeypatch.setenv("MUZE_TEST_CALLS", str(tmp_path / "calls"))


class Bench:
    """A music folder, a recipe, a dataset, and a count of featurizer calls."""

    def __init__(self, folder: Path, num_files: int = 5) -> None:
        self.folder, self.music, self.out = folder, write_tones(folder / "music", num_files), folder / "dataset"
        self.recipe = write_recipe(folder)

    def build(self, music: object = None, recipe: str | None = None, **options: Any) -> dict[str, Any]:
        if recipe is not None:
            write_recipe(self.folder, recipe)
        return inline_build(music or self.music, self.out, self.recipe, **options).report()

    def calls(self) -> Counter[str]:
        """Featurizer calls since last asked."""
        log = self.folder / "calls"
        lines = log.read_text().split() if log.exists() else []
        log.unlink(missing_ok=True)
        return Counter(lines)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_a_second_build_finds_nothing_to_do(bench: Bench) -> None:
    first = bench.build()
    assert (first["tracks"], first["new"], first["unchanged"], first["failed"]) == (5, 5, 0, 0)
    assert first["decodes"] == 5
    assert bench.calls() == {"power": 5, "decibels": 5, "peaks": 5}
    before = dump(bench.out)
    second = bench.build()
    assert (second["tracks"], second["new"], second["unchanged"]) == (5, 0, 5)
    assert bench.calls() == {}
    assert_same(dump(bench.out), before)


def test_a_setting_recomputes_its_fragment_and_its_readers_only(bench: Bench) -> None:
    bench.build()
    bench.calls()
    bench.build(recipe=STUB_RECIPE % ", gain: 2.0")
    assert bench.calls() == {"power": 5, "decibels": 5}
    bench.build(recipe=STUB_RECIPE % ", gain: 1.0")
    assert bench.calls() == {}, "the rows of the earlier setting are still there"


def test_a_new_version_recomputes_its_fragment_only(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.build()
    bench.calls()
    old = Peaks.writes
    monkeypatch.setattr(Peaks, "writes", type(old)(old.name, 2, old.doc, old.fields))
    bench.build()
    assert bench.calls() == {"peaks": 5}


def test_a_reader_alone_takes_what_it_reads_from_the_dataset(bench: Bench) -> None:
    bench.build(recipe=STUB_RECIPE.replace('  decibels: {featurizer: "stubs:Decibels"}\n', "") % "")
    bench.calls()
    bench.build(recipe=STUB_RECIPE % "")
    assert bench.calls() == {"decibels": 5}
    rows = dump(bench.out)
    for power, decibels in zip(rows["power"], rows["decibels"], strict=True):
        assert decibels["power_db"] == pytest.approx(-9.03, abs=0.2)
        assert power["power"] == pytest.approx(0.125, rel=0.05)


def test_only_and_limit(bench: Bench) -> None:
    bench.build(only=["decibels"], limit=2)
    assert bench.calls() == {"power": 2, "decibels": 2}
    assert set(open_dataset(str(bench.out)).current()) == {"tracks", "power", "decibels"}
    bench.build()
    assert bench.calls() == {"power": 3, "decibels": 3, "peaks": 5}
    with pytest.raises(BadArgumentError, match="unknown fragment 'peeks'"):
        bench.build(only=["peeks"])


def test_readers_see_the_old_rows_until_the_new_ones_cover_them(bench: Bench) -> None:
    bench.build()
    old = dump(bench.out)["power"]
    bench.build(recipe=STUB_RECIPE % ", gain: 2.0", limit=3)
    assert_same(dump(bench.out)["power"], old)
    bench.build(recipe=STUB_RECIPE % ", gain: 2.0")
    for before, after in zip(old, dump(bench.out)["power"], strict=True):
        assert after["power"] == pytest.approx(2 * before["power"])


def test_two_paths_with_the_same_bytes_are_one_track(bench: Bench) -> None:
    shutil.copy(bench.music / "00000.wav", bench.music / "copy.wav")
    report = bench.build()
    assert (report["tracks"], report["new"], report["decodes"]) == (5, 5, 5)
    files = files_by_uri(open_dataset(str(bench.out)))
    assert len(files) == 6
    assert len({row["track_id"] for row in files.values()}) == 5


def test_a_moved_file_costs_no_decode(bench: Bench) -> None:
    bench.build()
    bench.calls()
    (bench.music / "00000.wav").rename(bench.music / "moved.wav")
    report = bench.build()
    assert (report["decodes"], report["new"], bench.calls()) == (0, 0, {})
    files = files_by_uri(open_dataset(str(bench.out)))
    assert files[str(bench.music / "00000.wav")]["missing_since"] is not None
    assert files[str(bench.music / "moved.wav")]["missing_since"] is None


def test_a_rewritten_file_is_a_new_track_and_the_old_rows_stay(bench: Bench) -> None:
    bench.build()
    write_tone(bench.music / "00000.wav", 3000)
    report = bench.build()
    assert (report["tracks"], report["new"], report["unchanged"]) == (5, 1, 4)
    assert len(dump(bench.out)["power"]) == 6


def test_a_large_file_that_is_rewritten_while_it_is_read_is_read_by_the_next_build(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, decode = bench.music / "00000.wav", pipeline.visit.decode

    def overtaken(file: Any, name: str, max_duration_s: float) -> Any:
        decoded = decode(file, name, max_duration_s)
        if name == str(path):
            write_tone(path, 999, 0.2)
        return decoded

    monkeypatch.setattr(pipeline.source, "_IN_MEMORY_BYTES", 0)
    with monkeypatch.context() as rewriting:
        rewriting.setattr(pipeline.visit, "decode", overtaken)
        assert bench.build()["failed"] == 1
    dataset = open_dataset(str(bench.out))
    [failure] = standing_failures(dataset, dataset.current())
    assert (failure["uri"], failure["track_id"], failure["reason"]) == (str(path), None, "changed")
    assert (bench.build()["new"], standing_failures(dataset, dataset.current())) == (1, [])
    assert len(dump(bench.out)["power"]) == 5


def test_a_file_that_goes_before_it_is_read_fails_in_what_its_track_lacks(bench: Bench) -> None:
    bench.build(only=["power"])
    build = prepare(BuildOptions([str(bench.music)], str(bench.out), load_recipe(str(bench.recipe))))
    (bench.music / "00000.wav").unlink()
    build.run(Progress())
    dataset = open_dataset(str(bench.out))
    track_id = files_by_uri(dataset)[str(bench.music / "00000.wav")]["track_id"]
    failures = standing_failures(dataset, dataset.current())
    assert sorted((f["fragment"], f["track_id"], f["reason"]) for f in failures) == [
        ("decibels", track_id, "vanished"),
        ("peaks", track_id, "vanished"),
    ]


def test_a_file_that_is_gone_and_back_keeps_its_rows(bench: Bench) -> None:
    bench.build()
    hidden = bench.folder / "away.wav"
    (bench.music / "00001.wav").rename(hidden)
    bench.build()
    assert files_by_uri(open_dataset(str(bench.out)))[str(bench.music / "00001.wav")]["missing_since"] is not None
    hidden.rename(bench.music / "00001.wav")
    assert bench.build()["unchanged"] == 5
    assert files_by_uri(open_dataset(str(bench.out)))[str(bench.music / "00001.wav")]["missing_since"] is None
    assert len(dump(bench.out)["peaks"]) == 5


MOODY_RECIPE = STUB_RECIPE % "" + '  moody: {featurizer: "stubs:Moody"}\n'


def test_a_featurizer_that_raises_costs_one_fragment_of_one_track(bench: Bench) -> None:
    bad = write_tone(bench.music / "bad.wav", 1000, 0.2)
    report = bench.build(recipe=MOODY_RECIPE)
    assert (report["failed"], report["fragments"]["moody"]) == (1, {**report["fragments"]["moody"], "rows": 5})
    assert report["fragments"]["power"]["rows"] == 6
    [failure] = standing_failures(open_dataset(str(bench.out)), open_dataset(str(bench.out)).current())
    assert (failure["uri"], failure["fragment"], failure["reason"]) == (str(bad), "moody", "error")
    assert "not to my liking" in failure["message"]
    bench.calls()
    bench.build()
    assert bench.calls() == {}, "what failed is not tried again unasked"
    bench.build(retry_failures=True)
    assert bench.calls() == {"moody": 1}
    [failure] = standing_failures(open_dataset(str(bench.out)), open_dataset(str(bench.out)).current())
    assert failure["attempts"] == 2


def test_what_reads_a_failed_fragment_fails_as_upstream(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stubs.mean_power", lambda inputs: 1 / 0)
    bench.build()
    failures = Counter((f[2], f[3]) for f in dump(bench.out, ["tracks", "peaks"])["failures"])
    assert failures == {("power", "error"): 5, ("decibels", "upstream"): 5}
    monkeypatch.undo()
    monkeypatch.setenv("MUZE_TEST_CALLS", str(bench.folder / "calls"))
    without_ray(monkeypatch)
    bench.build(retry_failures=True)
    assert dump(bench.out)["failures"] == []
    assert len(dump(bench.out)["decibels"]) == 5


def test_every_track_of_every_fragment_is_accounted_for(bench: Bench) -> None:
    write_tone(bench.music / "bad.wav", 1000, 0.2)
    (bench.music / "empty.mp3").touch()
    (bench.music / "text.flac").write_text("this is no music\n" * 50)
    report = bench.build(recipe=MOODY_RECIPE)
    rows = dump(bench.out)
    undecoded = [f for f in rows["failures"] if f[2] == "tracks"]
    assert sorted(reason for *_, reason in undecoded) == ["empty", "not_audio"]
    for name in report["fragments"]:
        failed = sum(f[2] == name for f in rows["failures"])
        assert len(rows[name]) + (failed if name != "tracks" else 0) == len(rows["tracks"])


def test_adding_a_compacted_shard_again_adds_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline.compact, "_MIN_SHARDS", 2)
    bench.build(limit=2)
    dataset = open_dataset(str(bench.out))
    old = {name: dataset.shards(name) for name in dataset.fragments}
    bench.build()
    assert all(len(dataset.shards(name)) == 1 for name in old), "compacted"
    before = dump(bench.out)
    options = BuildOptions([str(bench.music)], str(bench.out), load_recipe(str(bench.recipe)))
    committer = pipeline.commits.Committer(dataset, options.recipe, "again", prepare(options).state.track_ids)
    with_ids = {name: replace(shards[0], track_ids=_ids(dataset, name, shards[0])) for name, shards in old.items()}
    committer.add(with_ids, [], [])
    committer.flush()
    assert all(count == 0 for count in committed_doubles(dataset).values())
    assert_same(dump(bench.out), before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_interruption_spoils_nothing_of_the_last_commits(
    bench: Bench, number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, run_pass, flush = pipeline.run.ray_session, pipeline.run.run_pass, pipeline.commits.Committer.flush
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    @contextlib.contextmanager
    def ray_session(*args: Any) -> Iterator[Any]:
        signal.signal(signal.SIGTERM, _crash)  # Ray takes it
        try:
            with session(*args) as room:
                yield room
        finally:
            signal.signal(signal.SIGTERM, _crash)  # its end does so, too

    def interrupted(*args: Any) -> Iterator[Any]:
        yield from run_pass(*args)
        signal.raise_signal(number)

    def impatient(committer: pipeline.commits.Committer) -> None:
        signal.raise_signal(number)
        flush(committer)

    monkeypatch.setattr(pipeline.run, "ray_session", ray_session)
    monkeypatch.setattr(pipeline.run, "run_pass", interrupted)
    monkeypatch.setattr(pipeline.commits.Committer, "flush", impatient)
    with pytest.raises(InterruptedBuildError):
        bench.build()
    assert all(len(rows) == 5 for name, rows in dump(bench.out).items() if name != "failures")
    [run] = open_dataset(str(bench.out)).runs()
    assert run["status"] == "interrupted"
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def _crash(*_: object) -> None:
    raise SystemExit(9)


def _ids(dataset: Dataset, name: str, shard: Shard) -> tuple[str, ...]:
    return tuple(read_shards(dataset.storage, name, [shard], ["track_id"])["track_id"].to_pylist())


def test_a_crash_between_shard_and_commit_loses_and_doubles_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(pipeline.commits.Committer, "flush", _crash)
        with pytest.raises(SystemExit):
            bench.build()
    written = list((bench.out / "power").rglob("*.parquet"))
    assert written, "the shards were written"
    bench.build()
    rows = dump(bench.out)
    assert all(len(rows[name]) == 5 for name in ("tracks", "power", "decibels", "peaks"))
    assert all(count == 0 for count in committed_doubles(open_dataset(str(bench.out))).values())
    assert set((bench.out / "power").rglob("*.parquet")) == set(written), "the shards found were taken as they are"


def test_a_foreign_or_impossible_output_folder_is_refused_before_any_work(bench: Bench) -> None:
    foreign = bench.folder / "thesis"
    foreign.mkdir()
    (foreign / "chapter1.tex").write_text("...")
    with pytest.raises(BadArgumentError, match="no muze dataset"):
        inline_build(bench.music, foreign, bench.recipe)
    with pytest.raises(BadArgumentError, match="is no folder"):
        inline_build(bench.music, foreign / "chapter1.tex" / "x", bench.recipe)
    assert [path.name for path in foreign.iterdir()] == ["chapter1.tex"]
    assert bench.calls() == {}


def test_the_sidecar_reaches_the_files_table_and_costs_no_decode(bench: Bench) -> None:
    bench.build()
    sidecar = bench.folder / "meta.csv"
    sidecar.write_text("path,artist\nmusic/00000.wav,Somebody Else\n")
    report = bench.build(metadata=str(sidecar))
    assert (report["decodes"], report["unchanged"]) == (0, 5)
    row = files_by_uri(open_dataset(str(bench.out)))[str(bench.music / "00000.wav")]
    assert row["metadata"] == '{"artist": "Somebody Else"}'
