"""Free space: remove rows that no reader, snapshot or newest recipe asks for, and files of broken builds.

Refuses while a build is at work. What a snapshot pins always stays.
"""

import argparse
import json

from jobs.tables import readable_bytes
from pipeline.dataset import open_dataset
from pipeline.gc import collect_garbage

EXAMPLE = "muze gc dataset --dry-run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", metavar="DATASET", help="folder or URL of the dataset")
    parser.add_argument("--dry-run", action="store_true", help="say what would go, and remove nothing")
    parser.add_argument("--json", action="store_true", help="print the report as JSON on stdout")


def run(args: argparse.Namespace) -> int:
    report = collect_garbage(open_dataset(args.dataset), args.dry_run).report()
    if args.json:
        print(json.dumps(report | {"dry_run": args.dry_run}))
        return 0
    for name, stale in report["fragments"].items():
        print(f"{name}: {stale['files']} shards of old fingerprints, {readable_bytes(stale['bytes'])}")
    if report["objects"]["files"]:
        print(f"{report['objects']['files']} audio objects without a row, {readable_bytes(report['objects']['bytes'])}")
    if report["orphans"]["files"]:
        print(f"{report['orphans']['files']} files in no log, {readable_bytes(report['orphans']['bytes'])}")
    verb = "would free" if args.dry_run else "freed"
    print(f"{verb} {readable_bytes(report['bytes'])} in {report['files']} files")
    return 0
