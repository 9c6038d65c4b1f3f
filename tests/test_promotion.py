"""Which fingerprint readers see."""

from pathlib import Path

from fakes import Fake, fingerprint, track_id
from pipeline.promotion import promotable

OLD, NEW = ({"tracks": fingerprint("tracks"), "level": fingerprint(word)} for word in ("old", "new"))


def test_a_new_fingerprint_takes_over_once_its_rows_and_failures_cover_those_of_the_old_one(tmp_path: Path) -> None:
    fake = Fake(tmp_path / "dataset")
    fake.run(OLD)
    fake.rows("level", [{"track_id": track_id(n)} for n in range(2)], OLD["level"])
    fake.failure(track_id(2), "/2.wav", "level", OLD["level"])
    wanted = NEW | {"rhythm": fingerprint("never built")}
    fake.rows("level", [{"track_id": track_id(0)}], NEW["level"])
    fake.failure(track_id(1), "/1.wav", "level", NEW["level"])
    assert promotable(fake.dataset, wanted) == {}, "track 2 has neither"
    fake.rows("level", [{"track_id": track_id(2)}], NEW["level"])
    assert promotable(fake.dataset, wanted) == {"level": NEW["level"]}
