"""The card of a dataset: every figure of the report, as one document that JSON can hold."""

from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from jobs.pictures.report_coverage import (
    RENEWED,
    coverage,
    failures,
    going_stale,
    num_failed_tracks,
    renewed,
)
from jobs.pictures.report_distributions import agreements, distributions, rights
from jobs.pictures.report_duplicates import duplicates
from jobs.pictures.report_history import compute, history, slowest_tracks, snapshots
from jobs.pictures.report_map import embedding_map
from jobs.pictures.report_views import CARD, Views, report_views
from pipeline.contents import Contents, current_contents
from pipeline.dataset import Dataset
from pipeline.snapshot import load_snapshot


def dataset_card(dataset: Dataset, snapshot: str | None = None) -> dict[str, Any]:
    """The figures of a dataset, as it is now or as a snapshot pins it; ``report --json`` prints them.

    Rows are counted in DuckDB; memory is that of a few short columns, of the map's sample and, with ``timbre``, of
    the mean spectra. Raises BadArgumentError if there is no such snapshot, BuildFailedError if rows cannot be read.
    """
    contents = load_snapshot(dataset, snapshot).contents if snapshot else current_contents(dataset)
    newest = {} if snapshot else going_stale(dataset, contents)
    with report_views(dataset.storage, contents, {RENEWED: renewed(dataset, contents, newest)}) as views:
        return {
            "dataset": dataset.storage.root,
            "snapshot": snapshot,
            "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "muze_version": version("muze"),
            **_totals(views, contents),
            "failed_tracks": num_failed_tracks(views),
            "fragments": coverage(views, contents, newest),
            "failures": failures(views),
            "distributions": distributions(views),
            "map": embedding_map(dataset.storage, contents, views),
            "agreements": agreements(views),
            "duplicates": duplicates(views),
            "rights": rights(views),
            "snapshots": snapshots(dataset),
            "compute": compute(views),
            "slowest_tracks": slowest_tracks(views),
            **history(dataset, views),
        }


def _totals(views: Views, contents: Contents) -> dict[str, Any]:
    audio = views.row(f"SELECT count(*) AS tracks, coalesce(sum(duration_s), 0) / 3600 AS audio_hours FROM {CARD}")
    files = views.row("SELECT count(*) AS files, count(missing_since) AS missing_files FROM files")
    shards = [shard for shards in contents.tables.values() for shard in shards]
    return {
        "tracks": audio["tracks"],
        "audio_hours": round(audio["audio_hours"], 6),
        **files,
        "bytes": sum(shard.num_bytes for shard in shards),
    }
