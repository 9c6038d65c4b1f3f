"""Discovery: every audio file once, whatever the folder holds."""

import os
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest

from harness import write_tone
from pipeline.dataset import Dataset
from pipeline.discover import discover
from pipeline.errors import BadArgumentError
from pipeline.preflight import check_is_ours
from pipeline.printable import printable
from pipeline.sidecar import join_sidecar
from pipeline.storage import Storage
from pipeline.uris import path_of_uri, uri_of_path


def names(*sources: object, exclude: tuple[str, ...] = ()) -> list[str]:
    return [os.path.basename(f.uri) for f in discover([str(s) for s in sources], exclude).files]


def test_folders_are_walked_and_other_files_counted(tmp_path: Path) -> None:
    for name in ("a.wav", "deep/er/b.FLAC", "c.mp3", ".hidden.wav", "cover.jpg", "notes.txt", ".git/x.wav"):
        write_tone(tmp_path / name)
    found = discover([str(tmp_path)])
    assert [os.path.relpath(f.uri, tmp_path) for f in found.files] == ["a.wav", "c.mp3", "deep/er/b.FLAC"]
    assert (found.num_hidden, found.num_other) == (2, 2)
    assert found.files[0].num_bytes == (tmp_path / "a.wav").stat().st_size


def test_a_file_given_twice_or_by_folder_and_glob_counts_once(tmp_path: Path) -> None:
    write_tone(tmp_path / "a.wav")
    write_tone(tmp_path / "b.wav")
    assert names(tmp_path, tmp_path / "a.wav", tmp_path / "*.wav") == ["a.wav", "b.wav"]


def test_a_named_file_is_taken_whatever_its_suffix(tmp_path: Path) -> None:
    assert names(write_tone(tmp_path / "strange.name")) == ["strange.name"]


def test_links_count_once_and_loops_end(tmp_path: Path) -> None:
    write_tone(tmp_path / "music/a.wav")
    outside = write_tone(tmp_path / "outside/b.wav")
    (tmp_path / "music/0_link_to_a.wav").symlink_to(tmp_path / "music/a.wav")
    (tmp_path / "music/link_to_b.wav").symlink_to(outside)
    (tmp_path / "music/link_to_b_again.wav").symlink_to(outside)
    (tmp_path / "music/loop").symlink_to(tmp_path / "music")
    assert names(tmp_path / "music") == ["a.wav", "link_to_b.wav"]


def test_a_broken_link_is_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    assert names(tmp_path) == ["gone.wav"]


def test_a_link_to_itself_is_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    write_tone(tmp_path / "a.wav")
    (tmp_path / "loop.wav").symlink_to("loop.wav")
    (tmp_path / "loop").symlink_to("loop")
    assert names(tmp_path) == ["a.wav", "loop.wav"]


def test_pipes_are_passed_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["naïve 🎵.wav", "new\nline.wav", "x" * 250 + ".wav", "100%25.wav", "[a]*?.wav"])
def test_odd_names_round_trip(tmp_path: Path, name: str) -> None:
    write_tone(tmp_path / name)
    [file] = discover([str(tmp_path)]).files
    assert path_of_uri(file.uri) == str(tmp_path / name)
    assert printable(file.uri).isprintable()
    assert names(tmp_path / name) == [name]


def test_names_that_are_not_utf8_get_a_reversible_uri(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/caf\xe9.wav"
    Path(os.fsdecode(path)).write_bytes(write_tone(tmp_path / "a.wav").read_bytes())
    uris = [f.uri for f in discover([str(tmp_path)]).files]
    [odd] = [uri for uri in uris if uri.startswith("file://")]
    assert odd.endswith("caf%E9.wav")
    assert os.fsencode(path_of_uri(odd)) == path
    assert uri_of_path(path_of_uri(odd)) == odd


def test_excluded_files_are_skipped(tmp_path: Path) -> None:
    write_tone(tmp_path / "live/a.wav")
    write_tone(tmp_path / "b.wav")
    found = discover([str(tmp_path)], exclude=["*/live/*"])
    assert [os.path.basename(f.uri) for f in found.files] == ["b.wav"]
    assert len(found.excluded) == 1


def test_sidecar_paths_lead_out_of_its_folder_and_a_short_row_names_no_file(tmp_path: Path) -> None:
    write_tone(tmp_path / "music/deep/down/under/a.wav")
    sidecar = tmp_path / "lists" / "meta.csv"
    sidecar.parent.mkdir()
    sidecar.write_text("genre_tag,path\nRock,../music/deep/down/under/a.wav\nJazz\n")
    [joined], num_unmatched = join_sidecar(discover([str(tmp_path / "music")]).files, str(sidecar))
    assert (joined.metadata, num_unmatched) == ('{"genre_tag": "Rock"}', 1)


def test_a_sidecar_path_that_ends_those_of_two_files_names_neither(tmp_path: Path) -> None:
    for name in ("anna/hits/01.wav", "bert/hits/01.wav"):
        write_tone(tmp_path / "music" / name)
    sidecar = tmp_path / "meta.csv"
    sidecar.write_text("path,artist\nhits/01.wav,Somebody\nbert/hits/01.wav,Bert\n")
    joined, num_unmatched = join_sidecar(discover([str(tmp_path / "music")]).files, str(sidecar))
    assert ([f.metadata for f in joined], num_unmatched) == ([None, '{"artist": "Bert"}'], 1)


def test_urls_of_other_file_systems(tmp_path: Path) -> None:
    tone = write_tone(tmp_path / "a.wav")
    archive = tmp_path / "music.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.write(tone, "album/a.wav")
        file.write(tone, "album/cover.jpg")
    found = discover([f"zip://::{archive}"])
    assert [f.uri for f in found.files] == [f"zip://album/a.wav::{archive}"]
    assert found.files[0].num_bytes == tone.stat().st_size
    assert names(f"file://{tone}") == ["a.wav"]


@pytest.fixture
def no_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No account for S3 anywhere; its client, which keeps what it found, is a new one then and after."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    client = fsspec.get_filesystem_class("s3")
    client.clear_instance_cache()
    yield
    client.clear_instance_cache()


@pytest.mark.usefixtures("no_account")
@pytest.mark.parametrize("ask", [lambda uri: discover([uri]), lambda uri: check_is_ours(Dataset(Storage.at(uri)), uri)])
def test_a_bucket_without_an_account_is_a_bad_argument(ask: Callable[[str], object]) -> None:
    with pytest.raises(BadArgumentError, match="cannot list 's3://bucket/music': Unable to locate credentials"):
        ask("s3://bucket/music")


@pytest.mark.parametrize("source", ["/no/such/folder", "/no/such/*.wav", "nosuchprotocol://x/y"])
def test_a_source_that_is_not_there_is_a_bad_argument(source: str) -> None:
    with pytest.raises(BadArgumentError) as caught:
        discover([source])
    assert "\n" not in str(caught.value)


def test_the_sidecar_is_joined_by_path(tmp_path: Path) -> None:
    for name in ("000/a.wav", "000/b.wav", "c.wav"):
        write_tone(tmp_path / "music" / name)
    sidecar = tmp_path / "meta.csv"
    sidecar.write_text(f"path,genre_tag,licence\n000/a.wav,Rock,CC0\n{tmp_path}/music/c.wav,Jazz,\nnone.wav,x,y\n")
    joined, num_unmatched = join_sidecar(discover([str(tmp_path / "music")]).files, str(sidecar))
    assert [f.metadata for f in joined] == ['{"genre_tag": "Rock", "licence": "CC0"}', None, '{"genre_tag": "Jazz"}']
    assert num_unmatched == 1
    for content, said in (("file,genre\nx,y\n", "file, genre"), ("file,genre\n", "file, genre"), ("", "no columns")):
        sidecar.write_text(content)
        with pytest.raises(BadArgumentError, match=f"{said}: expected one named 'path'"):
            join_sidecar([], str(sidecar))
