"""Everything that can be wrong with files: each ends in a reason or a sound row, and the rest is unharmed."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from harness import STUB_RECIPE, dump, write_recipe, write_tone
from inline import inline_build, without_ray
from jobs.named_recipes import load_recipe
from pipeline.accounts import files_by_uri
from pipeline.dataset import open_dataset
from pipeline.progress import Progress
from pipeline.reasons import Reason
from pipeline.run import BuildOptions, prepare
from pipeline.uris import path_of_uri

RATE_HZ = 22050
SOUND = "sound"


@pytest.fixture(autouse=True)
def _inline(monkeypatch: pytest.MonkeyPatch) -> None:
    without_ray(monkeypatch)


def tone(frequency_hz: float, duration_s: float = 2.0, rate_hz: int = RATE_HZ, channels: int = 1) -> np.ndarray:
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    return np.tile(0.4 * np.sin(2 * np.pi * frequency_hz * time_s)[:, None], channels).astype(np.float32)


def cut(source: Path, target: Path, share: float) -> None:
    data = source.read_bytes()
    target.write_bytes(data[: round(len(data) * share)])


def make_folder(music: Path) -> dict[str, set[str]]:
    """Write the files; return what may become of each: reasons, or SOUND."""
    expected: dict[str, set[str]] = {}

    def file(name: str, *outcomes: str) -> Path:
        expected[name] = set(outcomes)
        return music / name

    music.mkdir()
    whole = {}
    for index, suffix in enumerate((".wav", ".flac", ".ogg", ".mp3")):
        whole[suffix] = file(f"whole{suffix}", SOUND)
        soundfile.write(whole[suffix], tone(300 + index), RATE_HZ)
    file("zero.mp3", "empty").touch()
    file("text.mp3", "not_audio").write_text("dear diary, " * 100)
    cut(whole[".flac"], file("cut.flac", "truncated", "decode"), 0.5)
    cut(whole[".mp3"], file("cut.mp3", "truncated", SOUND), 0.5)
    shutil.copy(whole[".ogg"], file("wrong_extension.mp3", SOUND))
    soundfile.write(file("short.wav", SOUND), tone(400, 0.05), RATE_HZ)
    soundfile.write(file("silence.wav", SOUND), np.zeros(RATE_HZ, np.float32), RATE_HZ)
    soundfile.write(file("dc.wav", SOUND), np.full(RATE_HZ, 0.5, np.float32), RATE_HZ)
    broken = tone(500)
    broken[100:200], broken[300:400] = np.nan, np.inf
    soundfile.write(file("nan.wav", SOUND), broken, RATE_HZ, subtype="FLOAT")
    soundfile.write(file("8k.wav", SOUND), tone(410, rate_hz=8000), 8000)
    soundfile.write(file("192k.wav", SOUND), tone(420, rate_hz=192000), 192000)
    soundfile.write(file("six.wav", SOUND), tone(430, channels=6), RATE_HZ)
    soundfile.write(file("emoji 🎻.wav", SOUND), tone(440), RATE_HZ)
    soundfile.write(file("new\nline.wav", SOUND), tone(450), RATE_HZ)
    soundfile.write(file("x" * 250 + ".wav", SOUND), tone(460), RATE_HZ)
    soundfile.write(file("long.wav", "too_long"), tone(470, 40), RATE_HZ)
    file("broken_link.wav", "vanished").symlink_to(music / "nowhere.wav")
    (music / "loop").symlink_to(music)
    odd = os.fsdecode(b"latin \xe9.wav")
    shutil.copy(write_tone(music.parent / "spare.wav", 480), file(odd, SOUND))
    return expected


def outcomes(out: Path) -> dict[str, str]:
    """File name -> reason of its failure, or SOUND if its track has rows in every fragment."""
    dataset, rows = open_dataset(str(out)), dump(out)
    ids = [{row["track_id"] for row in rows[name]} for name in ("tracks", "power", "decibels", "peaks")]
    reasons = {uri: reason for _, uri, _, reason in rows["failures"]}
    found = {}
    for uri, file in files_by_uri(dataset).items():
        complete = all(file["track_id"] in some for some in ids)
        assert complete != (uri in reasons), uri
        found[os.path.basename(path_of_uri(uri))] = SOUND if complete else reasons[uri]
    return found


def test_every_bad_file_ends_in_a_reason_or_a_sound_row(tmp_path: Path) -> None:
    expected = make_folder(tmp_path / "music")
    recipe = write_recipe(tmp_path, STUB_RECIPE % "")
    tally = inline_build(tmp_path / "music", tmp_path / "dataset", recipe, max_duration_s=30)
    found = outcomes(tmp_path / "dataset")
    assert found.keys() == expected.keys()
    for name, outcome in found.items():
        assert outcome in expected[name], name
    assert set(found.values()) - {SOUND} <= {reason.value for reason in Reason}
    again = inline_build(tmp_path / "music", tmp_path / "dataset", recipe, max_duration_s=30).report()
    assert (again["new"], again["decodes"]) == (0, 0), "bad files are not tried again unasked"
    assert tally.report()["failed"] == sum(outcome != SOUND for outcome in found.values())


def planned_build(tmp_path: Path) -> Any:
    options = BuildOptions(
        [str(tmp_path / "music")], str(tmp_path / "dataset"), load_recipe(str(write_recipe(tmp_path)))
    )
    return prepare(options)


def test_a_file_deleted_between_plan_and_decode_has_vanished(tmp_path: Path) -> None:
    keep, gone = (write_tone(tmp_path / "music" / name, hz) for name, hz in (("a.wav", 300), ("b.wav", 400)))
    build = planned_build(tmp_path)
    gone.unlink()
    build.run(Progress())
    assert outcomes(tmp_path / "dataset") == {keep.name: SOUND, gone.name: "vanished"}


def test_a_file_rewritten_between_plan_and_decode_is_what_it_is_now(tmp_path: Path) -> None:
    path = write_tone(tmp_path / "music/a.wav", 300)
    build = planned_build(tmp_path)
    write_tone(path, 900)
    build.run(Progress())
    [row] = dump(tmp_path / "dataset")["tracks"]
    file = files_by_uri(open_dataset(str(tmp_path / "dataset")))[str(path)]
    assert file["track_id"] == row["track_id"]
    assert inline_build(tmp_path / "music", tmp_path / "dataset", tmp_path / "recipe.yaml").report()["unchanged"] == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="as an ordinary user the file itself is made unreadable below")
def test_a_file_without_read_permission_as_another_user(tmp_path: Path) -> None:
    """Root reads everything, so the build runs as nobody."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == 0 and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
    run_unreadable(tmp_path, ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_read_permission(tmp_path: Path) -> None:
    run_unreadable(tmp_path, [])


def run_unreadable(tmp_path: Path, prefix: list[str]) -> None:
    """Whether opening is refused as unreadable, in a process that has no right to."""
    path = write_tone(tmp_path / "secret.wav")
    path.chmod(0)
    code = (
        "import sys; from pipeline.source import open_content; from pipeline.reasons import Refused\n"
        "try:\n    open_content(sys.argv[1]).__enter__()\nexcept Refused as refusal:\n    print(refusal.reason.value)\n"
    )
    site = os.pathsep.join(path for path in sys.path if path)
    words = [*prefix, sys.executable, "-c", code, str(path)]
    done = subprocess.run(words, capture_output=True, text=True, env={"PYTHONPATH": site, "PATH": os.environ["PATH"]})
    if done.returncode == 126 or "ermission denied" in done.stderr.splitlines()[-1:]:
        pytest.skip("another user may not run this interpreter")
    assert done.stdout.strip() == "unreadable", done.stderr


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_folder_that_cannot_be_listed_is_a_failure_while_that_lasts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_gone: bool
) -> None:
    write_tone(tmp_path / "music/open/a.wav")
    closed = tmp_path / "music/closed"
    closed.mkdir()
    real = os.scandir

    def scandir(path: str) -> Any:
        if str(path) == str(closed):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    inline_build(tmp_path / "music", tmp_path / "dataset", write_recipe(tmp_path))
    [(_, uri, fragment, reason)] = dump(tmp_path / "dataset")["failures"]
    assert (uri, fragment, reason) == (str(closed), "tracks", "unreadable")
    inline_build(tmp_path / "music/open", tmp_path / "dataset", write_recipe(tmp_path))
    assert len(dump(tmp_path / "dataset")["failures"]) == 1, "nobody looked there"
    monkeypatch.undo()
    without_ray(monkeypatch)
    if is_gone:
        closed.rmdir()
    inline_build(tmp_path / "music", tmp_path / "dataset", write_recipe(tmp_path))
    assert dump(tmp_path / "dataset")["failures"] == []


DISK_FULL = """
import sys
sys.path[:0] = {paths!r}
import pytest, subprocess
from inline import inline_build, without_ray
from harness import committed_doubles, dump
from pipeline.dataset import open_dataset
from pipeline.errors import BuildFailedError
music, out, recipe, disk = sys.argv[1:]
without_ray(pytest.MonkeyPatch())
try:
    inline_build(music, out, recipe)
except BuildFailedError as error:
    print("full" if "No space left on device" in str(error) else error)
subprocess.run(["mount", "-o", "remount,size=200m", disk], check=True)
inline_build(music, out, recipe)
print({{name: len(rows) for name, rows in dump(out).items()}}, set(committed_doubles(open_dataset(out)).values()))
"""


def test_a_full_disk_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    """On a tmpfs of a few hundred kilobytes in a mount namespace of its own, enlarged afterwards."""
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespaces here")
    for index in range(40):
        write_tone(tmp_path / f"music/{index:03d}.wav", 200 + index)
    disk = tmp_path / "disk"
    disk.mkdir()
    script = tmp_path / "script.py"
    script.write_text(DISK_FULL.format(paths=[path for path in sys.path if path]))
    words = [sys.executable, script, tmp_path / "music", disk / "dataset", write_recipe(tmp_path), disk]
    shell = f'mount -t tmpfs -o size=64k none "{disk}" && exec "$@"'
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", shell, "sh", *map(str, words)], capture_output=True, text=True, check=False
    )
    full, counts = done.stdout.strip().splitlines()[-2:]
    assert full == "full", done.stderr
    assert counts == "{'tracks': 40, 'decibels': 40, 'peaks': 40, 'power': 40, 'failures': 0} {0}"
