"""Show what a dataset holds: rows, missing, stale, failed and bytes of every fragment, and the last builds.

Stale are tracks whose row a build with the newest recipe would replace; readers see the old row until then.
"""

import argparse
import json
from typing import Any

from jobs.tables import readable_bytes, readable_moment, render
from pipeline.cost import readable_duration
from pipeline.dataset import open_dataset
from pipeline.status import status_report

EXAMPLE = "muze status dataset"
_COUNTS = ("rows", "missing", "stale", "failed")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", metavar="DATASET", help="folder or URL of the dataset")
    parser.add_argument("--json", action="store_true", help="print the report as JSON on stdout")


def run(args: argparse.Namespace) -> int:
    report = status_report(open_dataset(args.dataset))
    print(json.dumps(report) if args.json else _text(report))
    return 0


def _text(report: dict[str, Any]) -> str:
    gone = f" ({report['missing_files']} of them gone)" if report["missing_files"] else ""
    audio = readable_duration(report["audio_hours"] * 3600)
    lines = [f"{report['tracks']} tracks, {audio} of audio, from {report['files']} files{gone}", ""]
    fragments = [
        {"fragment": name, **counts, "bytes": readable_bytes(counts["bytes"])}
        for name, counts in report["fragments"].items()
    ]
    lines += [render(("fragment", *_COUNTS, "bytes"), fragments), ""]
    runs = [
        run | {"started": readable_moment(run["started_at"])} | ({"status": "never ended"} if run["dead"] else {})
        for run in report["runs"]
    ]
    lines.append(render(("run_id", "started", "recipe", "status", "new", "failed"), runs))
    if report["live_runs"]:
        lines += ["", f"at work now: {', '.join(report['live_runs'])}"]
    return "\n".join(lines)
