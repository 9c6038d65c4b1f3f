"""Files for ``--out``: whole or not at all, and one sentence where they cannot be."""

from pathlib import Path

import pytest

from full_disk import no_file_above
from pipeline.errors import BadArgumentError
from pipeline.out_file import require_writable, scratch_beside, write_whole


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
