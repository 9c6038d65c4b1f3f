"""The same music more than once: one content in several files, and one recording in several contents."""

from collections import Counter
from typing import Any

from jobs.pictures.report_views import CARD, Views
from pipeline.splits import Identity, group_keys

_NUM_EXAMPLES = 10
_NUM_MEMBERS = 5


def duplicates(views: Views) -> dict[str, Any]:
    """Copies, byte for byte, and groups of tracks that sound the same; None for those without ``timbre``."""
    copies = views.row(f"""
        SELECT count(*) AS tracks, coalesce(sum(num_files - 1), 0)::BIGINT AS extra_files
        FROM {CARD} WHERE num_files > 1""")
    examples = views.rows(f"""
        SELECT track_id, title, artist, uri, num_files FROM {CARD} WHERE num_files > 1
        ORDER BY num_files DESC, track_id LIMIT {_NUM_EXAMPLES}""")
    near = _near_identical(views) if views.have("timbre", "mfcc_mean") else None
    return {"copies": {**copies, "examples": examples}, "near_identical": near}


def _near_identical(views: Views) -> dict[str, Any]:
    """Groups by the rule that keeps a recording on one side of a split, without regard to artists.

    Memory is a few hundred bytes a track: spectra stay one matrix, and every identity points to its row of it.
    """
    found = views.table(f"""
        SELECT track_id, duration_s, mfcc_mean FROM {CARD} JOIN timbre USING (track_id)
        WHERE mfcc_mean IS NOT NULL AND duration_s IS NOT NULL ORDER BY track_id""")
    spectra = found["mfcc_mean"].combine_chunks().flatten().to_numpy().reshape(len(found), -1) if len(found) else []
    facts = zip(found["track_id"].to_pylist(), found["duration_s"].to_pylist(), spectra, strict=True)
    keys = group_keys([Identity(track_id, None, duration_s, spectrum) for track_id, duration_s, spectrum in facts])
    sizes = {key: size for key, size in Counter(keys.values()).items() if size > 1}
    largest = sorted(sizes, key=lambda key: (-sizes[key], key))[:_NUM_EXAMPLES]
    members = {key: [track_id for track_id, of in keys.items() if of == key][:_NUM_MEMBERS] for key in largest}
    return {
        "groups": len(sizes),
        "tracks": sum(sizes.values()),
        "examples": [{"size": sizes[key], "tracks": _described(views, members[key])} for key in largest],
    }


def _described(views: Views, track_ids: list[str]) -> list[dict[str, Any]]:
    sql = f"SELECT track_id, title, artist, uri, duration_s FROM {CARD} WHERE track_id IN (SELECT unnest(?))"
    return views.rows(f"{sql} ORDER BY track_id", track_ids)
