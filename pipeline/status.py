"""How a dataset stands: what is there, what is missing, stale or failed, and what the last builds did."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow.compute as pc

from pipeline.accounts import files_by_uri, standing_failures
from pipeline.contents import Contents, current_contents, newest_fingerprints
from pipeline.dataset import Dataset
from pipeline.errors import BadArgumentError
from pipeline.live import is_dead, live_runs
from schemas.fragments.tracks import TRACKS

_NUM_RUNS = 5


def status_report(dataset: Dataset) -> dict[str, Any]:
    """The document that ``status --json`` prints."""
    contents = current_contents(dataset)
    files = files_by_uri(dataset)
    ids = {name: dataset.track_ids(name, print_) for name, print_ in contents.fingerprints.items()}
    runs, at_work = dataset.runs(), live_runs(dataset.storage)
    return {
        "dataset": dataset.storage.root,
        "tracks": len(ids.get(TRACKS.name, ())),
        "audio_hours": round(_audio_s(dataset, contents) / 3600, 6),
        "files": len(files),
        "missing_files": sum(row["missing_since"] is not None for row in files.values()),
        "fragments": _fragments(dataset, contents, ids, files, newest_fingerprints(dataset)),
        "runs": [_run(run, at_work) for run in reversed(runs[-_NUM_RUNS:])],
        "live_runs": at_work,
    }


def _audio_s(dataset: Dataset, contents: Contents) -> float:
    try:
        rows = dataset.table(TRACKS.name, ["duration_s"], fingerprint=contents.fingerprints.get(TRACKS.name))
    except BadArgumentError:  # no track has decoded yet
        return 0.0
    return float(pc.sum(rows["duration_s"]).as_py() or 0.0)


def _fragments(
    dataset: Dataset,
    contents: Contents,
    ids: Mapping[str, set[str]],
    files: Mapping[str, Mapping[str, Any]],
    newest: Mapping[str, str],
) -> dict[str, Any]:
    failures = standing_failures(dataset, contents.fingerprints, files, ids)
    failed = Counter(failure["fragment"] for failure in failures)
    covered = {name: set(rows) for name, rows in ids.items()}
    for failure in failures:
        covered[failure["fragment"]].add(failure["track_id"])
    return {
        name: {
            "fingerprint": print_,
            "rows": len(ids[name]),
            "missing": len(ids.get(TRACKS.name, set()) - covered[name]),
            "stale": _num_stale(dataset, name, ids[name], print_, newest.get(name, print_)),
            "failed": failed[name],
            "bytes": sum(shard.num_bytes for shard in contents.shards(name)),
        }
        for name, print_ in contents.fingerprints.items()
    }


def _num_stale(dataset: Dataset, fragment: str, ids: set[str], current: str, newest: str) -> int:
    """Tracks whose row the newest recipe would replace, and whose new row or failure is not there yet."""
    if newest == current:
        return 0
    failures = standing_failures(dataset, {fragment: newest})
    return len(ids - dataset.track_ids(fragment, newest) - {failure["track_id"] for failure in failures})


def _run(run: Mapping[str, Any], at_work: list[str]) -> dict[str, Any]:
    counts = json.loads(run["counts"] or "{}")
    finished_at = run["finished_at"]
    return {
        "run_id": run["run_id"],
        "status": run["status"],
        "dead": is_dead(run, at_work),
        "started_at": run["started_at"].isoformat(),
        "finished_at": finished_at and finished_at.isoformat(),
        "recipe": json.loads(run["recipe"])["name"],
        "new": counts.get("new"),
        "failed": counts.get("failed"),
        "wall_s": counts.get("wall_s"),
    }
