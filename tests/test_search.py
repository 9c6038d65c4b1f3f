"""search: exact nearest neighbours, the index above a size, and every way to ask."""

import json
import tempfile
from pathlib import Path

import faiss
import numpy as np
import pytest
import soundfile

import pipeline.index
from fakes import Fake, fingerprint, track, track_id
from harness import write_recipe
from inline import inline_build, without_ray
from jobs.main import main
from pipeline.errors import BadArgumentError
from pipeline.index import nearest
from pipeline.search import described
from pipeline.vectors import FOLDER, Vectors, open_vectors, unit
from voices import RATE_HZ, faded, harmonic, vibrato_hz

NUM_TRACKS = 300
PRINT = fingerprint("singer")


def random_vectors(count: int, width: int = 256, seed: int = 0) -> np.ndarray:
    return unit(np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32))


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    """A dataset whose tracks have random voices; the last has none."""
    fake = Fake(tmp_path / "dataset")
    fake.run({"tracks": fingerprint("tracks"), "singer": PRINT})
    fake.rows("tracks", [track(i) for i in range(NUM_TRACKS)], fingerprint("tracks"))
    rows = [{"track_id": track_id(i), "voice_embedding": v.tolist()} for i, v in enumerate(random_vectors(NUM_TRACKS))]
    rows[-1]["voice_embedding"] = None
    fake.rows("singer", rows[:100], PRINT)
    fake.rows("singer", rows[100:], PRINT)
    return fake


def test_exact_search_ranks_by_cosine(fake: Fake) -> None:
    vectors = open_vectors(fake.dataset, "singer", "voice_embedding")
    query = random_vectors(1, seed=1)[0]
    scores = random_vectors(NUM_TRACKS)[:-1] @ query
    truth = [track_id(int(i)) for i in np.argsort(-scores)[:10]]
    found = nearest(vectors, query, 10)
    assert [name for name, _ in found] == truth
    assert [score for _, score in found] == pytest.approx(np.sort(scores)[::-1][:10], abs=1e-6)


def test_more_than_there_are_gives_all_that_have_a_vector(fake: Fake) -> None:
    vectors = open_vectors(fake.dataset, "singer", "voice_embedding")
    assert len(nearest(vectors, random_vectors(1)[0], 10_000)) == NUM_TRACKS - 1


def clustered(folder: Path) -> tuple[Vectors, np.ndarray]:
    """2000 vectors about 40 centres."""
    fake = Fake(folder)
    fake.run({"singer": PRINT})
    centres = random_vectors(40, seed=3)
    noise = np.random.default_rng(4).standard_normal((2000, 256)).astype(np.float32) * 0.03
    matrix = unit(centres[np.arange(2000) % 40] + noise)
    fake.rows("singer", [{"track_id": track_id(i), "voice_embedding": v.tolist()} for i, v in enumerate(matrix)], PRINT)
    return open_vectors(fake.dataset, "singer", "voice_embedding"), matrix


def test_above_a_size_an_index_finds_nearly_the_same(tmp_path: Path) -> None:
    vectors, matrix = clustered(tmp_path / "dataset")
    recalls = []
    for query in matrix[:20]:
        exact = nearest(vectors, query, 10)
        indexed = nearest(vectors, query, 10, exact_rows=100)
        assert indexed[0] == pytest.approx(exact[0])
        assert len(indexed) == 10
        recalls.append(len({name for name, _ in exact} & {name for name, _ in indexed}) / 10)
    assert (vectors.folder / "index.faiss").exists()
    assert np.mean(recalls) > 0.9


def test_an_index_is_made_above_the_size_alone_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, matrix = clustered(tmp_path / "dataset")
    path = vectors.folder / "index.faiss"
    nearest(vectors, matrix[0], 10, exact_rows=2000)
    assert not path.exists()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))  # it is made where it stays
    monkeypatch.setattr(pipeline.index, "_CHUNK_ROWS", 300)
    nearest(vectors, matrix[0], 10, exact_rows=1999)
    made = path.stat()
    nearest(vectors, matrix[1], 10, exact_rows=1999)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (made.st_ino, made.st_mtime_ns)
    assert faiss.read_index(str(path)).ntotal == 2000
    assert sorted(entry.name for entry in vectors.folder.iterdir()) == ["index.faiss", "tracks.npy", "vectors.npy"]


def test_of_more_than_an_index_looks_at_all_that_it_saw_are_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, matrix = clustered(tmp_path / "dataset")
    found = nearest(vectors, matrix[0], 1000, exact_rows=100)
    names, scores = [name for name, _ in found], [score for _, score in found]
    assert 50 <= len(set(names)) == len(names) < 500, "one list in twenty is looked at"
    assert scores == sorted(scores, reverse=True)
    assert scores == pytest.approx([matrix[int(name, 16)] @ matrix[0] for name in names], abs=1e-6)
    monkeypatch.setattr(pipeline.index, "_PROBED_SHARE", 1)
    assert len(nearest(vectors, matrix[0], 1000, exact_rows=100)) == 1000


def test_vectors_are_made_once_and_anew_when_rows_come(fake: Fake) -> None:
    first = open_vectors(fake.dataset, "singer", "voice_embedding")
    assert open_vectors(fake.dataset, "singer", "voice_embedding") == first
    fake.rows("singer", [{"track_id": track_id(999), "voice_embedding": [1.0] + [0.0] * 255}], PRINT)
    second = open_vectors(fake.dataset, "singer", "voice_embedding")
    assert second != first
    assert len(second.track_ids) == NUM_TRACKS
    assert not first.folder.exists()
    assert second.folder.is_relative_to(Path(fake.location) / FOLDER)
    assert "search" not in fake.dataset.fragments


def test_a_track_is_asked_for_by_the_beginning_of_its_id(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    matrix = random_vectors(NUM_TRACKS)[:-1]
    scores = matrix @ matrix[7]
    fake.rows("singer", [{"track_id": "c0ffee" + 26 * "0", "voice_embedding": matrix[7].tolist()}], PRINT)
    words = ["search", fake.location, "--track", "c0ff", "--by", "singer", "-k", "3", "--json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["track_id"] for row in found] == [track_id(int(i)) for i in np.argsort(-scores)[:3]]
    assert found[0]["rank"] == 1
    assert found[0]["title"].startswith("Song ")


def test_tracks_are_described_as_queries_have_them_with_a_file_that_is_there(fake: Fake) -> None:
    fake.file("/music/moved.wav", track_id(0))
    fake.file("/music/moved.wav", track_id(0), missing=True)
    fake.file("/music/there.wav", track_id(0), metadata={"artist": "From the sidecar"})
    fake.file("/music/rewritten.wav", track_id(1))
    fake.file("/music/rewritten.wav", track_id(2))
    *found, without_row = described(fake.dataset, [(track_id(number), 0.5) for number in (0, 1, 2, 999)])
    assert (without_row["track_id"], without_row["title"], without_row["uri"]) == (track_id(999), None, None)
    assert [(row["rank"], row["artist"], row["uri"]) for row in found] == [
        (1, "From the sidecar", "/music/there.wav"),
        (2, "Artist 1", None),
        (3, "Artist 2", "/music/rewritten.wav"),
    ]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--track", "0000", "--by", "singer"], "299 tracks begin so"),
        (["--track", "000", "--by", "singer"], "expected a track_id, its first 4 characters or more, or a file"),
        (["--track", "zz", "--by", "singer"], "no track with a voice_embedding"),
        (["--text", "a cello", "--by", "singer"], "--text goes with --by clap"),
        (["--text", "a cello"], "no fragment 'clap'"),
        (["--audio", "/nowhere.wav", "--by", "singer"], "the file was not there"),
        (["--track", "00", "--by", "singer", "-k", "0"], "-k is 0"),
    ],
)
def test_what_cannot_be_answered_is_one_sentence(
    fake: Fake, words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["search", fake.location, *words]) == 2
    assert complaint in capsys.readouterr().err


def test_a_dataset_without_vectors_says_so(tmp_path: Path) -> None:
    fake = Fake(tmp_path / "dataset")
    fake.run({"singer": PRINT})
    fake.rows("singer", [{"track_id": track_id(1), "voice_embedding": None}], PRINT)
    with pytest.raises(BadArgumentError, match="no track has a voice_embedding"):
        open_vectors(fake.dataset, "singer", "voice_embedding")


def test_audio_is_embedded_as_the_dataset_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    without_ray(monkeypatch)
    (tmp_path / "music").mkdir()
    for centre_hz in (110, 220, 440):
        voice = faded(harmonic(vibrato_hz(centre_hz, 5, 50, 3.0), num_harmonics=20))
        soundfile.write(tmp_path / "music" / f"{centre_hz}.wav", voice, RATE_HZ)
    inline_build(tmp_path / "music", tmp_path / "out", write_recipe(tmp_path, "fragments: {singer: {}}"))
    asked = tmp_path / "music" / "220.wav"
    assert main(["search", str(tmp_path / "out"), "--audio", str(asked), "--by", "singer", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found[0]["uri"].endswith("220.wav")
    assert found[0]["score"] == pytest.approx(1, abs=1e-4)
    assert found[1]["score"] < 0.999
