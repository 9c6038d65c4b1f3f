"""Packing: the right windows in the right splits, the same bytes every time, and nothing half done."""

import json
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow.parquet as pq
import pytest

from fakes import track_id
from jobs.main import main
from jobs.packing import shards, write
from jobs.packing.write import write_pack
from pipeline.errors import BadArgumentError, BuildFailedError
from pipeline.snapshot import load_snapshot
from pipeline.splits import normalised_artist
from schemas.mel_specs import MEL_SPECS
from tiny_pack import (
    Columns,
    columns_of,
    dataset_of,
    payload_columns,
    payload_of,
    request_of,
    source_of,
    tiny_pack,
)
from training.conditions import CONDITIONS
from training.pack import DamagedShardError, Pack, PackError, check_splits
from training.pack_format import shard_schema

QUIET = {"say": lambda _: None}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset of 16 tracks of 25 s and a snapshot, and its pack of mels."""
    folder = tmp_path_factory.mktemp("made")
    tiny_pack(folder, "vae")
    return folder


@pytest.fixture
def pack(made: Path, tmp_path: Path) -> Path:
    """A copy that may be harmed."""
    shutil.copytree(made / "pack", tmp_path / "pack")
    return tmp_path / "pack"


def rows(pack: Path, split: str) -> list[dict[str, Any]]:
    return [row for shard in sorted(pack.glob(f"{split}-*")) for row in pq.read_table(shard).to_pylist()]


def contents(pack: Path) -> dict[str, bytes]:
    return {str(path.relative_to(pack)): path.read_bytes() for path in pack.rglob("*") if path.is_file()}


def command(made: Path, out: Path, *words: str) -> list[str]:
    fixed = ["--snapshot", "all", "--task", "vae", "--window-s", "5.12", "--out", str(out)]
    return ["pack", str(made / "dataset"), *fixed, *words]


def test_windows_hold_what_the_tracks_have(made: Path) -> None:
    numbers = {track_id(n): n for n in range(16)}
    found = [row for split in ("train", "valid", "test") for row in rows(made / "pack", split)]
    assert sorted((numbers[row["track_id"]], row["window"]) for row in found) == [
        (n, k) for n in range(16) for k in range(5)
    ]
    for row in found[::7]:
        n, start = numbers[row["track_id"]], 512 * row["window"] if row["window"] < 4 else 2500 - 512
        payload = np.frombuffer(row["mel"], "<f2").reshape(1, 128, 512)
        assert np.array_equal(payload, payload_of("vae", n, 25.0)[..., start : start + 512])
        assert (row["start_s"], row["end_s"]) == (start / 100, (start + 512) / 100)
        assert row["tempo_bpm"] == 90 + n
        assert row["artist"] == f"Artist {n}"
        expected = 200 + n + 20 * np.sin(0.01 * np.arange(start, start + 512))
        assert np.allclose(row["f0_hz"], expected, atol=1e-3)
        assert len(row["voice"]) == 256


def test_splits_are_those_of_the_snapshot(made: Path) -> None:
    from pipeline.dataset import open_dataset

    split = load_snapshot(open_dataset(str(made / "dataset")), "all").split
    for name, track_ids in split.items():
        found = rows(made / "pack", name)
        assert sorted({row["track_id"] for row in found}) == sorted(track_ids)
    assert all(split.values())


def test_windows_are_shuffled(made: Path) -> None:
    found = [(row["track_id"], row["window"]) for row in rows(made / "pack", "train")]
    assert found != sorted(found)
    neighbours = sum(one[0] == other[0] for one, other in pairwise(found))
    assert neighbours < len(found) / 3


def test_pack_json_and_card(made: Path) -> None:
    document = json.loads((made / "pack" / "pack.json").read_text())
    assert document["payload"]["spec"] == MEL_SPECS["32k"].to_dict()
    assert list(document["conditions"]) == [condition.name for condition in CONDITIONS]
    train = rows(made / "pack", "train")
    values = np.concatenate([np.frombuffer(row["mel"], "<f2").astype(np.float64) for row in train])
    assert document["statistics"]["mean"] == pytest.approx(values.mean(), rel=1e-6)
    assert document["statistics"]["std"] == pytest.approx(values.std(), rel=1e-6)
    tempi = [row["tempo_bpm"] for row in train]
    assert document["conditions"]["tempo_bpm"] == {
        "present_share": 1,
        "mean": pytest.approx(np.mean(tempi)),
        "std": pytest.approx(np.std(tempi)),
    }
    assert document["conditions"]["ecapa"] == {"present_share": 0, "mean": None, "std": None}
    card = (made / "pack" / "card.md").read_text()
    assert f"| train | {document['splits']['train']['tracks']} | {len(train)} |" in card
    assert "| (nothing is said) | 16 |" in card
    assert pq.read_schema(made / "pack" / "train-00000.parquet").equals(shard_schema("mel"))


def test_the_same_request_gives_the_same_bytes(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(made, tmp_path / "again", "--json")) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["splits"]["train"]["windows"] == len(rows(made / "pack", "train"))
    assert contents(tmp_path / "again") == contents(made / "pack")
    assert main(command(made, tmp_path / "other", "--seed", "1")) == 0
    windows = [[(row["track_id"], row["window"]) for row in rows(tmp_path / n, "train")] for n in ("again", "other")]
    assert windows[0] != windows[1]
    assert sorted(windows[0]) == sorted(windows[1])


def test_many_shards_hold_what_one_does(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "GROUP_BYTES", 2**19)
    assert main(command(made, tmp_path / "small", "--shard-mib", "1")) == 0
    document = json.loads((tmp_path / "small" / "pack.json").read_text())
    found = document["splits"]["train"]["shards"]
    assert len(found) > 5
    assert all(shard["num_bytes"] < 1.2 * 2**20 and shard["groups"] > 1 for shard in found)
    assert max(shard["windows"] for shard in found) - min(shard["windows"] for shard in found) <= 1
    assert rows(tmp_path / "small", "train") == rows(made / "pack", "train")
    Pack.open(str(tmp_path / "small")).verify()


def test_a_finished_pack_stays(made: Path, pack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(pack)
    assert main(command(made, pack)) == 0
    assert contents(pack) == before
    assert main(command(made, pack, "--seed", "1")) == 2
    assert "has seed 0, and 1 was asked for" in capsys.readouterr().err
    assert contents(pack) == before


def test_an_interrupted_pack_is_refused_and_started_over(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrote: list[str] = []

    def killed(words: str) -> None:
        wrote.append(words)
        if len(wrote) == 3:
            raise KeyboardInterrupt

    source = source_again(made)
    out = tmp_path / "pack"
    with pytest.raises(KeyboardInterrupt):
        write_pack([source], request_of("vae"), str(out), killed)
    assert (out / "valid-00000.parquet").exists()
    with pytest.raises(PackError, match="is not finished"):
        Pack.open(str(out))
    write_pack([source], request_of("vae", seed=3), str(out), **QUIET)
    write_pack([source], request_of("vae", seed=3), str(tmp_path / "undisturbed"), **QUIET)
    assert contents(out) == contents(tmp_path / "undisturbed")


def source_again(made: Path) -> Any:
    from jobs.packing.sources import Source
    from pipeline.dataset import open_dataset

    dataset = open_dataset(str(made / "dataset"))
    return Source(str(made / "dataset"), dataset, load_snapshot(dataset, "all"))


def test_strangers_files_are_left_alone(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "train-00000.parquet").write_bytes(b"mine")
    assert main(command(made, tmp_path)) == 2
    (tmp_path / "unfinished.json").write_text("{}")
    (tmp_path / "notes.txt").write_bytes(b"mine")
    assert main(command(made, tmp_path)) == 2
    assert "'notes.txt' in it" in capsys.readouterr().err
    assert main(command(made, tmp_path / "notes.txt")) == 2
    assert (tmp_path / "train-00000.parquet").read_bytes() == b"mine"


def test_packs_of_an_object_store(made: Path) -> None:
    write_pack([source_again(made)], request_of("vae"), "memory://packs/vae", **QUIET)
    filesystem = fsspec.filesystem("memory")
    for name, data in contents(made / "pack").items():
        assert filesystem.cat_file(f"/packs/vae/{name}") == data
    pack = Pack.open("memory://packs/vae")
    pack.verify()
    shard = pack.shards("train")[0]
    assert len(pack.read_group(shard, 0, ["mel"])) == shard.group_sizes[0]
    filesystem.rm("/packs", recursive=True)


def test_a_missing_fragment_is_named(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["pack", str(made / "dataset"), "--snapshot", "all", "--out", str(tmp_path / "p")]
    assert main([*words, "--task", "ldm"]) == 2
    error = capsys.readouterr().err
    assert "no fragment 'latents'" in error
    assert "muze build" in error
    assert main([*words, "--task", "vae", "--align", "section"]) == 2
    assert "structure" in capsys.readouterr().err
    assert main([*words, "--task", "vae", "--mel", "44k"]) == 2
    assert "32000 Hz" in capsys.readouterr().err
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    "words",
    [
        *(["--window-s", "0"], ["--hop-s", "nan"], ["--hop-s", "inf"], ["--shard-mib", "0"], ["--shard-mib", "2000"]),
        *(["--seed", "-1"], ["--join", "nothing"], ["--snapshot", "none"], ["--window-s", "60"]),
    ],
)
def test_bad_arguments(made: Path, tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(made, tmp_path / "p", *words)) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "p").exists()


def sectioned(task: str, number: int) -> Columns:
    edges = [(0.0, 3.0), (3.0, 15.0), (15.0, 25.0)]
    sections = [{"start_s": s, "end_s": e, "type": "verse", "energy": 0.5, "has_vocals": True} for s, e in edges]
    return {**columns_of(task, number), "structure": {"sections": sections}}


def test_windows_within_sections(tmp_path: Path) -> None:
    pack = tiny_pack(tmp_path, "codec-lm", 4, sectioned, align="section")
    found = {row["start_s"] for split in ("train", "valid", "test") for row in rows(pack, split)}
    assert found == {0.0, 3.0, 8.12, 15.0, 19.88}
    document = json.loads((pack / "pack.json").read_text())
    assert document["statistics"] is None
    assert document["payload"] == {
        "name": "tokens",
        "dtype": "<u2",
        "shape": [4, 256],
        "rate_hz": 50,
        "spec": {"codec": "tiny", "codebook_size": 2048},
    }


def test_joined_snapshots_share_a_split(tmp_path: Path) -> None:
    first = dataset_of(tmp_path / "a", {n: columns_of("codec-lm", n) for n in range(8)})
    later = {n: columns_of("codec-lm", n) for n in range(4, 12)}
    for n in (10, 11):
        later[n] = {**later[n], "tracks": {**later[n]["tracks"], "artist": f"artist {n - 10}"}}
    second = dataset_of(tmp_path / "b", later)
    sources = [source_of(first), source_of(second, seed=5)]
    document = write_pack(sources, request_of("codec-lm"), str(tmp_path / "pack"), **QUIET)
    found = {row["track_id"]: split for split in document["splits"] for row in rows(tmp_path / "pack", split)}
    assert set(found) == {track_id(n) for n in range(12)}
    own = {i: split for split, ids in sources[0].snapshot.split.items() for i in ids}
    assert {i: found[i] for i in own} == own
    assert [found[track_id(n)] for n in (10, 11)] == [own[track_id(n)] for n in (0, 1)], "their artists are known"
    assert document["left_out"] == {"packed already, from a snapshot named before": 4}
    assert sum(split["windows"] for split in document["splits"].values()) == 12 * 5


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> "Apart":
    """Makes packs of some tracks, each of the artist whose number is the remainder of its own."""

    def packed(name: str, seed: int, numbers: range, artists: int) -> Pack:
        folder = tmp_path_factory.mktemp(name)
        columns = {n: columns_of("codec-lm", n) for n in numbers}
        for n, each in columns.items():
            columns[n] = {**each, "tracks": {**each["tracks"], "artist": f"Artist {n % artists}"}}
        source = source_of(dataset_of(folder / "dataset", columns), seed=seed)
        write_pack([source], request_of("codec-lm"), str(folder / "pack"), **QUIET)
        return Pack.open(str(folder / "pack"))

    return packed


Apart = Callable[[str, int, range, int], Pack]


def test_packs_know_the_artists_of_their_tracks(apart: Apart) -> None:
    pack = apart("pack", 0, range(8), 8)
    found = {split: pack.artists(split) for split in ("train", "valid", "test")}
    assert {i: name for each in found.values() for i, name in each.items()} == {
        track_id(n): f"Artist {n}" for n in range(8)
    }
    for split, artists in found.items():
        assert artists.keys() == {row["track_id"] for row in rows(Path(pack.location), split)}


def test_packs_whose_splits_differ_are_not_joined(
    apart: Apart, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack, same, other = (apart(f"seed-{seed}", seed, range(8), 8) for seed in (0, 0, 5))
    check_splits([pack, same], normalised_artist)
    check_splits([other], normalised_artist)
    kept, its = (
        {i: split for split in ("train", "valid", "test") for i in each.artists(split)} for each in (pack, other)
    )
    moved = [i for i in kept if kept[i] != its[i]]
    assert moved
    with pytest.raises(PackError, match=rf"{len(moved)} tracks would be .* such as '({'|'.join(moved)})', .* --join$"):
        check_splits([pack, same, other], normalised_artist)
    words = [word for each in (pack, other) for word in ("--data", each.location)]
    assert main(["train", "codec-lm-tiny", *words, "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert f"the splits of the packs differ: {len(moved)} tracks would be trained on and tested on" in error
    assert error.count("\n") == 1


def test_packs_with_an_artist_in_two_splits_are_not_joined(apart: Apart) -> None:
    pack, other = (apart(f"by-{seed}", seed, numbers, 4) for seed, numbers in ((0, range(8)), (5, range(8, 16))))
    with pytest.raises(
        PackError, match=r"the splits of the packs differ: \d artists would be .* such as 'artist \d', "
    ):
        check_splits([pack, other], normalised_artist)
    check_splits([pack, other], lambda artist: "")  # tracks by nobody


def test_what_cannot_be_joined(tmp_path: Path) -> None:
    first = dataset_of(tmp_path / "a", {0: columns_of("codec-lm", 0)})
    other = columns_of("codec-lm", 1)
    other = {**other, "codec_tokens": {**other["codec_tokens"], "codec_tokens_model": "another"}}
    second = dataset_of(tmp_path / "b", {1: other})
    with pytest.raises(BadArgumentError, match="cannot be joined"):
        write_pack([source_of(first), source_of(second)], request_of("codec-lm"), str(tmp_path / "p"), **QUIET)
    mixed = dataset_of(tmp_path / "c", {0: columns_of("codec-lm", 0), 1: other})
    with pytest.raises(BadArgumentError, match="differ"):
        write_pack([source_of(mixed)], request_of("codec-lm"), str(tmp_path / "p"), **QUIET)


def test_short_and_empty_tracks_are_left_out(tmp_path: Path) -> None:
    tracks = {n: columns_of("codec-lm", n) for n in range(2)}
    tracks[2] = columns_of("codec-lm", 2, duration_s=3.0)
    tracks[3] = {"tracks": {"artist": "Nobody", "duration_s": 3.0}}
    empty = {"tokens": None, "tokens_shape": None, "tokens_rate_hz": None, "codec_tokens_model": None}
    tracks[4] = {**tracks[3], "codec_tokens": empty}
    source = source_of(dataset_of(tmp_path / "d", tracks))
    document = write_pack([source], request_of("codec-lm"), str(tmp_path / "p"), **QUIET)
    assert document["left_out"] == {"shorter than a window": 1, "without payload": 2}
    assert "Left out: 2 tracks without payload." in (tmp_path / "p" / "card.md").read_text()


@pytest.mark.parametrize("harm", ["infinite", "short"])
def test_a_payload_that_cannot_be_is_named(tmp_path: Path, harm: str) -> None:
    array = payload_of("vae", 0, 25.0)
    array[0, 0, 0] = np.inf
    columns = payload_columns("vae", array if harm == "infinite" else payload_of("vae", 0, 20.0))
    mel = {**columns["mel"], "mel_shape": list(array.shape)}
    source = source_of(dataset_of(tmp_path / "d", {0: {**columns_of("vae", 0), "mel": mel}}))
    with pytest.raises(BuildFailedError, match=track_id(0)):
        write_pack([source], request_of("vae"), str(tmp_path / "p"), **QUIET)


def test_two_packs_at_once(made: Path, tmp_path: Path) -> None:
    source, out = source_again(made), str(tmp_path / "pack")

    def meanwhile(_: str) -> None:
        with pytest.raises(BadArgumentError, match="another 'muze pack'"):
            write_pack([source], request_of("vae"), out, **QUIET)

    write_pack([source], request_of("vae"), out, meanwhile)
    assert not (Path(out) / write.SCRATCH).exists()


def test_a_pack_that_another_run_finishes_meanwhile_stays(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = source_again(made), tmp_path / "pack"
    planned = write.planned

    def while_another_packs(*asked: Any) -> Any:
        plan = planned(*asked)
        monkeypatch.setattr(write, "planned", planned)
        write_pack([source], request_of("vae"), str(out), **QUIET)
        return plan

    monkeypatch.setattr(write, "planned", while_another_packs)
    with pytest.raises(BadArgumentError, match="has seed 0, and 3 was asked for"):
        write_pack([source], request_of("vae", seed=3), str(out), **QUIET)
    write_pack([source], request_of("vae"), str(tmp_path / "undisturbed"), **QUIET)
    assert contents(out) == contents(tmp_path / "undisturbed")
    assert sorted(path.name for path in out.iterdir()) == sorted(contents(out))


def test_no_pack(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="no pack at"):
        Pack.open(str(tmp_path / "nothing"))
    (tmp_path / "pack.json").write_text('{"format": 2}')
    with pytest.raises(PackError, match="update muze"):
        Pack.open(str(tmp_path))
    (tmp_path / "pack.json").write_text('{"format": 1}')
    with pytest.raises(PackError, match="damaged"):
        Pack.open(str(tmp_path))
    (tmp_path / "pack.json").write_text("{")
    with pytest.raises(PackError, match="cannot be read"):
        Pack.open(str(tmp_path))


def test_shards_that_are_not_there_or_cut_short(pack: Path) -> None:
    shard = pack / "train-00000.parquet"
    data = shard.read_bytes()
    shard.write_bytes(data[:-1])
    with pytest.raises(DamagedShardError, match=r"train-00000\.parquet .* damaged: it has"):
        Pack.open(str(pack))
    shard.unlink()
    with pytest.raises(DamagedShardError, match=r"train-00000\.parquet .* is missing"):
        Pack.open(str(pack))


@pytest.mark.parametrize("place", [0.02, 0.3, 0.7, 0.97, 1.0])
def test_a_bit_that_flipped_is_found(pack: Path, place: float) -> None:
    shard = pack / "train-00000.parquet"
    data = bytearray(shard.read_bytes())
    data[min(int(place * len(data)), len(data) - 5)] ^= 16
    shard.write_bytes(data)
    opened = Pack.open(str(pack))
    with pytest.raises(DamagedShardError, match=r"train-00000\.parquet .* damaged"):
        opened.verify()
    [first] = opened.shards("train")
    columns = shard_schema("mel").names
    with pytest.raises(DamagedShardError, match=r"train-00000\.parquet .* damaged"):
        [opened.read_group(first, group, columns) for group in range(first.groups)]


def test_every_column_is_compared_before_it_is_trusted(pack: Path) -> None:
    shard = pack / "train-00000.parquet"
    data = bytearray(shard.read_bytes())
    data[int(0.3 * len(data))] ^= 16  # in the payload, which is most of it
    shard.write_bytes(data)
    opened = Pack.open(str(pack))
    [first] = opened.shards("train")
    for _ in range(2):
        for group in range(first.groups):
            assert len(opened.read_group(first, group, ["track_id"])) == first.group_sizes[group]
    for _ in range(2):
        with pytest.raises(DamagedShardError, match=r"train-00000\.parquet .* damaged"):
            [opened.read_group(first, group, ["track_id", "mel"]) for group in range(first.groups)]


def test_a_place_that_cannot_be_written_is_a_sentence(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "report.html"
    file.write_text("mine")
    for out, sentence in (
        (file, f"--out {str(file)!r} is a file: give the name of a folder"),
        (file / "pack", f"cannot write --out {str(file / 'pack')!r}: "),
        (Path("/proc/pack"), "cannot write --out '/proc/pack': No such file or directory"),
    ):
        assert main(command(made, out)) == 2
        error = capsys.readouterr().err
        assert error.startswith(f"muze pack: {sentence}")
        assert error.count("\n") == 1
    assert file.read_text() == "mine"


def test_an_empty_split_is_told(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dataset = str(made / "dataset")
    for name, shares in (("lone", "1/0.0000001/0"), ("wanted", "1/0/0")):
        assert main(["snapshot", "create", dataset, name, "--split", shares]) == 0
    words = ["pack", dataset, "--task", "vae", "--window-s", "5.12"]
    capsys.readouterr()
    assert main([*words, "--snapshot", "lone", "--out", str(tmp_path / "lone")]) == 0
    assert "muze pack: there is no window in valid: pack a snapshot that was made with" in capsys.readouterr().err
    assert main([*words, "--snapshot", "wanted", "--out", str(tmp_path / "wanted")]) == 0
    assert "there is no window" not in capsys.readouterr().err


def test_what_is_packed_already_is_told(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command(made, tmp_path / "p", "--join", f"{made / 'dataset'}:all")) == 0
    assert "left out: 16 tracks packed already, from a snapshot named before\n" in capsys.readouterr().out
