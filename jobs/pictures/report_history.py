"""What happened to a dataset: its builds, what they computed, and the snapshots taken."""

import json
from collections.abc import Mapping
from typing import Any

from jobs.pictures.report_views import CARD, Views
from pipeline.dataset import Dataset
from pipeline.errors import BuildFailedError
from pipeline.live import is_dead, live_runs
from pipeline.snapshot import load_snapshot, snapshot_names
from pipeline.track_times import NUM_SLOWEST

NUM_RUNS = 50
_SLOWEST = """[{"track_id": "VARCHAR", "seconds": "DOUBLE", "audio_s": "DOUBLE",
                "slowest_fragment": "VARCHAR", "slowest_fragment_s": "DOUBLE"}]"""


def history(dataset: Dataset, views: Views) -> dict[str, Any]:
    """The last builds, newest first, how many there were, and which are at work now."""
    rows = views.rows(f"""
        SELECT run_id, status, started_at, finished_at, recipe, counts FROM runs
        ORDER BY started_at DESC, run_id LIMIT {NUM_RUNS}""")
    at_work = live_runs(dataset.storage)
    return {
        "num_runs": views.row("SELECT count(*) AS n FROM runs")["n"],
        "at_work": at_work,
        "runs": [_run(row, at_work) for row in rows],
    }


def _run(row: Mapping[str, Any], at_work: list[str]) -> dict[str, Any]:
    report = json.loads(row["counts"] or "{}")
    finished_at = row["finished_at"]
    return {
        "run_id": row["run_id"],
        "status": row["status"],
        "dead": is_dead(row, at_work),
        "started_at": row["started_at"].isoformat(),
        "finished_at": finished_at and finished_at.isoformat(),
        "recipe": json.loads(row["recipe"])["name"],
        **{name: report.get(name) for name in ("new", "failed", "audio_hours", "wall_s", "realtime_factor")},
    }


def compute(views: Views) -> list[dict[str, Any]]:
    """Compute time of every fragment over all builds, the slowest first.

    ``realtime_factor`` is seconds of audio a second of compute: small is slow.
    """
    return views.rows(f"""
        WITH spent AS ({_entries("seconds")}), heard AS ({_entries("audio_s")})
        SELECT spent.fragment, spent.total AS seconds, heard.total AS audio_s,
               heard.total / nullif(spent.total, 0) AS realtime_factor,
               spent.total / nullif(sum(spent.total) OVER (), 0) AS share
        FROM spent LEFT JOIN heard USING (fragment) ORDER BY seconds DESC, spent.fragment""")


def slowest_tracks(views: Views) -> list[dict[str, Any]]:
    """The tracks that took longest in any one build, the slowest first; each build has its slowest on record."""
    return views.rows(
        f"""
        WITH noted AS (SELECT from_json(counts->'$.slowest_tracks', ?) AS tracks FROM runs),
        taken AS (SELECT unnest(tracks, recursive := true) FROM noted)
        SELECT track_id, title, artist, uri, audio_s, seconds, audio_s / nullif(seconds, 0) AS realtime_factor,
               slowest_fragment, slowest_fragment_s
        FROM taken JOIN {CARD} USING (track_id)
        QUALIFY row_number() OVER (PARTITION BY track_id ORDER BY seconds DESC, slowest_fragment) = 1
        ORDER BY seconds DESC, track_id LIMIT {NUM_SLOWEST}""",
        _SLOWEST,
    )


def _entries(column: str) -> str:
    """SQL for the sums of a map column by key."""
    entries = f"SELECT unnest(map_entries({column})) AS entry FROM runs WHERE {column} IS NOT NULL"
    return f"SELECT entry.key AS fragment, sum(entry.value) AS total FROM ({entries}) GROUP BY fragment"


def snapshots(dataset: Dataset) -> list[dict[str, Any]]:
    """The snapshots by name, with the sizes of their splits, or with the problem of a damaged one."""
    return [_snapshot(dataset, name) for name in snapshot_names(dataset)]


def _snapshot(dataset: Dataset, name: str) -> dict[str, Any]:
    try:
        snapshot = load_snapshot(dataset, name)
    except BuildFailedError as error:
        return {"name": name, "problem": str(error)}
    split = {side: len(track_ids) for side, track_ids in snapshot.split.items()}
    return {"name": name, "created_at": snapshot.created_at, "tracks": sum(split.values()), "split": split}
