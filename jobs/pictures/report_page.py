"""The report as a page: one file that asks for nothing, and in which no tag or file name can act.

Jinja escapes every value; control characters are spelled out; and the page's own policy allows no script but the one
it carries, by its hash. Files appear by name, not by path, so that a page can be handed on.
"""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jobs.pictures import report_charts as charts
from jobs.pictures.report_words import FILTERS, count, file_name
from pipeline.errors import BuildFailedError

_HERE = Path(__file__).parent
_NUM_BARS = 12


def render_page(card: Mapping[str, Any]) -> str:
    """Return the HTML of a card. Raises BuildFailedError if the packages for pictures are not installed."""
    script = (_HERE / "report.js").read_text()
    page: str = _template().render(
        card=card,
        name=file_name(card["dataset"]),
        state=state(card),
        distributions=[_with_chart(found) for found in card["distributions"]],
        map=card["map"] and charts.map_chart(card["map"]),
        sides=list(dict.fromkeys(side for snapshot in card["snapshots"] for side in snapshot.get("split", {}))),
        box={"width": charts.WIDTH, "height": charts.HEIGHT, "left": charts.LEFT, "right": charts.RIGHT},
        num_bars=_NUM_BARS,
        style=(_HERE / "report.css").read_text(),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )
    return page


@cache
def _template() -> Any:
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise BuildFailedError("a report needs Jinja2: pip install 'muze[pictures]'") from error
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= FILTERS
    return environment.get_template("report.jinja")


def _with_chart(found: Mapping[str, Any]) -> dict[str, Any]:
    if found["kind"] == "histogram":
        return {**found, "chart": charts.histogram_chart(found) if found["tracks"] else None}
    return {**found, "chart": charts.keys_chart(found) if found["name"] == "key" else None}


def state(card: Mapping[str, Any]) -> dict[str, Any]:
    """The state of a dataset in a word and a sentence, and the share of its rows that are there and current.

    Of fragment tracks every track has a row, so these make no share; but they go stale as others do.
    """
    tracks = card["tracks"]
    fragments = {name: row for name, row in card["fragments"].items() if name != "tracks"}
    totals = {kind: sum(row[kind] for row in card["fragments"].values()) for kind in ("missing", "stale", "failed")}
    wanted = tracks * len(fragments)
    current = sum(row["rows"] - row["stale"] for row in fragments.values())
    complete = current / wanted if wanted else float(tracks > 0)
    problems = [
        f"{count(totals[kind])} {kind} (most in {_most(card['fragments'], kind)})"
        for kind in ("missing", "stale", "failed")
        if totals[kind]
    ]
    if not tracks:
        failed = card["failed_tracks"]
        word, sentence = "empty", f"No track has decoded; {count(failed)} failed." if failed else "No track yet."
    elif problems:
        word, sentence = "incomplete", f"Rows: {', '.join(problems)}."
    else:
        word, sentence = "complete", "Every track has a current row of every fragment."
    return {"word": word, "sentence": sentence, "complete": complete}


def _most(fragments: Mapping[str, Mapping[str, int]], kind: str) -> str:
    return max(fragments, key=lambda name: fragments[name][kind])
