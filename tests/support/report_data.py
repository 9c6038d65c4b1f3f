"""The dataset that tests of the report look at."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from fakes import FRAGMENTS, START, Fake, fingerprint, track, track_id
from pipeline.snapshot import create_snapshot
from schemas.fragment import Fragment, column
from schemas.fragments.clap import CLAP
from schemas.fragments.lyrics import LYRICS
from schemas.fragments.theory import THEORY

TRAP = "</script><script>hacked=1</script>\"'><img src=x onerror=hacked=1>{{ 7*7 }}&lt;\u202e\x1b[2J"
AGREEMENTS = ("tempo_agreement", "beat_agreement", "key_agreement", "chord_agreement")
OPINIONS = Fragment("opinions", 1, "Agreement.", tuple(column(name, pa.float32(), doc="0-1") for name in AGREEMENTS))
ADDED = {f.name: f for f in (CLAP, LYRICS, THEORY, OPINIONS)}
PRINTS = {name: fingerprint(name) for name in [*FRAGMENTS, *ADDED]}
NUM = 40


def tracks() -> list[dict[str, Any]]:
    rows = [
        track(
            n,
            artist=f"Artist {n // 4}",
            genre_tag=("Rock", "Folk", None)[n % 3],
            rights=("CC BY 4.0", None, TRAP)[n % 3],
        )
        for n in range(NUM)
    ]
    rows[0] |= {"title": TRAP, "artist": TRAP, "genre_tag": TRAP}
    rows[1] |= {"title": None, "duration_s": 5000.0}
    rows[39]["duration_s"] = rows[38]["duration_s"]
    return rows


def fill(made: Fake) -> None:
    """Rows of every kind that a report looks at; numbers are unlike each other, so that no two can be confused."""
    rng = np.random.default_rng(0)
    spectrum = rng.normal(0, 40, (NUM, 20))
    spectrum[39] = spectrum[38] + 0.5
    vectors = rng.normal(0, 1, (NUM, 512))
    some = [track_id(n) for n in range(NUM)]
    columns: dict[str, list[dict[str, Any]]] = {
        "level": [{"loudness_lufs": -10.0 - n / 3 if n % 5 else None} for n in range(NUM)],
        "rhythm": [{"tempo_bpm": 70.0 + 2.5 * n} for n in range(NUM - 6)],
        "harmony": [{"key": ("F# minor", "Bb major", "C major", None)[n % 4]} for n in range(NUM - 1)],
        "timbre": [{"mfcc_mean": row.tolist()} for row in spectrum],
        "lyrics": [{"language": ("en", "pt", None)[n % 3]} for n in range(20)],
        "theory": [{"genres": [{"genre": "blues"}, {"genre": "rock"}] if n % 2 else []} for n in range(NUM)],
        "clap": [{"clap_audio_embedding": row.tolist() if n > 1 else None} for n, row in enumerate(vectors)],
        "opinions": [{"key_agreement": n / NUM, "tempo_agreement": 0.5 if n % 2 else None} for n in range(NUM)],
    }
    made.rows("tracks", tracks(), PRINTS["tracks"])
    for name, rows in columns.items():
        keyed = [{"track_id": track_id} | row for track_id, row in zip(some, rows, strict=False)]
        made.rows(name, keyed, PRINTS[name], ADDED.get(name))
    made.plain("files", [made.file_row(f"/music/{n}.wav", track_id(n)) for n in range(NUM)])
    made.file("/copies/0.wav", track_id(0))
    made.file("/music/2.wav", track_id(2), metadata={"licence": "CC0", "rights": "CC0 1.0"})
    made.file("/gone/3.wav", track_id(3), missing=True)
    made.file(f"/music/{TRAP}.wav", None)
    made.failure(None, f"/music/{TRAP}.wav", "tracks", PRINTS["tracks"], "not_audio")
    for n in range(NUM - 6, NUM - 2):
        made.failure(track_id(n), f"/music/{n}.wav", "rhythm", PRINTS["rhythm"], "timeout" if n % 4 else "error")


def write_run(made: Fake, run_id: str, slowest: Sequence[Mapping[str, Any]] = (), **columns: Any) -> None:
    """A build on record, an hour long."""
    counts: dict[str, Any] = {"new": 7, "failed": 3, "wall_s": 3600.0, "audio_hours": 50.0, "realtime_factor": 50.0}
    counts |= {"slowest_tracks": list(slowest)} if slowest else {}  # builds before there were any have none
    row = {
        "run_id": run_id,
        "status": "done",
        "started_at": START - timedelta(days=1),
        "finished_at": START,
        "recipe": json.dumps({"name": "full", "fragments": {}}),
        "fingerprints": list(PRINTS.items()),
        "promoted": list(PRINTS.items()),
        "counts": json.dumps(counts),
        "seconds": [("rhythm", 300.0), ("level", 100.0)],
        "audio_s": [("rhythm", 6000.0), ("level", 6000.0)],
    }
    made.plain("runs", [row | columns], f"{run_id}-end")


def slow(number: int, seconds: float, audio_s: float) -> dict[str, Any]:
    """A track among the slowest of a build, most of whose time went into its rhythm."""
    name = {"track_id": track_id(number), "slowest_fragment": "rhythm", "slowest_fragment_s": 0.75 * seconds}
    return {**name, "seconds": seconds, "audio_s": audio_s}


def write_report_data(folder: Path) -> Fake:
    """Builds, rows, failures and a snapshot of ``NUM`` tracks."""
    made = Fake(folder)
    write_run(made, "first", slowest=[slow(99, 500.0, 50.0), slow(3, 400.0, 63.0), slow(7, 50.0, 67.0)])
    again = {"slowest": [slow(3, 100.0, 63.0), slow(0, 50.0, 60.0)], "started_at": START}
    write_run(made, "second", **again, seconds=[("rhythm", 100.0)], audio_s=[("rhythm", 2000.0)])
    write_run(made, "dead", status="running", counts=None, promoted=[], seconds=None, audio_s=None)
    fill(made)
    create_snapshot(made.dataset, "first")
    return made


def by_name(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in rows}


def values(fake: Fake, fragment: str, column: str) -> list[Any]:
    return [value for value in fake.dataset.table(fragment)[column].to_pylist() if value is not None]
