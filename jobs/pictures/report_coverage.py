"""What is there, missing, stale and failed: the figures of ``muze status``, of a snapshot too, and the reasons."""

from collections.abc import Collection, Mapping
from typing import Any

import pyarrow as pa

from jobs.pictures.report_views import CARD, FAILURES, Views, quoted
from pipeline.contents import Contents, newest_fingerprints
from pipeline.dataset import Dataset
from pipeline.reasons import Reason
from pipeline.views import open_views
from schemas.tables import TABLES

RENEWED = "_renewed"
"""View of (fragment, track_id): what the newest recipe has done already of fragments that are going stale."""
_NUM_EXAMPLES = 3
_RENEWED_SCHEMA = pa.schema([("fragment", pa.string()), ("track_id", pa.string())])
_MEANINGS = {reason.value: reason.meaning for reason in Reason}


def going_stale(dataset: Dataset, contents: Contents) -> dict[str, str]:
    """Fragment -> its newest fingerprint, where readers still see an older one."""
    newest = newest_fingerprints(dataset)
    return {name: newest[name] for name, print_ in contents.fingerprints.items() if newest.get(name, print_) != print_}


def renewed(dataset: Dataset, contents: Contents, newest: Mapping[str, str]) -> pa.Table:
    """(fragment, track_id) of what is done already, row or failure, with the newest fingerprints."""
    if not newest:
        return _RENEWED_SCHEMA.empty_table()
    shards = {name: dataset.shards(name, print_) for name, print_ in newest.items()}
    around = {name: contents.tables[name] for name in TABLES}
    with_rows = [name for name in newest if shards[name]]
    parts = [f"SELECT ? AS fragment, track_id FROM {quoted(name)}" for name in with_rows]
    parts.append("SELECT fragment, track_id FROM failures WHERE track_id IS NOT NULL")
    with open_views(dataset.storage, Contents(newest, shards | around)) as connection:
        return connection.sql(" UNION ALL ".join(parts), params=with_rows).to_arrow_table()


def coverage(views: Views, contents: Contents, stale: Collection[str]) -> dict[str, dict[str, Any]]:
    """Fragment -> its fingerprint, rows, missing, stale and failed tracks, and bytes; ``stale`` are going stale."""
    return {
        name: {
            "fingerprint": print_,
            **views.row(_counts(views, name, name in stale), name, name),
            "bytes": sum(shard.num_bytes for shard in contents.shards(name)),
        }
        for name, print_ in contents.fingerprints.items()
    }


def _counts(views: Views, fragment: str, stale: bool) -> str:
    """SQL for one row of counts, with the fragment's name as its two values."""
    rows = quoted(fragment) if fragment in views.columns else f"(SELECT track_id FROM {CARD} WHERE false)"
    old = f"(SELECT count(*) FROM {rows} AS r ANTI JOIN renewed USING (track_id))" if stale else "0"
    return f"""
        WITH failed AS (SELECT track_id FROM {FAILURES} WHERE fragment = ?),
             renewed AS (SELECT track_id FROM {RENEWED} WHERE fragment = ?)
        SELECT (SELECT count(*) FROM {rows} AS r) AS rows,
               (SELECT count(*) FROM {CARD} ANTI JOIN {rows} AS r USING (track_id)
                ANTI JOIN failed USING (track_id)) AS missing,
               {old} AS stale,
               (SELECT count(*) FROM failed) AS failed"""


def failures(views: Views) -> list[dict[str, Any]]:
    """Standing failures by fragment and reason, the most frequent first, with a few files each."""
    found = views.rows(f"""
        SELECT reason, fragment, count(*) AS count,
               min_by(struct_pack(uri, message), uri, {_NUM_EXAMPLES}) AS examples
        FROM {FAILURES} GROUP BY ALL ORDER BY count DESC, fragment, reason""")
    return [row | {"meaning": _MEANINGS.get(row["reason"], "")} for row in found]


def num_failed_tracks(views: Views) -> int:
    """Tracks, or files that never became one, with at least one failure."""
    return int(views.row(f"SELECT count(DISTINCT coalesce(track_id, uri)) AS n FROM {FAILURES}")["n"])
