"""Files for ``--out``: whole or not at all, and one sentence where they cannot be."""

import os
import threading
from pathlib import Path

import pytest

from full_disk import no_file_above
from jobs.main import main
from pipeline.errors import BadArgumentError
from pipeline.out_file import require_writable, scratch_beside, stream_to, write_whole


def test_what_there_is_stays_until_all_is_written(tmp_path: Path) -> None:
    out = tmp_path / "a.json"
    write_whole(out, b"old")
    with no_file_above(1 << 16), pytest.raises(BadArgumentError, match=f"cannot write --out '{out}': File too large"):
        write_whole(out, bytes(1 << 17))
    assert out.read_bytes() == b"old"
    write_whole(out, b"new")
    assert out.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [out]


def test_it_may_be_read_by_all_who_may_read_new_files(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    write_whole(tmp_path / "a.json", b"")
    assert (tmp_path / "a.json").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_name_in_the_current_folder_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    require_writable(Path("a.json"))
    assert list(tmp_path.iterdir()) == []
    write_whole(Path("a.json"), b"new")
    assert (tmp_path / "a.json").read_bytes() == b"new"


def test_where_it_cannot_be_written_is_known_before(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out, reason in {
        tmp_path / "none" / "a.json": "No such file or directory",
        tmp_path / "file" / "a.json": "Not a directory",
        tmp_path / f"{'a' * 256}.json": "File name too long",
        tmp_path: "is a folder, give the name of a file",
    }.items():
        with pytest.raises(BadArgumentError, match="cannot write --out") as error:
            require_writable(out)
        assert reason in str(error.value)
    with pytest.raises(BadArgumentError, match="No such file"), scratch_beside(tmp_path / "none" / "a.json"):
        pass
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_a_name_says_what_is_in_it(tmp_path: Path) -> None:
    require_writable(tmp_path / "a.PNG", ".html", ".png")
    with pytest.raises(BadArgumentError, match=r"--out is 'a.txt': expected a name that ends in .html or .png"):
        require_writable(Path("a.txt"), ".html", ".png")


def test_a_link_stays_and_leads_to_what_is_new(tmp_path: Path) -> None:
    (tmp_path / "behind").mkdir()
    (tmp_path / "link.json").symlink_to("behind/a.json")
    write_whole(tmp_path / "link.json", b"new")
    with stream_to(tmp_path / "link.json", binary=True) as file:
        file.write(b"newer")
        assert (tmp_path / "behind" / "a.json").read_bytes() == b"new"
    assert os.readlink(tmp_path / "link.json") == "behind/a.json"
    assert (tmp_path / "behind" / "a.json").read_bytes() == b"newer"
    assert os.listdir(tmp_path / "behind") == ["a.json"]


def test_a_pipe_gets_a_stream_and_is_refused_where_a_file_is_needed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BadArgumentError, match="is a pipe or a device, give the name of a file"):
        require_writable(tmp_path / "pipe")
    with pytest.raises(BadArgumentError, match="is a pipe or a device, give the name of a file"):
        write_whole(tmp_path / "pipe", b"x")
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append((tmp_path / "pipe").read_text()))
    reader.start()
    with stream_to(tmp_path / "pipe", binary=False) as file:
        file.write("as it comes")
    reader.join()
    assert got == ["as it comes"]
    assert (tmp_path / "pipe").is_fifo()
    with (
        pytest.raises(BadArgumentError, match="is a folder, give the name of a file"),
        stream_to(tmp_path, binary=True),
    ):
        pass


@pytest.mark.parametrize(
    ("words", "option"),
    [
        (["report", "d", "--out", "s3://b/r.html"], "--out"),
        (["export", "d", "--format", "muzible-v3.1", "--out", "s3://b/x.json"], "--out"),
        (["show", "d", "t", "--out", "s3://b/t.html"], "--out"),
        (["generate", "--run", "r", "--out", "s3://b/a.wav"], "--out"),
        (["generate", "--run", "s3://b/r", "--out", "a.wav"], "--run"),
        (["evaluate", "--run", "r", "--data", "p", "--out", "s3://b/e.json"], "--out"),
        (["evaluate", "--run", "s3://b/r", "--data", "p"], "--run"),
        (["import", "s3://b/x.json", "--out", "d"], "FILE.json"),
        (["demo", "--out", "s3://b/demo"], "--out"),
        (["models", "pull", "--bundle", "s3://b/w.tar"], "--bundle"),
        (["models", "pull", "--from", "s3://b/w.tar"], "--from"),
    ],
)
def test_a_url_is_no_name_of_a_folder(
    words: list[str], option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"{option} is 's3://b/" in error
    assert "expected a path" in error
    assert list(tmp_path.iterdir()) == []
